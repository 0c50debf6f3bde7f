// CSV of readings: a header, then one row per time. No I/O: text is fed in, rows are taken out. docs/format/csv.md.
//
//   CsvReader reader("pump.csv");
//   reader.feed(text);  …  reader.finish();
//   for (CsvRow row;;) switch (reader.next(row)) { case CsvReader::Next::kRow: …
//
// Accepts ',' or ';' between fields (told from the header), quotes as in RFC 4180, LF and CRLF, a UTF-8 byte order
// mark, and blank lines, which it skips. The first column is the time: an ISO 8601 date-time or seconds since 1970 as a
// decimal number, read exactly to the nanosecond. The other columns are values: numbers, true and false; empty and NaN
// are missing. Where ';' separates, a decimal comma is a decimal point.
//
// Threads: one owner. Errors: a bad row is told with line and column and skipped; the caller decides whether to go on.
// A header that cannot be used ends the reading. Limits: kRowBytesMax a row, kColumnsMax columns.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"

namespace millwright::protocol {

struct CsvCell {
  enum class Kind : std::uint8_t { kMissing, kInteger, kReal, kBool, kText };
  Kind kind = Kind::kMissing;
  std::int64_t integer = 0;    // of kInteger; 0 or 1 of kBool
  double real = 0;             // of kReal, kInteger (may round) and kBool
  std::string_view text = {};  // of kText, until the next row is asked for

  [[nodiscard]] bool missing() const { return kind == Kind::kMissing; }
  // Whether it is a whole number that `integer` holds exactly.
  [[nodiscard]] bool whole() const { return kind == Kind::kInteger || kind == Kind::kBool; }
};

struct CsvRow {
  std::uint64_t line = 0;  // counts from 1
  core::TimeNs time = 0;
  std::string time_text;       // as it is written there
  std::vector<CsvCell> cells;  // one per value column
};

class CsvReader {
 public:
  static constexpr std::size_t kRowBytesMax = 4 * 1024 * 1024;
  static constexpr std::size_t kColumnsMax = 100'000;

  // `name` begins the messages: "pump.csv:12: …".
  explicit CsvReader(std::string name);
  // Columns whose fields are not read, whatever they hold: their cells come as missing. Before the first next().
  void ignore(std::vector<std::string> columns) { ignore_ = std::move(columns); }

  // Columns whose fields are texts, not numbers: those that `is_text` says so of. Before the first next().
  void read_as_text(std::function<bool(const std::string& column)> is_text) { is_text_ = std::move(is_text); }

  // The first column is a value like the others, and rows have no time. Before the first next().
  void without_time() { has_time_ = false; }

  void feed(std::string_view text);
  void finish();  // there is no more

  enum class Next {
    kRow,     // `row` is filled
    kBadRow,  // problem() says what; next() goes on with the row after it
    kMore,    // feed more, or finish
    kEnd,     // finished, and all of it read
    kFailed,  // problem() says why nothing can be read; for good
  };
  Next next(CsvRow& row);

  // Of the last kBadRow or kFailed.
  [[nodiscard]] const core::Error& problem() const { return problem_; }
  // The value columns by name, in order; empty until the header was read by next().
  [[nodiscard]] const std::vector<std::string>& columns() const { return columns_; }
  // The name of the time column.
  [[nodiscard]] const std::string& time_column() const { return time_column_; }

 private:
  enum class Scan : std::uint8_t { kFieldStart, kPlain, kQuoted, kQuoteInQuoted };

  enum class Record : std::uint8_t { kWhole, kMore, kEnd, kTooLong };
  Record next_record(std::string_view& record);
  bool split(std::string_view record);
  bool read_header(std::string_view record);  // false: failed
  Next read_row(std::string_view record, CsvRow& row);
  bool read_cell(std::string_view field, CsvCell& cell) const;
  [[nodiscard]] std::size_t values_at() const { return has_time_ ? 1 : 0; }  // the first field that is a value
  Next complain(Next kind, std::size_t column, const std::string& message);

  std::string name_;
  std::string buffer_;
  std::size_t begin_ = 0;  // of the next record in buffer_
  std::size_t scan_ = 0;   // how far its end was looked for
  Scan state_ = Scan::kFieldStart;
  bool finished_ = false;
  bool failed_ = false;
  bool header_read_ = false;
  bool has_time_ = true;
  bool first_bytes_seen_ = false;
  char separator_ = 0;              // 0 until the header was read
  std::uint64_t lines_ = 0;         // before the record last taken
  std::uint64_t lines_done_ = 0;    // up to its end
  std::uint64_t record_lines_ = 0;  // seen of the one after it
  std::vector<std::string_view> fields_;
  std::deque<std::string> unquoted_;  // what quoted fields say; a deque, for fields_ points into it
  std::string time_column_;
  std::vector<std::string> columns_;
  std::vector<std::string> ignore_;
  std::function<bool(const std::string&)> is_text_;
  std::vector<bool> ignored_;  // of columns_
  std::vector<bool> texts_;    // of columns_
  core::Error problem_;
};

// Seconds since 1970 as a decimal number ("1763712000.000000001", "1.7e9"), exact; digits below a nanosecond round to
// the nearest. kInvalid where it is no number or outside what TimeNs holds.
core::Result<core::TimeNs> parse_seconds(std::string_view text);

}  // namespace millwright::protocol
