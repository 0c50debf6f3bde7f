#include "core/value_text.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <type_traits>

namespace millwright::core {
namespace {

constexpr std::array<double, 16> kPowers{1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                         1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

// Writes, before `end`, a number of which the last `decimals` digits are behind the point; gives its beginning.
template <typename Int>
char* put_back(Int number, int decimals, char* end) {
  for (int i = 0; i < decimals; ++i, number /= 10) *--end = static_cast<char>('0' + number % 10);
  if (decimals > 0) *--end = '.';
  do {
    *--end = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  return end;
}

// A decimal of few digits as the shortest text that reads back alike, which for so few digits is the only one; gives
// its beginning. Nothing where the value is none, or where an exponent may be shorter.
template <typename T>
char* put_decimal(T value, char* end) {
  using Int = std::conditional_t<sizeof(T) == sizeof(float), std::uint32_t, std::uint64_t>;
  const double size = std::abs(static_cast<double>(value));
  if (!(size >= 1e-3 && size < 1e5)) return nullptr;
  int decimals = std::numeric_limits<T>::digits10;
  for (double bound = 1; size >= bound; bound *= 10) --decimals;
  const double power = kPowers[static_cast<std::size_t>(decimals)];
  auto integer = static_cast<Int>(size * power + 0.5);
  if (static_cast<T>(static_cast<double>(integer) / power) != static_cast<T>(size)) return nullptr;
  for (; decimals >= 4 && integer % 10'000 == 0; integer /= 10'000) decimals -= 4;
  for (; decimals > 0 && integer % 10 == 0; integer /= 10) --decimals;
  if (size < 0.1 && decimals > 3) return nullptr;
  char* begin = put_back(integer, decimals, end);
  if (value < 0) *--begin = '-';
  return begin;
}

template <typename T>
void append_text_of(T value, std::string& out) {
  if constexpr (std::is_floating_point_v<T>) {
    std::array<char, 24> decimal;
    char* const end = decimal.data() + decimal.size();
    if (const char* begin = put_decimal(value, end); begin != nullptr) {
      out.append(begin, static_cast<std::size_t>(end - begin));
      return;
    }
    if (!std::isfinite(value)) {
      out += std::signbit(value) ? "-" : "";
      out += std::isnan(value) ? "NaN" : "Infinity";
      return;
    }
  }
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  out.append(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
}

}  // namespace

void append_value(ValueType type, std::uint64_t bits, std::string& out) {
  switch (type) {
    case ValueType::kFloat64:
      return append_text_of(from_bits<double>(bits), out);
    case ValueType::kFloat32:
      return append_text_of(from_bits<float>(bits), out);
    case ValueType::kBool:
      out += from_bits<std::uint8_t>(bits) != 0 ? "true" : "false";
      return;
    case ValueType::kInt64:
      return append_text_of(from_bits<std::int64_t>(bits), out);
    case ValueType::kState:
    case ValueType::kText:
      return append_text_of(from_bits<std::int32_t>(bits), out);
  }
}

void append_statistic(ValueType type, double value, std::string& out) {
  if (type == ValueType::kFloat32) return append_text_of(static_cast<float>(value), out);
  append_text_of(value, out);
}

void append_number(std::uint64_t number, std::string& out) {
  append_text_of(number, out);
}

void TimeWriter::append(TimeNs time, std::string& out) {
  constexpr DurationNs kDay = 24 * kHour;
  const TimeNs day = floor_to(time, kDay);
  if (date_.empty() || day != day_) {
    day_ = day;
    date_ = format_time(day).substr(0, sizeof "2026-11-21T" - 1);
  }
  DurationNs rest = time - day;
  std::array<char, 20> buffer;  // "08:15:30.123456789Z"
  char* at = buffer.data();
  const auto put = [&](DurationNs number, int digits) {
    for (int i = digits; i-- > 0; number /= 10) at[i] = static_cast<char>('0' + number % 10);
    at += digits;
  };
  put(rest / kHour, 2);
  *at++ = ':';
  put(rest / kMinute % 60, 2);
  *at++ = ':';
  put(rest / kSecond % 60, 2);
  if (rest %= kSecond; rest != 0) {
    int digits = 9;
    for (; rest % 1000 == 0; rest /= 1000) digits -= 3;
    *at++ = '.';
    put(rest, digits);
  }
  *at++ = 'Z';
  (out += date_).append(buffer.data(), static_cast<std::size_t>(at - buffer.data()));
}

void append_json_text(std::string_view text, std::string& out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20) {
      out += "\\u00";
      out += {kHex[byte >> 4], kHex[byte & 15]};
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  out += '"';
}

std::string html_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

void append_csv_field(std::string_view text, std::string& out) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) out.append(c == '"' ? 2 : 1, c);
  out += '"';
}

}  // namespace millwright::core
