// Table: a whole CSV of readings (docs/format/csv.md; the time may be a plain row number) in memory, as detectors take
// it.
//
// Threads: a value. Shapes: a row of `values` a line, NaN where a cell is empty. Units: the file's. Errors: the first
// bad row ends the reading, with file, line and column. Limits: memory; 8 bytes a cell.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"
#include "detection/matrix.hpp"

namespace millwright::backtest {

struct Table {
  std::vector<std::string> columns;  // of values
  std::vector<std::string> time_texts;
  std::vector<core::TimeNs> times;
  detection::Matrix values;

  // Reads a file, or standard input for "-". What the columns of `ignore` hold is not looked at.
  static core::Result<Table> read(const std::string& path, const std::vector<std::string>& ignore);

  [[nodiscard]] std::optional<std::size_t> find(std::string_view column) const;
  // The columns named, in that order. kNotFound where one is missing.
  [[nodiscard]] core::Result<detection::Matrix> select(std::span<const std::string> names,
                                                       const std::string& path) const;
};

}  // namespace millwright::backtest
