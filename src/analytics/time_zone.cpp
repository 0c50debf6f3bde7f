#include "analytics/time_zone.hpp"

#include <chrono>
#include <exception>

#include <date/tz.h>
#include <fmt/format.h>

#include "core/text.hpp"

namespace millwright::analytics {
namespace {

using std::chrono::nanoseconds;
using LocalTime = date::local_time<nanoseconds>;
using SysTime = date::sys_time<nanoseconds>;

// Nothing: the library does not know it. It throws, also where tzdata is missing.
const date::time_zone* locate(const std::string& name) {
  try {
    return date::locate_zone(name);
  } catch (const std::exception&) {
    return nullptr;
  }
}

bool has_offset(std::string_view text) {
  if (text.ends_with('Z') || text.ends_with('z')) return true;
  if (text.size() < 6) return false;
  const char sign = text[text.size() - 6];
  return (sign == '+' || sign == '-') && text[text.size() - 3] == ':';
}

}  // namespace

TimeZone::TimeZone() : name_("UTC"), zone_(locate("UTC")) {}

core::Result<TimeZone> TimeZone::find(const std::string& name) {
  TimeZone zone;
  zone.name_ = name;
  zone.zone_ = locate(name);
  if (zone.zone_ != nullptr) return zone;
  return core::unexpected(core::ErrorCode::kInvalid,
                          fmt::format("'{}' is no time zone; write an IANA name such as Europe/Paris", name));
}

core::TimeNs TimeZone::to_utc(LocalNs local) const {
  if (zone_ == nullptr) return local;
  // Rules are in whole seconds, and the table knows them by those.
  const nanoseconds whole(local);
  const date::local_info info = zone_->get_info(LocalTime(whole));
  if (info.result == date::local_info::nonexistent) return nanoseconds(info.first.end.time_since_epoch()).count();
  return (whole - info.first.offset).count();
}

LocalNs TimeZone::to_local(core::TimeNs time) const {
  if (zone_ == nullptr) return time;
  return (nanoseconds(time) + zone_->get_info(SysTime(nanoseconds(time))).offset).count();
}

core::Result<core::TimeNs> TimeZone::parse(std::string_view text) const {
  auto time = core::parse_time(text);
  // A date has hyphens where an offset's sign might be.
  if (!time || (text.size() > 10 && has_offset(text))) return time;
  return to_utc(*time);
}

std::string TimeZone::format(core::TimeNs time) const {
  const LocalNs local = to_local(time);
  std::string text = core::format_time(local);
  text.pop_back();  // Z
  const std::int64_t minutes = (local - time) / core::kMinute;
  const std::int64_t size = minutes < 0 ? -minutes : minutes;
  return text + fmt::format("{}{:02}:{:02}", minutes < 0 ? '-' : '+', size / 60, size % 60);
}

core::Result<DayNumber> parse_day(std::string_view text) {
  const auto time = text.size() == 10 ? core::parse_time(text) : core::Result<core::TimeNs>(core::Unexpected{});
  if (time) return core::floor_to(*time, kDay) / kDay;
  return core::unexpected(core::ErrorCode::kInvalid,
                          fmt::format("'{}' is no date; write one such as 2026-12-24", text));
}

std::string format_day(DayNumber day) {
  return core::format_time(day * kDay).substr(0, 10);
}

int weekday_of(DayNumber day) {
  return static_cast<int>(((day + 3) % 7 + 7) % 7);
}

core::Result<core::DurationNs> parse_clock(std::string_view text) {
  const auto wrong = core::unexpected(
      core::ErrorCode::kInvalid, fmt::format("'{}' is no time of day; write one such as \"06:30\", in quotes", text));
  const auto parts = core::split(text, ':');
  if (parts.size() < 2 || parts.size() > 3) return wrong;
  core::DurationNs time = 0;
  constexpr std::int64_t kHigh[] = {24, 59, 59};
  constexpr core::DurationNs kUnit[] = {core::kHour, core::kMinute, core::kSecond};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto number = parts[i].size() == 2 ? core::parse_int(parts[i]) : std::nullopt;
    if (!number || *number < 0 || *number > kHigh[i]) return wrong;
    time += *number * kUnit[i];
  }
  if (time > kDay) return wrong;
  return time;
}

core::Result<LocalNs> parse_local(std::string_view text) {
  if (text.size() > 10 && has_offset(text)) {
    return core::unexpected(core::ErrorCode::kInvalid,
                            fmt::format("'{}' has an offset; write the time on the calendar's own clock", text));
  }
  return core::parse_time(text);
}

}  // namespace millwright::analytics
