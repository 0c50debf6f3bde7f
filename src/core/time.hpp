// Time: int64 nanoseconds since 1970-01-01 UTC, without leap seconds (POSIX). Covers 1678 to 2262.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace millwright::core {

using TimeNs = std::int64_t;      // a point in time
using DurationNs = std::int64_t;  // a length of time

inline constexpr DurationNs kMicrosecond = 1'000;
inline constexpr DurationNs kMillisecond = 1'000'000;
inline constexpr DurationNs kSecond = 1'000'000'000;
inline constexpr DurationNs kMinute = 60 * kSecond;
inline constexpr DurationNs kHour = 60 * kMinute;

// The start of the `width`-long interval (counted from 1970) that holds `time`; also right before 1970.
constexpr TimeNs floor_to(TimeNs time, DurationNs width) {
  const TimeNs rest = time % width;
  return rest < 0 ? time - rest - width : time - rest;
}

// "2026-11-21T08:15:30.250Z": RFC 3339 in UTC, with as many fraction digits (0, 3, 6 or 9) as the time needs.
std::string format_time(TimeNs time);

// RFC 3339 / ISO 8601 date-times: 'T' or a space between, an optional fraction of up to 9 digits, "Z", "+02:00" or
// nothing (then UTC), or a date alone. Refuses dates that do not exist.
Result<TimeNs> parse_time(std::string_view text);

// "250ns", "10us", "100ms", "1.5s", "2min", "3h", "7d". A unit is required; the error names those that exist.
Result<DurationNs> parse_duration(std::string_view text);
std::string format_duration(DurationNs duration);

}  // namespace millwright::core
