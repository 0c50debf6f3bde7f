#include "analytics/calendar_file.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/text.hpp"

namespace millwright::analytics {
namespace {

using config::Section;

constexpr std::array<std::string_view, 7> kWeekdays{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

std::optional<std::size_t> weekday(std::string_view name) {
  const auto* found = std::find(kWeekdays.begin(), kWeekdays.end(), name);
  if (found == kWeekdays.end()) return std::nullopt;
  return static_cast<std::size_t>(found - kWeekdays.begin());
}

// A text that `parse` reads, or a problem.
template <typename Parse>
auto read_as(Section& section, std::string_view key, Parse parse) {
  const std::string text = section.text(key);
  auto value = parse(text);
  if (value) return *value;
  if (section.has(key)) section.problem(key, value.error().message);
  return decltype(*value + 0){};
}

std::array<bool, 7> read_days(Section& section) {
  std::array<bool, 7> days{};
  const auto names = section.texts("days");
  if (names.empty()) section.problem("days", "on which days? Write days: [mon-fri], or [mon, wed]");
  for (const std::string& name : names) {
    const auto dash = name.find('-');
    const auto first = weekday(name.substr(0, dash));
    const auto last = dash == std::string::npos ? first : weekday(name.substr(dash + 1));
    if (!first || !last) {
      section.problem("days", fmt::format("'{}' is no day; there are {}, and mon-fri for several", name,
                                          fmt::join(kWeekdays, ", ")));
      continue;
    }
    for (std::size_t day = *first;; day = (day + 1) % 7) {
      days[day] = true;
      if (day == *last) break;
    }
  }
  return days;
}

ClockSpan read_span(Section& section) {
  ClockSpan span;
  span.start = read_as(section, "start", parse_clock);
  span.end = read_as(section, "end", parse_clock);
  if (span.start == kDay) section.problem("start", "24:00 is the next day's 00:00; a start is before it");
  if (span.start == span.end && section.has("start") && section.has("end")) {
    section.problem("end", "is the start; write 00:00 to 24:00 for a whole day");
  }
  return span;
}

// Whether a break lies in the shift that it is one of.
bool holds(const ClockSpan& shift, const ClockSpan& pause) {
  const core::DurationNs next_day = pause.start < shift.start ? kDay : 0;
  return pause.end_after_start() + next_day <= shift.end_after_start();
}

ShiftRule read_shift(Section& section) {
  ShiftRule rule;
  rule.name = section.text("name", {.fallback = {}, .length_max = 63});
  rule.span = read_span(section);
  for (Section& entry : section.sections("breaks")) {
    const ClockSpan pause = read_span(entry);
    if (!holds(rule.span, pause)) entry.problem("", fmt::format("is not within its shift '{}'", rule.name));
    rule.breaks.push_back(pause);
    entry.finish();
  }
  return rule;
}

// Where two shifts of the week share time: the day on which the second of them begins.
std::optional<std::size_t> overlap(const ShiftRule& a, const ShiftRule& b, bool same) {
  for (std::size_t i = 0; i < 7; ++i) {
    for (std::size_t j = 0; j < 7; ++j) {
      if (!a.days[i] || !b.days[j] || (same && i == j)) continue;
      const core::DurationNs length = a.span.end_after_start() - a.span.start;
      const auto from_a =
          static_cast<std::int64_t>(j) * kDay + b.span.start - (static_cast<std::int64_t>(i) * kDay + a.span.start);
      if ((from_a % (7 * kDay) + 7 * kDay) % (7 * kDay) < length) return j;
    }
  }
  return std::nullopt;
}

void read_week(Section& section, CalendarRules& rules) {
  for (Section& entry : section.sections("shifts")) {
    ShiftRule rule = read_shift(entry);
    rule.days = read_days(entry);
    for (const ShiftRule& other : rules.week) {
      auto day = overlap(other, rule, false);
      if (!day) day = overlap(rule, other, false);
      if (!day) continue;
      entry.problem("", fmt::format("'{}' and '{}' overlap ({}); a moment belongs to one shift", rule.name, other.name,
                                    kWeekdays[*day]));
      break;
    }
    if (overlap(rule, rule, true)) entry.problem("", fmt::format("'{}' overlaps itself", rule.name));
    rules.week.push_back(std::move(rule));
    entry.finish();
  }
  if (rules.week.size() > kShiftsMax) section.problem("shifts", fmt::format("more than {}", kShiftsMax));
}

void read_holidays(Section& section, CalendarRules& rules) {
  for (Section& entry : section.sections("holidays")) {
    Holiday holiday;
    if (entry.has("date")) {
      holiday.first = holiday.last = read_as(entry, "date", parse_day);
    } else {
      holiday.first = read_as(entry, "from", parse_day);
      holiday.last = read_as(entry, "to", parse_day);
    }
    if (holiday.last < holiday.first) entry.problem("to", "is before 'from'");
    holiday.name = entry.text("name", {.fallback = "", .length_max = 200});
    rules.holidays.push_back(std::move(holiday));
    entry.finish();
  }
}

void read_extra(Section& section, CalendarRules& rules) {
  for (Section& entry : section.sections("extra_shifts")) {
    ShiftRule rule = read_shift(entry);
    rule.day = read_as(entry, "date", parse_day);
    rules.extra.push_back(std::move(rule));
    entry.finish();
  }
}

void read_planned_stops(Section& section, CalendarRules& rules) {
  for (Section& entry : section.sections("planned_stops")) {
    PlannedStop stop;
    stop.from = read_as(entry, "from", parse_local);
    stop.to = read_as(entry, "to", parse_local);
    if (stop.to <= stop.from && entry.has("from") && entry.has("to")) entry.problem("to", "is not after 'from'");
    stop.name = entry.text("name", {.fallback = "", .length_max = 200});
    rules.planned_stops.push_back(std::move(stop));
    entry.finish();
  }
}

CalendarFile::Entry read_calendar(Section& section, const std::vector<CalendarFile::Entry>& before) {
  CalendarFile::Entry entry;
  entry.rules.name = section.text("name", {.fallback = {}, .length_max = 63});
  const bool taken = std::any_of(before.begin(), before.end(),
                                 [&](const auto& other) { return other.rules.name == entry.rules.name; });
  if (taken) section.problem("name", fmt::format("there is a calendar '{}' already", entry.rules.name));
  if (section.has("time_zone")) {
    entry.own_zone = true;
    auto zone = TimeZone::find(section.text("time_zone"));
    if (zone) {
      entry.rules.zone = std::move(*zone);
    } else {
      section.problem("time_zone", zone.error().message);
    }
  }
  read_week(section, entry.rules);
  read_holidays(section, entry.rules);
  read_extra(section, entry.rules);
  read_planned_stops(section, entry.rules);
  section.finish();
  return entry;
}

}  // namespace

CalendarFile read_calendars(Section& section) {
  CalendarFile file;
  for (Section& entry : section.sections("calendars")) {
    file.calendars.push_back(read_calendar(entry, file.calendars));
    if (file.calendars.size() > kCalendarsMax) section.problem("calendars", fmt::format("more than {}", kCalendarsMax));
  }
  std::vector<std::string_view> names;
  for (const auto& entry : file.calendars) names.push_back(entry.rules.name);
  for (Section& entry : section.sections("calendar_of")) {
    CalendarFile::Assignment assignment{entry.text("match"), entry.text("calendar")};
    if (entry.has("calendar") && std::find(names.begin(), names.end(), assignment.calendar) == names.end()) {
      entry.problem("calendar", fmt::format("there is no calendar '{}'{}", assignment.calendar,
                                            core::did_you_mean(assignment.calendar, names)));
    }
    file.assignments.push_back(std::move(assignment));
    entry.finish();
  }
  return file;
}

Calendars::Calendars(const CalendarFile& file, const asset::Model& model) {
  for (const asset::Machine& machine : model.machines()) {
    const CalendarFile::Entry* entry = nullptr;
    for (const CalendarFile::Assignment& assignment : file.assignments) {
      if (!core::glob_match(assignment.match, machine.path)) continue;
      for (const auto& candidate : file.calendars) {
        if (candidate.rules.name == assignment.calendar) entry = &candidate;
      }
    }
    const bool own_zone = entry != nullptr && entry->own_zone;
    const std::string zone_name = own_zone ? entry->rules.zone.name() : machine.time_zone;
    auto& slot = calendars_[(entry != nullptr ? entry->rules.name : "") + "\n" + zone_name];
    if (!slot) {
      // The asset model has checked the site's against the same tzdata.
      auto zone = zone_name.empty() ? core::Result<TimeZone>(TimeZone()) : TimeZone::find(zone_name);
      CalendarRules rules = entry != nullptr ? entry->rules : Calendar::always({}).rules();
      rules.zone = zone ? *zone : TimeZone();
      slot = std::make_unique<Calendar>(std::move(rules));
    }
    by_machine_.push_back(slot.get());
  }
}

std::vector<const Calendar*> Calendars::all() const {
  std::vector<const Calendar*> list;
  for (const auto& [key, calendar] : calendars_) list.push_back(calendar.get());
  return list;
}

}  // namespace millwright::analytics
