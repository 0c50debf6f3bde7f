#include "protocol/line_protocol.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <limits>

#include <fmt/format.h>

namespace millwright::protocol {
namespace {

using Kind = LineField::Kind;

constexpr std::size_t kShownBytes = 40;  // of what a message quotes
constexpr std::size_t kEasyDigits = 18;  // so many make an int64 without overflow
constexpr std::uint64_t kExactIntegers = std::uint64_t{1} << 53;

constexpr std::array<double, 19> kPowersOfTen{1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                              1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};

// Which bytes may end a name: looked up instead of compared, for a name's bytes are most of a line's.
using ByteSet = std::array<bool, 256>;
constexpr ByteSet make_set(std::string_view bytes) {
  ByteSet set{};
  for (const char c : bytes) set[static_cast<unsigned char>(c)] = true;
  return set;
}
constexpr ByteSet kSeriesEnds = make_set(" \r\n");
constexpr ByteSet kKeyEnds = make_set("=, \r\n");

// The first byte of the set from `at` on, or the text's end.
std::size_t find_any(std::string_view text, const ByteSet& set, std::size_t at) {
  while (at < text.size() && !set[static_cast<unsigned char>(text[at])]) ++at;
  return at;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::uint64_t digit(char c) {
  return static_cast<std::uint64_t>(c - '0');
}

// Eight digits at once, where they are eight (D. Lemire, "Quickly parsing eight digits", 2018).
bool take_eight_digits(const char* at, std::uint64_t& number) {
  std::uint64_t v = 0;
  std::memcpy(&v, at, sizeof(v));
  if constexpr (std::endian::native != std::endian::little) v = __builtin_bswap64(v);
  constexpr std::uint64_t kHigh = 0xF0F0F0F0F0F0F0F0;
  if (((v & kHigh) | (((v + 0x0606060606060606) & kHigh) >> 4)) != 0x3333333333333333) return false;
  v -= 0x3030303030303030;
  v = v * 10 + (v >> 8);
  constexpr std::uint64_t kPairs = 0x000000FF000000FF;
  v = (((v & kPairs) * 0x000F424000000064) + (((v >> 16) & kPairs) * 0x0000271000000001)) >> 32;
  number = number * 100'000'000 + v;
  return true;
}

std::string shown(std::string_view text) {
  return text.size() <= kShownBytes ? std::string(text) : std::string(text.substr(0, kShownBytes)) + "…";
}

// Whether the byte at `at` is escaped: a backslash stands before it.
bool escaped(std::string_view text, std::size_t at) {
  return at > 0 && text[at - 1] == '\\';
}

std::size_t find_unescaped(std::string_view text, char wanted, std::size_t from) {
  for (std::size_t at = from; at < text.size(); ++at) {
    if (text[at] == wanted && !escaped(text, at)) return at;
  }
  return text.size();
}

}  // namespace

// ---- lines ----------------------------------------------------------------------------------------------------------

namespace {

// Where the text value whose first byte is at `begin` has its closing quote: the text's end where it has none, and at
// most a byte beyond what a value may have.
std::size_t closing_quote(std::string_view text, std::size_t begin) {
  const std::size_t end = std::min(text.size(), begin + kFieldTextBytesMax + 1);
  std::size_t at = begin;
  for (; at < end && text[at] != '"'; ++at) {
    if (text[at] == '\\' && at + 1 < end && (text[at + 1] == '"' || text[at + 1] == '\\')) ++at;
  }
  return std::min(at, end);
}

// Behind the newline that ends the line at `at`; npos where it has not ended.
std::size_t behind_line(std::string_view text, std::size_t at) {
  at = text.find_first_not_of(" \t\r", at);
  if (at == std::string_view::npos) return at;
  bool fields = text[at] == '#';  // a comment has neither: it ends with its line
  const bool comment = fields;
  for (; at < text.size(); ++at) {
    if (text[at] == '\n') return at + 1;
    if (!fields) {
      fields = text[at] == ' ' && !escaped(text, at);
    } else if (!comment && text[at] == '"' && text[at - 1] == '=') {
      const std::size_t close = closing_quote(text, at + 1);
      if (close == text.size()) return std::string_view::npos;
      if (text[close] == '"') at = close;  // else it is too long, and the line is bad: it ends where it is broken
    }
  }
  return std::string_view::npos;
}

}  // namespace

std::size_t ended_lines(std::string_view text) {
  const std::size_t last = text.rfind('\n');
  if (last == std::string_view::npos) return 0;
  if (text.find('"') == std::string_view::npos) return last + 1;
  std::size_t ended = 0;
  for (std::size_t at = 0; at != std::string_view::npos; at = behind_line(text, at)) ended = at;
  return ended;
}

LineReader::Next LineReader::next(Line& line) {
  if (!skip_to_line()) return Next::kEnd;
  first_line_ = line_;
  line_begin_ = at_;
  if (read_series(line) && read_fields(line) && read_time(line)) {
    line.number = first_line_;
    end_line();
    return Next::kLine;
  }
  skip_bad_line();
  return Next::kBadLine;
}

// To the first byte of the next line that says something. False at the end of the text.
bool LineReader::skip_to_line() {
  for (;;) {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r')) ++at_;
    if (at_ == text_.size()) return false;
    if (text_[at_] == '#') {
      at_ = std::min(text_.find('\n', at_), text_.size());
      if (at_ == text_.size()) return false;
    }
    if (text_[at_] != '\n') return true;
    ++at_;
    ++line_;
  }
}

bool LineReader::at_line_end(std::size_t at) const {
  if (at >= text_.size() || text_[at] == '\n') return true;
  return text_[at] == '\r' && (at + 1 == text_.size() || text_[at + 1] == '\n');
}

void LineReader::end_line() {
  if (at_ < text_.size() && text_[at_] == '\r') ++at_;
  if (at_ < text_.size()) {
    ++at_;
    ++line_;
  }
}

// To the end of the line on which the problem is; a text value that did not end is taken back to its own line.
void LineReader::skip_bad_line() {
  at_ = std::min(text_.find('\n', at_), text_.size());
  end_line();
}

bool LineReader::complain(std::size_t at, std::string message) {
  // A problem is told where the line began, or, inside of a text over several lines, in columns from there.
  problem_ = {first_line_, at - line_begin_ + 1, std::move(message)};
  return false;
}

bool LineReader::read_series(Line& line) {
  const std::size_t size = expected_.size();
  line.expected = size != 0 && text_.size() - at_ > size && text_[at_ + size] == ' ' &&
                  std::memcmp(text_.data() + at_, expected_.data(), size) == 0;
  if (line.expected) {
    line.series = text_.substr(at_, size);
    at_ += size;
  } else {
    const std::size_t begin = at_;
    at_ = find_any(text_, kSeriesEnds, at_);
    while (!at_line_end(at_) && (text_[at_] != ' ' || escaped(text_, at_))) at_ = find_any(text_, kSeriesEnds, at_ + 1);
    line.series = text_.substr(begin, at_ - begin);
    if (line.series.size() > kSeriesBytesMax) {
      return complain(begin, fmt::format("measurement and tags have {} bytes; at most {} are taken", line.series.size(),
                                         kSeriesBytesMax));
    }
  }
  while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  if (at_line_end(at_)) {
    return complain(at_, "there are no fields; after measurement and tags comes a space, then key=value");
  }
  return true;
}

bool LineReader::read_fields(Line& line) {
  line.fields.clear();
  for (;;) {
    LineField& field = line.fields.emplace_back();
    if (!read_key(field) || !read_value(field)) return false;
    if (at_ >= text_.size() || text_[at_] != ',') return true;
    ++at_;
    if (line.fields.size() == kFieldsMax) {
      return complain(at_, fmt::format("the line has more than {} fields; write several lines", kFieldsMax));
    }
  }
}

bool LineReader::read_key(LineField& field) {
  const std::size_t begin = at_;
  at_ = find_any(text_, kKeyEnds, at_);
  while (!at_line_end(at_) && (text_[at_] == '\r' || escaped(text_, at_))) at_ = find_any(text_, kKeyEnds, at_ + 1);
  field.key = text_.substr(begin, at_ - begin);
  if (at_ == text_.size() || text_[at_] != '=') {
    return complain(begin, fmt::format("'{}' is no field; a field is key=value", shown(field.key)));
  }
  if (field.key.empty()) return complain(begin, "a field has no key; a field is key=value");
  ++at_;
  return true;
}

bool LineReader::read_value(LineField& field) {
  if (at_ < text_.size() && text_[at_] == '"') return read_text(field);
  return read_number(field) || read_word(field);
}

// Plain decimals and integers, which nearly all values are. False, and nothing taken, where it is anything else.
//
// Up to 18 digits and no exponent: digits / 10^k is the double nearest to the text while both are exact, that is while
// the digits are at most 2^53 (W. D. Clinger, "How to read floating point numbers accurately", 1990).
bool LineReader::read_number(LineField& field) {
  const char* const begin = text_.data() + at_;
  const char* const end = text_.data() + text_.size();
  const char* p = begin;
  const bool negative = p != end && *p == '-';
  if (negative) ++p;
  const char* const first = p;
  std::uint64_t digits = 0;
  while (p != end && is_digit(*p)) digits = digits * 10 + digit(*p++);
  std::size_t count = static_cast<std::size_t>(p - first);
  std::size_t decimals = 0;
  const bool point = p != end && *p == '.';
  if (point) {
    const char* const after = ++p;
    while (p != end && is_digit(*p)) digits = digits * 10 + digit(*p++);
    decimals = static_cast<std::size_t>(p - after);
    count += decimals;
  }
  if (count == 0 || count > kEasyDigits) return false;
  const bool integer = p != end && *p == 'i' && !point;
  const char* const stop = integer ? p + 1 : p;
  const std::size_t stop_at = static_cast<std::size_t>(stop - text_.data());
  if (stop != end && *stop != ',' && *stop != ' ' && !at_line_end(stop_at)) return false;
  if (integer) {
    field.kind = Kind::kInteger;
    field.bits = negative ? 0 - digits : digits;
  } else {
    if (digits > kExactIntegers) return false;
    const double value = static_cast<double>(digits) / kPowersOfTen[decimals];
    field.kind = Kind::kReal;
    field.bits = std::bit_cast<std::uint64_t>(negative ? -value : value);
  }
  field.text = {begin, static_cast<std::size_t>(stop - begin)};
  at_ = stop_at;
  return true;
}

namespace {

template <typename T>
std::errc parse_all(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end != text.data() + text.size() ? std::errc::invalid_argument : error;
}

bool parse_bool(std::string_view word, LineField& field) {
  static constexpr std::array<std::string_view, 5> kTrue{"t", "T", "true", "True", "TRUE"};
  static constexpr std::array<std::string_view, 5> kFalse{"f", "F", "false", "False", "FALSE"};
  const bool yes = std::find(kTrue.begin(), kTrue.end(), word) != kTrue.end();
  if (!yes && std::find(kFalse.begin(), kFalse.end(), word) == kFalse.end()) return false;
  field.kind = Kind::kBool;
  field.bits = yes ? 1 : 0;
  return true;
}

// Any other number. `plain` is without a leading plus.
std::errc parse_number(std::string_view plain, LineField& field) {
  if (plain.ends_with('i')) {
    std::int64_t value = 0;
    field.kind = Kind::kInteger;
    const std::errc error = parse_all(plain.substr(0, plain.size() - 1), value);
    field.bits = std::bit_cast<std::uint64_t>(value);
    return error;
  }
  if (plain.ends_with('u')) {
    field.kind = Kind::kUnsigned;
    return parse_all(plain.substr(0, plain.size() - 1), field.bits);
  }
  double value = 0;
  field.kind = Kind::kReal;
  const std::errc error = parse_all(plain, value);
  field.bits = std::bit_cast<std::uint64_t>(value);
  return error;
}

}  // namespace

// Everything that is not in quotes: exponents, long numbers, unsigned, true and false, NaN and infinity.
bool LineReader::read_word(LineField& field) {
  const std::size_t begin = at_;
  while (!at_line_end(at_) && text_[at_] != ',' && text_[at_] != ' ') ++at_;
  field.text = text_.substr(begin, at_ - begin);
  if (field.text.empty()) return complain(begin, fmt::format("the field '{}' has no value", shown(field.key)));
  if (parse_bool(field.text, field)) return true;
  std::string_view plain = field.text;
  if (plain.size() > 1 && plain[0] == '+' && plain[1] != '-') plain.remove_prefix(1);
  // from_chars takes "nan(…)" as well, which nobody means.
  const std::errc error =
      plain.find('(') == std::string_view::npos ? parse_number(plain, field) : std::errc::invalid_argument;
  if (error == std::errc()) return true;
  if (error == std::errc::result_out_of_range) {
    return complain(begin, fmt::format("'{}' is outside of what {} holds", shown(field.text),
                                       field.kind == Kind::kReal      ? "a float64"
                                       : field.kind == Kind::kInteger ? "an int64"
                                                                      : "a uint64"));
  }
  return complain(begin,
                  fmt::format("'{}' is no value; write 1.5, 7i, 7u, true, false or \"text\"", shown(field.text)));
}

bool LineReader::read_text(LineField& field) {
  const std::size_t begin = ++at_;
  const std::size_t at = closing_quote(text_, begin);
  const bool too_long = at - begin > kFieldTextBytesMax;
  if (at == text_.size() || too_long) {
    return complain(begin - 1,
                    !too_long ? std::string("a text has no closing quote")
                              : fmt::format("a text has more than {} bytes, or no closing quote", kFieldTextBytesMax));
  }
  const auto lines = std::count(text_.begin() + static_cast<std::ptrdiff_t>(begin),
                                text_.begin() + static_cast<std::ptrdiff_t>(at), '\n');
  field.kind = Kind::kText;
  field.text = text_.substr(begin, at - begin);
  at_ = at + 1;
  line_ += static_cast<std::uint64_t>(lines);
  if (at_line_end(at_) || text_[at_] == ',' || text_[at_] == ' ') return true;
  return complain(at_, "after a text's closing quote comes a comma, a space or the line's end");
}

bool LineReader::read_time(Line& line) {
  while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  line.has_time = !at_line_end(at_);
  if (!line.has_time) return true;
  const std::size_t begin = at_;
  const bool negative = text_[at_] == '-';
  if (negative) ++at_;
  const std::size_t first = at_;
  std::uint64_t digits = 0;
  while (text_.size() - at_ >= 8 && at_ - first < 16 && take_eight_digits(text_.data() + at_, digits)) at_ += 8;
  while (at_ < text_.size() && is_digit(text_[at_]) && at_ - first < 20) digits = digits * 10 + digit(text_[at_++]);
  const std::size_t count = at_ - first;
  while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  if (count == 0 || !at_line_end(at_)) {
    const std::string_view rest = text_.substr(begin, std::min(text_.find('\n', begin), text_.size()) - begin);
    return complain(begin, fmt::format("'{}' is no time; write a whole number in the request's precision, or escape "
                                       "the space before it",
                                       shown(rest)));
  }
  if (count > 19 || digits > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return complain(begin, "the time has too many digits");
  }
  line.time = negative ? -static_cast<std::int64_t>(digits) : static_cast<std::int64_t>(digits);
  return true;
}

// ---- names ----------------------------------------------------------------------------------------------------------

std::size_t series_end(std::string_view text) {
  return find_unescaped(text, ' ', 0);
}

std::string unescape_name(std::string_view name) {
  std::string out;
  out.reserve(name.size());
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char after = i + 1 < name.size() ? name[i + 1] : '\0';
    if (name[i] == '\\' && (after == ',' || after == '=' || after == ' ')) ++i;
    out.push_back(name[i]);
  }
  return out;
}

std::string escape_name(std::string_view name) {
  std::string out;
  out.reserve(name.size());
  for (const char c : name) {
    if (c == ',' || c == '=' || c == ' ') out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

std::string unescape_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\')) ++i;
    out.push_back(text[i]);
  }
  return out;
}

std::string Series::text() const {
  std::string out = escape_name(measurement);
  for (const auto& [key, value] : tags) out += "," + escape_name(key) + "=" + escape_name(value);
  return out;
}

const std::string* Series::tag(std::string_view key) const {
  const auto found = std::find_if(tags.begin(), tags.end(), [&](const auto& tag) { return tag.first == key; });
  return found != tags.end() ? &found->second : nullptr;
}

core::Result<Series> split_series(std::string_view text) {
  const auto bad = [](std::size_t at, const std::string& what) {
    return core::unexpected(core::ErrorCode::kInvalid, fmt::format("column {}: {}", at + 1, what));
  };
  if (text.ends_with('\\')) return bad(text.size() - 1, "a series cannot end with a backslash");
  Series series;
  std::size_t end = find_unescaped(text, ',', 0);
  series.measurement = unescape_name(text.substr(0, end));
  if (series.measurement.empty()) return bad(0, "there is no measurement before the tags");
  while (end < text.size()) {
    const std::size_t begin = end + 1;
    end = find_unescaped(text, ',', begin);
    const std::string_view tag = text.substr(begin, end - begin);
    const std::size_t equals = find_unescaped(tag, '=', 0);
    if (equals == 0 || equals + 1 >= tag.size() || find_unescaped(tag, '=', equals + 1) != tag.size()) {
      return bad(begin,
                 fmt::format("'{}' is no tag; a tag is key=value, with \\= for an equals sign in either", shown(tag)));
    }
    series.tags.emplace_back(unescape_name(tag.substr(0, equals)), unescape_name(tag.substr(equals + 1)));
  }
  std::sort(series.tags.begin(), series.tags.end());
  const auto twice = std::adjacent_find(series.tags.begin(), series.tags.end(),
                                        [](const auto& a, const auto& b) { return a.first == b.first; });
  if (twice != series.tags.end()) return bad(0, fmt::format("the tag '{}' comes twice", shown(twice->first)));
  return series;
}

}  // namespace millwright::protocol
