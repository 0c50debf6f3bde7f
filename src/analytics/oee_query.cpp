// Service::oee: machines' timelines, summed over the windows and levels that were asked for.
#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "analytics/service_impl.hpp"

namespace millwright::analytics {
namespace {

using core::ErrorCode;
using core::unexpected;

struct Window {
  Interval time;
  std::string shift{};
  std::string day{};
  bool whole = false;  // not cut off by the period
};

Window window_of(const Interval& time, const Interval& period, std::string shift, std::string day) {
  const Interval part = intersection(time, period);
  return {.time = part, .shift = std::move(shift), .day = std::move(day), .whole = part == time};
}

std::vector<Window> day_windows(const Interval& period, const TimeZone& zone) {
  std::vector<Window> windows;
  for (DayNumber day = zone.day_of(period.from); zone.start_of(day) < period.to; ++day) {
    windows.push_back(window_of({zone.start_of(day), zone.start_of(day + 1)}, period, {}, format_day(day)));
  }
  return windows;
}

// Hours of the site's clock; where that changes by less than an hour, the day's last one is short.
std::vector<Window> hour_windows(const Interval& period, const TimeZone& zone) {
  std::vector<Window> windows;
  for (const Window& day : day_windows(period, zone)) {
    const DayNumber number = zone.day_of(day.time.from);
    const core::TimeNs midnight = zone.start_of(number);
    const core::TimeNs end = zone.start_of(number + 1);
    const core::DurationNs into = (day.time.from - midnight) / core::kHour * core::kHour;
    for (core::TimeNs hour = midnight + into; hour < day.time.to; hour += core::kHour) {
      windows.push_back(window_of({hour, std::min(hour + core::kHour, end)}, day.time, {}, {}));
    }
  }
  return windows;
}

std::vector<Window> windows_of(By by, const Interval& period, const Calendar& calendar, const TimeZone& zone) {
  switch (by) {
    case By::kWhole:
      return {{.time = period}};
    case By::kEachDay:
      return day_windows(period, zone);
    case By::kEachHour:
      return hour_windows(period, zone);
    case By::kEachShift:
      break;
  }
  std::vector<Window> windows;
  for (const Shift& shift : calendar.shifts(period)) {
    windows.push_back(window_of(shift.time, period, shift.name, format_day(shift.day)));
  }
  return windows;
}

std::string group_of(Level level, const asset::Machine& machine) {
  if (level == Level::kMachine) return machine.path;
  const auto& [enterprise, site, area, line, cell] = machine.hierarchy;
  if (level == Level::kSite) return enterprise + "/" + site;
  return fmt::format("{}/{}/{}/{}", enterprise, site, area, line);
}

// By place, then time; shifts of one name and day are one row.
using Key = std::tuple<std::string, std::string, core::TimeNs>;

Key key_of(By by, const std::string& group, const Window& window) {
  if (by == By::kEachShift) return {group, window.day + "\n" + window.shift, 0};
  return {group, "", window.time.from};
}

}  // namespace

core::Result<OeeAnswer> Service::oee(const OeeRequest& request) {
  const auto machines = this->machines(request.scope);
  if (!machines) return unexpected(machines.error());
  const TimeZone zone = calendars().of(machines->front()->id).zone();
  auto period = this->period(request.from, request.to, zone, 0);
  if (!period) return unexpected(period.error());
  period->to = std::max(period->from, std::min(period->to, now()));
  OeeAnswer answer{.period = *period, .time_zone = zone.name(), .rows = {}};
  if (period->length() > kMachineTimeMax / std::ssize(*machines)) {
    return unexpected(ErrorCode::kInvalid,
                      fmt::format("{} machines over {} days are too much at once; ask for a shorter period or one site",
                                  machines->size(), period->length() / kDay));
  }
  std::map<Key, OeeRow> rows;
  for (const asset::Machine* machine : *machines) {
    if (!machine->oee) continue;
    const std::string group = group_of(request.level, *machine);
    // The whole period is the sum of its days, most of which were asked for before.
    const bool whole = request.by == By::kWhole;
    const auto windows = windows_of(request.by, *period, calendars().of(machine->id), zone);
    std::vector<Impl::Piece> pieces;
    for (const Window& part : whole ? day_windows(*period, zone) : windows) pieces.push_back({part.time, part.whole});
    if (auto summed = impl_->sum(*machine, pieces, request.stopping); !summed) return unexpected(summed.error());
    for (std::size_t i = 0; i < windows.size(); ++i) {
      const Window& window = windows[i];
      const auto [at, added] = rows.try_emplace(key_of(request.by, group, window));
      OeeRow& row = at->second;
      if (added) row = {.path = group, .window = window.time, .shift = window.shift, .day = window.day, .totals = {}};
      row.window = {std::min(row.window.from, window.time.from), std::max(row.window.to, window.time.to)};
      for (const Impl::Piece& piece : std::span(pieces).subspan(whole ? 0 : i, whole ? pieces.size() : 1)) {
        row.totals += *piece.totals;
      }
      ++row.machines;
    }
    if (rows.size() > kRowsMax) {
      return unexpected(ErrorCode::kInvalid,
                        fmt::format("more than {} rows; ask for a shorter period, by=day or level=site", kRowsMax));
    }
  }
  for (auto& [key, row] : rows) answer.rows.push_back(std::move(row));
  std::stable_sort(answer.rows.begin(), answer.rows.end(), [](const OeeRow& a, const OeeRow& b) {
    return std::tie(a.path, a.window.from) < std::tie(b.path, b.window.from);
  });
  return answer;
}

}  // namespace millwright::analytics
