#include "api/parameters.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/text.hpp"

namespace millwright::api {
namespace {

using core::ErrorCode;
using core::unexpected;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Seconds until the year 2262, milliseconds from 1973 to 2262, nanoseconds from 1973 on: the ranges do not meet.
std::optional<core::TimeNs> unix_time(std::int64_t number) {
  constexpr std::int64_t kSecondsMax = INT64_MAX / core::kSecond;
  constexpr std::int64_t kMillisecondsMin = 100'000'000'000;
  constexpr std::int64_t kMillisecondsMax = INT64_MAX / core::kMillisecond;
  constexpr std::int64_t kNanosecondsMin = 100'000'000'000'000'000;
  if (number <= kSecondsMax) return number * core::kSecond;
  if (number >= kMillisecondsMin && number <= kMillisecondsMax) return number * core::kMillisecond;
  if (number >= kNanosecondsMin) return number;
  return std::nullopt;
}

}  // namespace

core::Result<Parameters> Parameters::parse(std::string_view query, std::span<const std::string_view> allowed) {
  Parameters parameters;
  if (query.empty()) return parameters;
  for (const std::string_view pair : core::split(query, '&')) {
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    auto name = percent_decode(pair.substr(0, equals));
    if (!name) return unexpected(name.error().within("query"));
    auto value = percent_decode(equals == std::string_view::npos ? "" : pair.substr(equals + 1));
    if (!value) return unexpected(value.error().within(*name));
    if (std::find(allowed.begin(), allowed.end(), *name) == allowed.end()) {
      const std::string known =
          allowed.empty() ? "this path takes none" : fmt::format("this path takes {}", fmt::join(allowed, ", "));
      return unexpected(ErrorCode::kInvalid, fmt::format("query: unknown parameter '{}'{}; {}", *name,
                                                         core::did_you_mean(*name, allowed), known));
    }
    if (!parameters.values_.emplace(*name, std::move(*value)).second) {
      return unexpected(ErrorCode::kInvalid, fmt::format("query: parameter '{}' comes twice; give it once", *name));
    }
  }
  return parameters;
}

std::optional<std::string_view> Parameters::text(std::string_view name) const {
  const auto at = values_.find(name);
  if (at == values_.end() || at->second.empty()) return std::nullopt;
  return std::string_view(at->second);
}

core::Result<std::size_t> Parameters::limit(std::size_t fallback, std::size_t max) const {
  const auto given = text("limit");
  if (!given) return std::min(fallback, max);
  const auto number = core::parse_int(*given);
  if (!number || *number < 1 || static_cast<std::uint64_t>(*number) > max) {
    return unexpected(ErrorCode::kInvalid, fmt::format("limit={}: must be a whole number from 1 to {}; ask for more "
                                                       "with the next_cursor of the answer",
                                                       *given, max));
  }
  return static_cast<std::size_t>(*number);
}

core::Result<std::optional<bool>> Parameters::boolean(std::string_view name) const {
  const auto given = text(name);
  if (!given) return std::optional<bool>();
  if (*given == "true") return std::optional(true);
  if (*given == "false") return std::optional(false);
  return unexpected(ErrorCode::kInvalid, fmt::format("{}={}: must be true or false", name, *given));
}

core::Result<core::TimeNs> Parameters::moment(std::string_view name, core::TimeNs now, core::TimeNs fallback) const {
  const auto given = text(name);
  if (!given) return fallback;
  auto time = parse_moment(*given, now);
  if (!time) return unexpected(time.error().within(name));
  return *time;
}

core::Result<std::pair<core::TimeNs, core::TimeNs>> Parameters::range(core::TimeNs now, core::DurationNs span) const {
  const auto to = moment("to", now, now);
  if (!to) return unexpected(to.error());
  const auto from = moment("from", now, *to < INT64_MIN + span ? INT64_MIN : *to - span);
  if (!from) return unexpected(from.error());
  if (*from <= *to) return std::pair(*from, *to);
  return unexpected(ErrorCode::kInvalid,
                    fmt::format("from={} is after to={}; swap them", core::format_time(*from), core::format_time(*to)));
}

core::Result<std::size_t> Parameters::number(std::string_view name, std::size_t fallback, std::size_t low,
                                             std::size_t high) const {
  const auto given = text(name);
  if (!given) return fallback;
  const auto number = core::parse_int(*given);
  if (number && *number >= static_cast<std::int64_t>(low) && *number <= static_cast<std::int64_t>(high)) {
    return static_cast<std::size_t>(*number);
  }
  return unexpected(ErrorCode::kInvalid,
                    fmt::format("{}={}: must be a whole number from {} to {}", name, *given, low, high));
}

core::Result<std::size_t> Parameters::choice(std::string_view name, std::span<const std::string_view> names,
                                             std::size_t fallback) const {
  const auto given = text(name);
  if (!given) return fallback;
  const auto at = std::find(names.begin(), names.end(), *given);
  if (at != names.end()) return static_cast<std::size_t>(at - names.begin());
  return unexpected(ErrorCode::kInvalid, fmt::format("{}={}: must be one of {}{}", name, *given, fmt::join(names, ", "),
                                                     core::did_you_mean(*given, names)));
}

core::Result<core::TimeNs> parse_moment(std::string_view text, core::TimeNs now) {
  if (text == "now") return now;
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_digit)) {
    const auto number = core::parse_int(text);
    if (const auto time = number ? unix_time(*number) : std::nullopt) return *time;
    return unexpected(ErrorCode::kInvalid,
                      fmt::format("'{}' is no unix time in seconds, milliseconds or nanoseconds before 2262", text));
  }
  if (text.starts_with('-')) {
    auto back = core::parse_duration(text.substr(1));
    if (back && *back >= 0) return now - *back;
    return unexpected(ErrorCode::kInvalid,
                      fmt::format("'{}' is no time before now; write it like -15min or -2h", text));
  }
  auto time = core::parse_time(text);
  if (time) return *time;
  return unexpected(ErrorCode::kInvalid,
                    fmt::format("'{}' is no time; write 2026-11-21T08:15:30Z, a unix time in s, ms "
                                "or ns, or a time before now such as -15min",
                                text));
}

}  // namespace millwright::api
