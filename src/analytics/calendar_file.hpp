// Calendars as the plant's file gives them (docs/oee.md), and which is whose.
//
// Threads: one at a time, as the document; a Calendars is const from any. Errors: problems of the document.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analytics/calendar.hpp"
#include "asset/model.hpp"
#include "config/document.hpp"

namespace millwright::analytics {

inline constexpr std::size_t kCalendarsMax = 1000;
inline constexpr std::size_t kShiftsMax = 64;  // of a week, or extra ones

struct CalendarFile {
  struct Entry {
    CalendarRules rules;
    bool own_zone = false;  // else its machines' site's
  };
  struct Assignment {
    std::string match;  // a glob over machines' paths
    std::string calendar;
  };
  std::vector<Entry> calendars;
  std::vector<Assignment> assignments;  // the last that matches counts; none: always
};

// Reads `calendars` and `calendar_of`.
CalendarFile read_calendars(config::Section& section);

// Each machine's calendar.
class Calendars {
 public:
  Calendars(const CalendarFile& file, const asset::Model& model);

  [[nodiscard]] const Calendar& of(core::MachineId machine) const { return *by_machine_[machine.value]; }
  // Each that a machine has, once.
  [[nodiscard]] std::vector<const Calendar*> all() const;

 private:
  std::map<std::string, std::unique_ptr<Calendar>> calendars_;  // by name and zone
  std::vector<const Calendar*> by_machine_;
};

}  // namespace millwright::analytics
