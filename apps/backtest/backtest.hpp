// A backtest: a detector over a CSV, row by row, as the live way would, and what it said as a CSV.
//
// Threads: one owner. Errors: what cannot be read, learnt or written, with file and reason. Limits: Table's.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "backtest/evaluation.hpp"
#include "backtest/table.hpp"
#include "core/result.hpp"

namespace millwright::backtest {

struct BacktestOptions {
  // What reads `data`, `train` and `calibrate`, which are files unless the reader says otherwise.
  std::function<core::Result<Table>(const std::string& path, const std::vector<std::string>& ignore)> read =
      Table::read;
  std::string data = {};
  std::string detector = {};   // a YAML file; or
  std::string model = {};      // a model bundle, which has learnt already
  std::string train = {};      // a CSV; or
  std::size_t train_rows = 0;  // the first rows of `data`
  std::string calibrate = {};  // a CSV of normal rows; empty: limits as training set them
  double false_alarms = 0.01;  // of those
  std::vector<std::string> ignore_columns = {};
  std::string labels = {};  // a column of 0 and 1; empty: none
  std::string out = {};     // a CSV; "-" for standard output, empty for none
};

struct BacktestResult {
  std::size_t rows = 0;
  std::size_t sensors = 0;
  std::size_t alarms = 0;                // rows
  std::optional<Evaluation> evaluation;  // of the rows after the training rows, where there are labels
};

core::Result<BacktestResult> run_backtest(const BacktestOptions& options);

}  // namespace millwright::backtest
