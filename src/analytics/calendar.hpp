// Calendar: when a plant, line or machine is meant to work. Shifts of a week on the clock of a time zone, with breaks;
// holidays on which none begins; extra shifts; planned stops.
//
// A shift belongs to the day on which it begins and may end on the next. Every moment belongs to one shift at most:
// where an extra shift and another overlap, the one that began first has the time (of two that begin together, the
// week's), and the other begins when it ends. Shifts of the week that overlap are refused by the configuration.
// Threads: const from any. Units: ns UTC out; local time of day in.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "analytics/intervals.hpp"
#include "analytics/time_zone.hpp"

namespace millwright::analytics {

struct ClockSpan {
  core::DurationNs start = 0;  // since midnight
  core::DurationNs end = 0;    // up to 24:00; not after `start`: on the next day
  [[nodiscard]] core::DurationNs end_after_start() const { return end > start ? end : end + kDay; }
};

struct ShiftRule {
  std::string name{};
  ClockSpan span{};
  std::vector<ClockSpan> breaks{};  // those before the shift's start are on its next day
  std::array<bool, 7> days{};       // Monday first; of a shift of the week
  DayNumber day = 0;                // of an extra one
};

struct Holiday {
  DayNumber first = 0;
  DayNumber last = 0;
  std::string name{};
};

struct PlannedStop {
  LocalNs from = 0;
  LocalNs to = 0;
  std::string name{};
};

struct CalendarRules {
  std::string name{};
  TimeZone zone{};
  std::vector<ShiftRule> week{};
  std::vector<ShiftRule> extra{};
  std::vector<Holiday> holidays{};
  std::vector<PlannedStop> planned_stops{};
};

struct Shift {
  std::string name{};
  DayNumber day = 0;  // on which it begins
  Interval time{};
  Intervals breaks{};  // within it
};

class Calendar {
 public:
  explicit Calendar(CalendarRules rules) : rules_(std::move(rules)) {}
  // Works day and night, a shift a day.
  static Calendar always(TimeZone zone);

  [[nodiscard]] const CalendarRules& rules() const { return rules_; }
  [[nodiscard]] const TimeZone& zone() const { return rules_.zone; }
  // Those with time in `period`, whole, in order of time.
  [[nodiscard]] std::vector<Shift> shifts(const Interval& period) const;
  // What of `period` is in shifts and in no break.
  [[nodiscard]] Intervals scheduled(const Interval& period) const;
  // What of `period` is planned stops, in shifts or not.
  [[nodiscard]] Intervals planned_stops(const Interval& period) const;

 private:
  [[nodiscard]] bool is_holiday(DayNumber day) const;
  [[nodiscard]] Shift shift_on(const ShiftRule& rule, DayNumber day) const;

  CalendarRules rules_;
};

}  // namespace millwright::analytics
