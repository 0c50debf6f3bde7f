#include "protocol/csv.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include <fmt/format.h>

#include "core/text.hpp"

namespace millwright::protocol {
namespace {

using core::ErrorCode;
using core::TimeNs;
using core::unexpected;

// Enough of a field to recognise it in a message.
std::string shown(std::string_view text) {
  constexpr std::size_t kLongest = 40;
  return text.size() <= kLongest ? std::string(text) : std::string(text.substr(0, kLongest)) + "…";
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() && std::equal(text.begin(), text.end(), lower.begin(), [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
         });
}

bool looks_like_date(std::string_view text) {
  return text.size() >= 5 && is_digit(text[0]) && text[4] == '-';
}

core::Result<TimeNs> parse_time_field(std::string_view text) {
  return looks_like_date(text) ? core::parse_time(text) : parse_seconds(text);
}

bool blank(std::string_view record) {
  return record.find_first_not_of(" \t\r") == std::string_view::npos;
}

// A decimal number as its digits and the place of the point: value = 0.d1d2d3… * 10^point.
struct Decimal {
  bool negative = false;
  std::string digits;
  int point = 0;
};

bool read_decimal(std::string_view text, Decimal& out) {
  std::size_t i = 0;
  if (i < text.size() && (text[i] == '-' || text[i] == '+')) out.negative = text[i++] == '-';
  bool seen_point = false;
  bool any = false;
  for (; i < text.size() && (is_digit(text[i]) || (text[i] == '.' && !seen_point)); ++i) {
    if (text[i] == '.') {
      seen_point = true;
      continue;
    }
    any = true;
    out.digits.push_back(text[i]);
    if (!seen_point) ++out.point;
  }
  if (!any) return false;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    const auto exponent = core::parse_int(text.substr(i + 1));
    if (!exponent || *exponent < -1000 || *exponent > 1000) return false;
    out.point += static_cast<int>(*exponent);
    return true;
  }
  return i == text.size();
}

}  // namespace

core::Result<TimeNs> parse_seconds(std::string_view whole) {
  const auto bad = [&](std::string_view why) {
    return unexpected(ErrorCode::kInvalid, fmt::format("'{}' {}", shown(whole), why));
  };
  constexpr std::string_view kNoTime =
      "is not a time; write it like 2026-11-21T08:15:30.250Z, or as seconds since 1970";
  constexpr std::string_view kFar = "is outside the years 1678 to 2262; the time is in seconds, not in ms or ns";
  constexpr std::size_t kDigitsMax = 64;
  const std::string_view text = core::trim(whole);
  Decimal number;
  if (text.size() > kDigitsMax || !read_decimal(text, number)) return bad(kNoTime);
  const std::size_t zeros = std::min(number.digits.find_first_not_of('0'), number.digits.size());
  number.digits.erase(0, zeros);
  number.point -= static_cast<int>(zeros);
  if (number.digits.empty()) return TimeNs{0};

  // Nanoseconds: the point moves nine places; what is right of it rounds.
  const int whole_digits = number.point + 9;
  if (whole_digits > 19) return bad(kFar);
  std::uint64_t magnitude = 0;
  for (int i = 0; i < whole_digits; ++i) {
    const auto at = static_cast<std::size_t>(i);
    magnitude = magnitude * 10 + (at < number.digits.size() ? static_cast<unsigned>(number.digits[at] - '0') : 0U);
  }
  const bool half = whole_digits >= 0 && static_cast<std::size_t>(whole_digits) < number.digits.size() &&
                    number.digits[static_cast<std::size_t>(whole_digits)] >= '5';
  magnitude += half ? 1 : 0;
  if (magnitude > static_cast<std::uint64_t>(std::numeric_limits<TimeNs>::max())) return bad(kFar);
  const auto time = static_cast<TimeNs>(magnitude);
  return number.negative ? -time : time;
}

CsvReader::CsvReader(std::string name) : name_(std::move(name)) {}

void CsvReader::feed(std::string_view text) {
  ASSERT(!finished_, "text fed after finish()");
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    scan_ -= begin_;
    begin_ = 0;
  }
  buffer_.append(text);
}

void CsvReader::finish() {
  finished_ = true;
}

CsvReader::Next CsvReader::complain(Next kind, std::size_t column, const std::string& message) {
  const std::string place = column == 0 ? fmt::format("{}:{}", name_, lines_ + 1)
                                        : fmt::format("{}:{}: column {}", name_, lines_ + 1, column);
  problem_ = {ErrorCode::kInvalid, place + ": " + message};
  failed_ = failed_ || kind == Next::kFailed;
  return kind;
}

// The text up to the next line end outside quotes. A quote opens a quoted field only at the field's start.
CsvReader::Record CsvReader::next_record(std::string_view& record) {
  for (; scan_ < buffer_.size(); ++scan_) {
    const char c = buffer_[scan_];
    if (c == '\n') {
      ++record_lines_;
      if (state_ != Scan::kQuoted) {
        record = std::string_view(buffer_).substr(begin_, scan_ - begin_);
        begin_ = ++scan_;
        state_ = Scan::kFieldStart;
        return Record::kWhole;
      }
      continue;
    }
    const bool separates = separator_ != 0 ? c == separator_ : c == ',' || c == ';';
    switch (state_) {
      case Scan::kFieldStart:
        if (c == '"') {
          state_ = Scan::kQuoted;
        } else if (!separates && c != ' ') {
          state_ = Scan::kPlain;
        }
        break;
      case Scan::kPlain:
        if (separates) state_ = Scan::kFieldStart;
        break;
      case Scan::kQuoted:
        if (c == '"') state_ = Scan::kQuoteInQuoted;
        break;
      case Scan::kQuoteInQuoted:
        state_ = c == '"' ? Scan::kQuoted : separates ? Scan::kFieldStart : Scan::kPlain;
        break;
    }
  }
  if (scan_ - begin_ > kRowBytesMax) return Record::kTooLong;
  if (!finished_) return Record::kMore;
  if (begin_ == buffer_.size()) return Record::kEnd;
  record = std::string_view(buffer_).substr(begin_);
  begin_ = buffer_.size();
  ++record_lines_;
  return Record::kWhole;
}

CsvReader::Next CsvReader::next(CsvRow& row) {
  if (failed_) return Next::kFailed;
  if (!first_bytes_seen_) {
    if (buffer_.size() < 3 && !finished_) return Next::kMore;
    first_bytes_seen_ = true;
    if (buffer_.starts_with("\xEF\xBB\xBF")) begin_ = scan_ = 3;
    if (buffer_.starts_with("\xFF\xFE") || buffer_.starts_with("\xFE\xFF")) {
      return complain(Next::kFailed, 0, "the text is UTF-16; save the file as UTF-8");
    }
  }
  for (;;) {
    std::string_view record;
    const Record got = next_record(record);
    lines_ = lines_done_;
    if (got == Record::kMore) return Next::kMore;
    if (got == Record::kEnd) {
      if (header_read_) return Next::kEnd;
      return complain(Next::kFailed, 0, "there is no header; the first line names the columns, the time first");
    }
    if (got == Record::kTooLong) {
      return complain(Next::kFailed, 0,
                      fmt::format("the row is longer than {} bytes; is a quote left open?", kRowBytesMax));
    }
    lines_done_ += record_lines_;
    record_lines_ = 0;
    if (blank(record)) continue;
    if (header_read_) return read_row(record, row);
    if (!read_header(record)) return Next::kFailed;
  }
}

// Fills fields_ from a record. False where quotes are wrong; problem_ is then set.
bool CsvReader::split(std::string_view record) {
  fields_.clear();
  unquoted_.clear();
  if (record.ends_with('\r')) record.remove_suffix(1);
  for (;;) {
    const std::size_t first = std::min(record.find_first_not_of(' '), record.size());
    if (first < record.size() && record[first] == '"') {
      std::string text;
      std::size_t i = first + 1;
      for (; i < record.size(); ++i) {
        if (record[i] != '"') {
          text.push_back(record[i]);
        } else if (i + 1 < record.size() && record[i + 1] == '"') {
          text.push_back(record[i++]);
        } else {
          break;
        }
      }
      const std::size_t column = fields_.size() + 1;
      if (i == record.size()) {
        complain(Next::kBadRow, column, "the quote is not closed");
        return false;
      }
      const std::size_t end = std::min(record.find(separator_, i), record.size());
      if (!blank(record.substr(i + 1, end - i - 1))) {
        complain(Next::kBadRow, column,
                 fmt::format("'{}' after the closing quote; write a quote inside quotes twice",
                             shown(record.substr(i + 1, end - i - 1))));
        return false;
      }
      fields_.push_back(unquoted_.emplace_back(std::move(text)));
      if (end == record.size()) return true;
      record.remove_prefix(end + 1);
      continue;
    }
    const std::size_t end = record.find(separator_);
    fields_.push_back(core::trim(record.substr(0, end)));
    if (end == std::string_view::npos) return true;
    record.remove_prefix(end + 1);
  }
}

namespace {

// The separator that occurs more often outside quotes; ',' where neither does.
char separator_of(std::string_view header) {
  std::size_t commas = 0;
  std::size_t semicolons = 0;
  bool quoted = false;
  for (const char c : header) {
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    commas += c == ',' ? 1 : 0;
    semicolons += c == ';' ? 1 : 0;
  }
  return semicolons > commas ? ';' : ',';
}

}  // namespace

bool CsvReader::read_header(std::string_view record) {
  const auto fail = [&](std::size_t column, const std::string& message) {
    complain(Next::kFailed, column, message);
    return false;
  };
  separator_ = separator_of(record);
  if (!split(record)) {
    failed_ = true;
    return false;
  }
  if (has_time_ && parse_time_field(fields_[0])) {
    return fail(1, fmt::format("'{}' is a time, not a name; the first line must name the columns", shown(fields_[0])));
  }
  if (fields_.size() < 2) {
    return fail(0, "the header has one column; it needs the time and at least one value, with ',' or ';' between");
  }
  if (fields_.size() > kColumnsMax) {
    return fail(0, fmt::format("{} columns; at most {} are read", fields_.size(), kColumnsMax));
  }
  std::unordered_map<std::string_view, std::size_t> seen;
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    const std::string_view name = core::trim(fields_[i]);
    if (name.empty()) return fail(i + 1, "the column has no name");
    const auto [first, added] = seen.try_emplace(name, i);
    if (!added) {
      return fail(i + 1, fmt::format("the name '{}' is column {}'s already", shown(name), first->second + 1));
    }
  }
  if (has_time_) time_column_ = core::trim(fields_[0]);
  for (std::size_t i = values_at(); i < fields_.size(); ++i) {
    columns_.emplace_back(core::trim(fields_[i]));
    ignored_.push_back(std::find(ignore_.begin(), ignore_.end(), columns_.back()) != ignore_.end());
    texts_.push_back(is_text_ && is_text_(columns_.back()));
  }
  header_read_ = true;
  return true;
}

CsvReader::Next CsvReader::read_row(std::string_view record, CsvRow& row) {
  if (!split(record)) return Next::kBadRow;
  const std::size_t first = values_at();
  if (fields_.size() != columns_.size() + first) {
    return complain(Next::kBadRow, 0,
                    fmt::format("the row has {} fields, the header {}", fields_.size(), columns_.size() + first));
  }
  row.line = lines_ + 1;
  if (has_time_) {
    const auto time = parse_time_field(fields_[0]);
    if (!time) return complain(Next::kBadRow, 1, time.error().message);
    row.time = *time;
    row.time_text = core::trim(fields_[0]);
  }
  row.cells.resize(columns_.size());
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (ignored_[i]) {
      row.cells[i] = {};
    } else if (texts_[i]) {
      const std::string_view text = fields_[i + first];
      row.cells[i] = {text.empty() ? CsvCell::Kind::kMissing : CsvCell::Kind::kText, 0, 0, text};
    } else if (!read_cell(fields_[i + first], row.cells[i])) {
      return complain(Next::kBadRow, i + first + 1,
                      fmt::format("({}) '{}' is not a number, true, false or empty", shown(columns_[i]),
                                  shown(fields_[i + first])));
    }
  }
  return Next::kRow;
}

bool CsvReader::read_cell(std::string_view field, CsvCell& cell) const {
  const std::string_view text = core::trim(field);
  cell = {};
  if (text.empty() || equals_ignoring_case(text, "nan")) return true;
  const bool is_true = equals_ignoring_case(text, "true");
  if (is_true || equals_ignoring_case(text, "false")) {
    cell = {CsvCell::Kind::kBool, is_true ? 1 : 0, is_true ? 1.0 : 0.0, {}};
    return true;
  }
  if (const auto integer = core::parse_int(text)) {
    cell = {CsvCell::Kind::kInteger, *integer, static_cast<double>(*integer), {}};
    return true;
  }
  auto real = core::parse_double(text);
  constexpr std::size_t kNumberMax = 64;
  if (!real && separator_ == ';' && text.size() <= kNumberMax && text.find('.') == std::string_view::npos) {
    std::string pointed(text);
    const std::size_t comma = pointed.find(',');
    if (comma != std::string::npos) pointed[comma] = '.';
    real = core::parse_double(pointed);
  }
  if (!real) return false;
  if (!std::isnan(*real)) cell = {CsvCell::Kind::kReal, 0, *real, {}};
  return true;
}

}  // namespace millwright::protocol
