#include "history/value_text.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/text.hpp"
#include "protocol/csv.hpp"

namespace millwright::history {
namespace {

using core::ValueType;

// Accepts nan and infinity in any case.
template <typename T>
std::optional<T> parse_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stop == end ? std::optional(value) : std::nullopt;
}

std::optional<std::int64_t> parse_whole(const asset::Sensor& sensor, std::string_view text) {
  if (const auto whole = parse_number<std::int64_t>(text)) return whole;
  if (text == "true" || text == "TRUE" || text == "True") return 1;
  if (text == "false" || text == "FALSE" || text == "False") return 0;
  for (const auto& [code, name] : sensor.states) {
    if (name == text) return code;
  }
  return std::nullopt;
}

bool two_digits(std::string_view text, std::size_t at, core::TimeNs& out) {
  const unsigned tens = static_cast<unsigned char>(text[at]) - unsigned{'0'};
  const unsigned ones = static_cast<unsigned char>(text[at + 1]) - unsigned{'0'};
  out = tens * 10 + ones;
  return tens <= 9 && ones <= 9;
}

}  // namespace

std::int64_t value_as_int(ValueType type, std::uint64_t bits) {
  if (type == ValueType::kInt64) return core::from_bits<std::int64_t>(bits);
  if (type == ValueType::kState) return core::from_bits<std::int32_t>(bits);
  return core::from_bits<std::uint8_t>(bits);
}

std::optional<std::uint64_t> bits_of(ValueType type, std::int64_t value) {
  switch (type) {
    case ValueType::kFloat64:
      return core::to_bits(static_cast<double>(value));
    case ValueType::kFloat32:
      return core::to_bits(static_cast<float>(value));
    case ValueType::kInt64:
      return core::to_bits(value);
    case ValueType::kBool:
      return value == 0 || value == 1 ? std::optional(core::to_bits(static_cast<std::uint8_t>(value))) : std::nullopt;
    case ValueType::kState:
      if (value != static_cast<std::int32_t>(value)) return std::nullopt;
      return core::to_bits(static_cast<std::int32_t>(value));
    case ValueType::kText:
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> bits_of(ValueType type, double value) {
  if (type == ValueType::kFloat64) return core::to_bits(value);
  if (type == ValueType::kFloat32) return core::to_bits(static_cast<float>(value));
  constexpr double kEnd = 9223372036854775808.0;
  if (!(value >= -kEnd && value < kEnd) || value != std::floor(value)) return std::nullopt;
  return bits_of(type, static_cast<std::int64_t>(value));
}

std::optional<std::uint64_t> parse_value(const asset::Sensor& sensor, std::string_view text, core::Texts& texts) {
  if (sensor.type == ValueType::kText) {
    const auto number = texts.number(text);
    return number ? std::optional(core::to_bits(*number)) : std::nullopt;
  }
  if (sensor.type == ValueType::kFloat64) {
    const auto value = parse_number<double>(text);
    return value ? std::optional(core::to_bits(*value)) : std::nullopt;
  }
  if (sensor.type == ValueType::kFloat32) {
    const auto value = parse_number<float>(text);
    return value ? std::optional(core::to_bits(*value)) : std::nullopt;
  }
  if (const auto whole = parse_whole(sensor, text)) return bits_of(sensor.type, *whole);
  const auto real = parse_number<double>(text);  // 3.0
  return real ? bits_of(sensor.type, *real) : std::nullopt;
}

// "2026-11-21T08:15:30[.fraction][Z]" of the same day as the time before.
bool TimeReader::read_quickly(std::string_view text, core::TimeNs& time) const {
  constexpr std::size_t kSeconds = 19;
  core::TimeNs hour = 0;
  core::TimeNs minute = 0;
  core::TimeNs second = 0;
  if (text.size() < kSeconds || date_.empty() || std::memcmp(text.data(), date_.data(), date_.size()) != 0)
    return false;
  if ((text[10] != 'T' && text[10] != ' ') || text[13] != ':' || text[16] != ':') return false;
  if (!two_digits(text, 11, hour) || !two_digits(text, 14, minute) || !two_digits(text, 17, second)) return false;
  if (hour > 23 || minute > 59 || second > 59) return false;
  text.remove_prefix(kSeconds);
  if (text.ends_with('Z')) text.remove_suffix(1);
  core::DurationNs fraction = 0;
  if (!text.empty()) {
    if (text[0] != '.' || text.size() < 2 || text.size() > 10) return false;
    core::DurationNs weight = core::kSecond / 10;
    for (std::size_t i = 1; i < text.size(); ++i, weight /= 10) {
      if (text[i] < '0' || text[i] > '9') return false;
      fraction += (text[i] - '0') * weight;
    }
  }
  time = day_ + hour * core::kHour + minute * core::kMinute + second * core::kSecond + fraction;
  return true;
}

core::Result<core::TimeNs> TimeReader::read(std::string_view text) {
  core::TimeNs time = 0;
  if (read_quickly(text, time)) return time;
  constexpr std::size_t kDate = 10;
  const bool date = text.size() >= kDate && text[4] == '-';
  if (!date) return protocol::parse_seconds(text);
  const auto day = core::parse_time(text.substr(0, kDate));
  if (day) {
    date_ = text.substr(0, kDate);
    day_ = *day;
  }
  return core::parse_time(text);
}

}  // namespace millwright::history
