#include "connectors/sparkplug_command.hpp"

#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

namespace millwright::connectors {
namespace {

namespace spb = protocol::sparkplug;

// The range of a whole type; nothing for the others.
std::optional<std::pair<std::int64_t, std::int64_t>> range_of(spb::DataType type) {
  const auto range = [](auto example) {
    using T = decltype(example);
    return std::pair<std::int64_t, std::int64_t>{std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};
  };
  switch (type) {
    case spb::DataType::kInt8:
      return range(std::int8_t{});
    case spb::DataType::kInt16:
      return range(std::int16_t{});
    case spb::DataType::kInt32:
      return range(std::int32_t{});
    case spb::DataType::kInt64:
      return range(std::int64_t{});
    case spb::DataType::kUInt8:
      return range(std::uint8_t{});
    case spb::DataType::kUInt16:
      return range(std::uint16_t{});
    case spb::DataType::kUInt32:
      return range(std::uint32_t{});
    case spb::DataType::kUInt64:
      return std::pair<std::int64_t, std::int64_t>{0, INT64_MAX};
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<spb::EdgeValue> metric_value(const asset::CommandValue& value, spb::DataType type) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    const bool takes = type == spb::DataType::kString || type == spb::DataType::kText || type == spb::DataType::kUuid;
    return takes ? std::optional<spb::EdgeValue>(*text) : std::nullopt;
  }
  const double real = std::holds_alternative<double>(value)         ? std::get<double>(value)
                      : std::holds_alternative<std::int64_t>(value) ? static_cast<double>(std::get<std::int64_t>(value))
                                                                    : (std::get<bool>(value) ? 1 : 0);
  if (type == spb::DataType::kDouble) return real;
  if (type == spb::DataType::kFloat) return static_cast<float>(real);
  if (type == spb::DataType::kBoolean)
    return real == 0 || real == 1 ? std::optional<spb::EdgeValue>(real == 1) : std::nullopt;
  const auto range = range_of(type);
  if (!range) return std::nullopt;
  constexpr double kExact = 9'007'199'254'740'992;  // from here on a double skips whole numbers
  const auto* whole = std::get_if<std::int64_t>(&value);
  if (whole == nullptr && (std::trunc(real) != real || std::abs(real) > kExact)) return std::nullopt;
  const std::int64_t number = whole != nullptr ? *whole : static_cast<std::int64_t>(real);
  if (number < range->first || number > range->second) return std::nullopt;
  return number;
}

bool is_reported(const spb::EdgeValue& sent, const spb::Value& reported) {
  return std::visit(
      [](const auto& one, const auto& other) {
        using One = std::decay_t<decltype(one)>;
        using Other = std::decay_t<decltype(other)>;
        if constexpr (std::is_arithmetic_v<One> && std::is_arithmetic_v<Other>) {
          return static_cast<double>(one) == static_cast<double>(other);
        } else if constexpr (std::is_same_v<One, std::string> && std::is_same_v<Other, std::string_view>) {
          return one == other;
        } else {
          return false;
        }
      },
      sent, reported);
}

}  // namespace millwright::connectors
