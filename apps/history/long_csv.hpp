// Long CSV: a row a reading, with a column that names the sensor. docs/format/exports.md. No I/O: a line at a time.
//
// Threads: one owner; a row points into the line and into the parser until the next call. Limits: kColumnsMax columns.
// Errors: a bad row is told by column; the caller adds file and line.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/quality.hpp"
#include "core/result.hpp"
#include "history/value_text.hpp"

namespace millwright::history {

// The names of the columns that count; others are passed over.
struct CsvColumns {
  std::string time = "time";
  std::string sensor = "sensor";
  std::string value = "value";
  std::string quality = "quality";  // may be missing
};

struct LongCsvRow {
  core::TimeNs time = 0;
  std::string_view sensor;
  std::string_view value;  // empty: no reading
  std::optional<core::Quality> quality;
};

class LongCsvParser {
 public:
  static constexpr std::size_t kColumnsMax = 1000;

  // Nothing where the header has no column for the sensor: the file is wide. kInvalid where a column is missing.
  static core::Result<std::optional<LongCsvParser>> from_header(std::string_view line, const CsvColumns& columns);

  core::Status parse(std::string_view line, LongCsvRow& row);
  [[nodiscard]] char separator() const { return separator_; }

 private:
  LongCsvParser() = default;
  core::Status split(std::string_view line);
  core::Status split_quoted(std::string_view line);
  core::Result<std::optional<core::Quality>> read_quality(std::string_view text);

  static constexpr std::size_t kNone = SIZE_MAX;
  char separator_ = ',';
  std::size_t columns_ = 0;
  std::size_t time_ = kNone;
  std::size_t sensor_ = kNone;
  std::size_t value_ = kNone;
  std::size_t quality_ = kNone;
  TimeReader times_;
  std::vector<std::string_view> fields_;
  std::deque<std::string> unquoted_;  // a deque, for fields_ points into it
  std::string last_quality_text_ = "Good";
  core::Quality last_quality_;
};

}  // namespace millwright::history
