// Where a backtest's rows come from besides CSV: Parquet files, and rows of a plant's history.
//
// Threads: functions from any. Errors: kInvalid or kNotFound with file, column or sensor. Limits: memory, 8 bytes a
// value.
#pragma once

#include <string>
#include <vector>

#include "backtest/table.hpp"
#include "core/result.hpp"
#include "training/training_data.hpp"

namespace millwright::training {

// A CSV, or a Parquet file where the name ends so: the time first, then a column of numbers for each sensor. What the
// columns of `ignore` hold is not looked at.
core::Result<backtest::Table> read_table(const std::string& path, const std::vector<std::string>& ignore);
// The rows as a table: sensors are its columns.
backtest::Table to_table(const TrainingData& data);

}  // namespace millwright::training
