#include "analytics/calendar.hpp"

#include <algorithm>

namespace millwright::analytics {

Calendar Calendar::always(TimeZone zone) {
  CalendarRules rules{.name = "always", .zone = std::move(zone)};
  rules.week.push_back({.name = "day", .span = {0, kDay}, .breaks = {}, .days = {}, .day = 0});
  rules.week.back().days.fill(true);
  return Calendar(std::move(rules));
}

bool Calendar::is_holiday(DayNumber day) const {
  return std::any_of(rules_.holidays.begin(), rules_.holidays.end(),
                     [&](const Holiday& holiday) { return day >= holiday.first && day <= holiday.last; });
}

Shift Calendar::shift_on(const ShiftRule& rule, DayNumber day) const {
  const LocalNs midnight = day * kDay;
  const auto moment = [&](core::DurationNs clock) { return rules_.zone.to_utc(midnight + clock); };
  Shift shift{.name = rule.name, .day = day};
  shift.time = {moment(rule.span.start), moment(rule.span.end_after_start())};
  Intervals breaks;
  for (const ClockSpan& pause : rule.breaks) {
    const core::DurationNs next_day = pause.start < rule.span.start ? kDay : 0;
    breaks.push_back({moment(pause.start + next_day), moment(pause.end_after_start() + next_day)});
  }
  shift.breaks = intersection(united(std::move(breaks)), {shift.time});
  return shift;
}

std::vector<Shift> Calendar::shifts(const Interval& period) const {
  std::vector<Shift> list;
  if (period.empty()) return list;
  // A shift of the day before may reach in, and an earlier one may have moved that one's beginning.
  const DayNumber first = rules_.zone.day_of(period.from) - 2;
  const DayNumber last = rules_.zone.day_of(period.to - 1);
  for (DayNumber day = first; day <= last; ++day) {
    if (is_holiday(day)) continue;
    for (const ShiftRule& rule : rules_.week) {
      if (rule.days[static_cast<std::size_t>(weekday_of(day))]) list.push_back(shift_on(rule, day));
    }
  }
  for (const ShiftRule& rule : rules_.extra) {
    if (rule.day >= first && rule.day <= last) list.push_back(shift_on(rule, rule.day));
  }
  std::stable_sort(list.begin(), list.end(), [](const Shift& a, const Shift& b) { return a.time.from < b.time.from; });
  core::TimeNs taken = INT64_MIN;
  for (Shift& shift : list) {
    shift.time.from = std::max(shift.time.from, taken);
    if (shift.time.empty()) continue;
    shift.breaks = intersection(shift.breaks, {shift.time});
    taken = shift.time.to;
  }
  std::erase_if(list, [&](const Shift& shift) { return shift.time.empty() || !shift.time.overlaps(period); });
  return list;
}

Intervals Calendar::scheduled(const Interval& period) const {
  Intervals work;
  Intervals breaks;
  for (const Shift& shift : shifts(period)) {
    work.push_back(shift.time);
    breaks.insert(breaks.end(), shift.breaks.begin(), shift.breaks.end());
  }
  return intersection(difference(united(std::move(work)), united(std::move(breaks))), {period});
}

Intervals Calendar::planned_stops(const Interval& period) const {
  Intervals stops;
  for (const PlannedStop& stop : rules_.planned_stops) {
    stops.push_back({rules_.zone.to_utc(stop.from), rules_.zone.to_utc(stop.to)});
  }
  return intersection(united(std::move(stops)), {period});
}

}  // namespace millwright::analytics
