// exactly: a number as another type, only where it stays the number that it is.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace millwright::connectors {

// Whether `from` can be written as a To and back without becoming another value.
template <typename To, typename From>
bool exactly(From from, To& to) {
  if constexpr (std::is_floating_point_v<From> && std::is_floating_point_v<To>) {
    to = static_cast<To>(from);
    return static_cast<From>(to) == from || std::isnan(from);
  } else if constexpr (std::is_floating_point_v<From>) {
    // The bounds are powers of two, so they are exact as From; NaN fails both.
    constexpr From kLow = static_cast<From>(std::numeric_limits<To>::min());
    constexpr From kEnd = -kLow;
    if (!(from >= kLow && from < kEnd)) return false;
    to = static_cast<To>(from);
    return static_cast<From>(to) == from;
  } else if constexpr (std::is_floating_point_v<To>) {
    constexpr From kBound = From{1} << std::min(std::numeric_limits<To>::digits, std::numeric_limits<From>::digits - 1);
    to = static_cast<To>(from);
    if (from >= -kBound && from <= kBound) return true;
    std::int64_t back = 0;
    return exactly<std::int64_t>(to, back) && back == static_cast<std::int64_t>(from);
  } else {
    to = static_cast<To>(from);
    return static_cast<From>(to) == from;
  }
}

}  // namespace millwright::connectors
