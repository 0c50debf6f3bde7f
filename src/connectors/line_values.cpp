#include "connectors/line_values.hpp"

#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "connectors/exactly.hpp"

namespace millwright::connectors {
namespace {

using core::ValueType;
using protocol::LineField;

template <typename T>
bool put(T value, std::uint64_t& bits) {
  std::memcpy(&bits, &value, sizeof(value));
  return true;
}

// The float32 nearest to the text. By way of the double, save where that lies halfway between two floats: then the
// text alone says which, for the double may itself have been rounded to there.
bool put_float32(const LineField& field, std::uint64_t& bits) {
  constexpr std::uint64_t kBelowFloat = 0x1FFF'FFFF;
  constexpr std::uint64_t kHalfway = 0x1000'0000;
  const double value = field.real();
  auto narrow = static_cast<float>(value);
  const bool tiny = std::abs(value) < static_cast<double>(std::numeric_limits<float>::min());
  if ((field.bits & kBelowFloat) == kHalfway || tiny) {
    std::from_chars(field.text.data(), field.text.data() + field.text.size(), narrow);
  }
  if (std::isinf(narrow) && !std::isinf(value)) return false;
  return put(narrow, bits);
}

template <typename From>
bool put_exactly(From from, ValueType type, std::uint64_t& bits) {
  const auto as = [&](auto to) { return exactly(from, to) && put(to, bits); };
  switch (type) {
    case ValueType::kFloat64:
      return as(double{});
    case ValueType::kFloat32:
      return as(float{});
    case ValueType::kInt64:
      return as(std::int64_t{});
    case ValueType::kState:
      return as(std::int32_t{});
    case ValueType::kBool:
      return (from == From{0} || from == From{1}) && put(std::uint8_t{from == From{1}}, bits);
    case ValueType::kText:
      return false;
  }
  return false;
}

bool put_unsigned(std::uint64_t value, ValueType type, std::uint64_t& bits) {
  constexpr auto kSignedMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (value <= kSignedMax) return put_exactly(static_cast<std::int64_t>(value), type, bits);
  constexpr double kEnd = 18446744073709551616.0;  // 2^64
  const auto real = static_cast<double>(value);
  if (real >= kEnd || static_cast<std::uint64_t>(real) != value) return false;
  return type == ValueType::kFloat64 && put(real, bits);
}

bool put_text(const LineField& field, const asset::Sensor& sensor, core::Texts& texts, std::uint64_t& bits) {
  const std::string name = protocol::unescape_text(field.text);
  if (sensor.type == ValueType::kText) {
    const auto number = texts.number(name);
    return number && put(*number, bits);
  }
  if (sensor.type != ValueType::kState) return false;
  for (const auto& [code, known] : sensor.states) {
    if (known == name) return put_exactly(code, ValueType::kState, bits);
  }
  return false;
}

}  // namespace

bool to_reading(const LineField& field, ValueType type, const asset::Sensor& sensor, core::Texts& texts,
                std::uint64_t& bits) {
  switch (field.kind) {
    case LineField::Kind::kReal:
      if (type == ValueType::kFloat32) return put_float32(field, bits);
      if (type == ValueType::kFloat64) return put(field.real(), bits);
      return put_exactly(field.real(), type, bits);
    case LineField::Kind::kInteger:
      return put_exactly(field.integer(), type, bits);
    case LineField::Kind::kUnsigned:
      return put_unsigned(field.unsigned_integer(), type, bits);
    case LineField::Kind::kBool:
      return put_exactly(std::int32_t{field.boolean()}, type, bits);
    case LineField::Kind::kText:
      return put_text(field, sensor, texts, bits);
  }
  return false;
}

}  // namespace millwright::connectors
