// Line protocol, InfluxDB's text format of readings: a measurement with tags, fields, and a time to a line. No I/O, and
// no allocation for a line once the vectors have grown. docs/format/line-protocol.md.
//
//   pump,line=1,cell=a current=12.41,running=true 1763712000000000000
//
//   LineReader reader(text);
//   for (Line line;;) switch (reader.next(line)) { case LineReader::Next::kLine: …
//
// The series (measurement and tags) comes as the text it is, so that who sees it again and again looks it up by its
// bytes; split_series() takes it apart, and checks it, once for each distinct text. Times are numbers in the unit that
// the request gives. Numbers are exact: the double nearest to the decimal text.
//
// Threads: one owner; what comes out points into the text that was given, which outlives it. Errors: a bad line is told
// with line and column and skipped; the others stand. Limits: below; times and memory grow linearly with the text.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.hpp"

namespace millwright::protocol {

inline constexpr std::size_t kSeriesBytesMax = 4096;          // measurement and tags of a line
inline constexpr std::size_t kFieldTextBytesMax = 64 * 1024;  // a text value
inline constexpr std::size_t kFieldsMax = 4096;               // of a line

struct LineField {
  enum class Kind : std::uint8_t { kReal, kInteger, kUnsigned, kBool, kText };
  std::string_view key;   // as it stands, with its escapes
  std::string_view text;  // the value as it stands; of a kText what is between the quotes, with its escapes
  Kind kind = Kind::kReal;
  std::uint64_t bits = 0;

  [[nodiscard]] double real() const { return std::bit_cast<double>(bits); }
  [[nodiscard]] std::int64_t integer() const { return std::bit_cast<std::int64_t>(bits); }
  [[nodiscard]] std::uint64_t unsigned_integer() const { return bits; }
  [[nodiscard]] bool boolean() const { return bits != 0; }
};

struct Line {
  std::uint64_t number = 0;  // counts from 1
  std::string_view series;   // measurement and tags as they stand, not yet checked
  bool expected = false;     // the series is the one that expect() named
  bool has_time = false;
  std::int64_t time = 0;  // in the request's unit
  std::vector<LineField> fields;
};

struct LineProblem {
  std::uint64_t line = 0;
  std::uint64_t column = 0;  // in bytes, from 1
  std::string message;
};

class LineReader {
 public:
  // `first_line`: the number of the text's first line.
  explicit LineReader(std::string_view text, std::uint64_t first_line = 1)
      : text_(text), line_(first_line), first_line_(first_line) {}

  enum class Next {
    kLine,     // `line` is filled
    kBadLine,  // problem() says what; next() goes on with the line after it
    kEnd,
  };
  Next next(Line& line);
  // The series that the next line will probably have, one that was read before: then its end need not be looked for.
  void expect(std::string_view series) { expected_ = series; }

  // After kEnd: the number that the next line would have.
  [[nodiscard]] std::uint64_t line() const { return line_; }
  // Of the last kBadLine.
  [[nodiscard]] const LineProblem& problem() const { return problem_; }

 private:
  bool skip_to_line();
  bool read_series(Line& line);
  bool read_fields(Line& line);
  bool read_key(LineField& field);
  bool read_value(LineField& field);
  bool read_number(LineField& field);
  bool read_word(LineField& field);
  bool read_text(LineField& field);
  bool read_time(Line& line);
  bool complain(std::size_t at, std::string message);
  [[nodiscard]] bool at_line_end(std::size_t at) const;
  void end_line();
  void skip_bad_line();

  std::string_view text_;
  std::string_view expected_;
  std::size_t at_ = 0;
  std::size_t line_begin_ = 0;
  std::uint64_t line_;        // that at_ is on
  std::uint64_t first_line_;  // on which the line being read began
  LineProblem problem_;
};

// How many bytes of `text`, which begins with a line, are lines that have ended: what a reader of a stream may take. A
// text value may hold line ends, so a line may not have ended where a newline is.
std::size_t ended_lines(std::string_view text);

// A series taken apart: escapes resolved, tags in the order of their keys.
struct Series {
  std::string measurement;
  std::vector<std::pair<std::string, std::string>> tags;

  // As text again, with escapes: two spellings of the same series give the same text.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] const std::string* tag(std::string_view key) const;  // nullptr where there is none
};
// kInvalid with the column and what is wrong: no measurement, a tag without key or value, a key that comes twice.
core::Result<Series> split_series(std::string_view text);

// Where a series ends that begins `text`: at the first space that is not escaped, else at the text's end.
std::size_t series_end(std::string_view text);

// "\," → ",", "\=" → "=", "\ " → " "; any other backslash stands for itself. Of measurements, tags and field keys.
std::string unescape_name(std::string_view name);
std::string escape_name(std::string_view name);
// "\"" → '"', "\\" → '\'. Of text values.
std::string unescape_text(std::string_view text);

}  // namespace millwright::protocol
