// Controls: what takes alarms out of operators' sight: shelved, suppressed by design, out of service (ISA-18.2, 5.6 and
// 14). A control is on conditions, not on occurrences: it stands whether they are in alarm or not.
//
// Threads: values; a ControlBook has one owner.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "alarms/alarm.hpp"

namespace millwright::alarms {

struct Control {
  std::uint64_t id = 0;
  Suppression kind = Suppression::kShelved;
  std::string match{};     // a condition, or a glob over conditions: "acme/lyon/**/pump-1/**"
  core::TimeNs since = 0;  // wall clock
  core::TimeNs until = 0;  // 0: until it is released
  std::string by{};
  std::string comment{};
  bool released = false;
};

class ControlBook {
 public:
  // Takes the control as it now is; a released one goes.
  void put(const Control& control);
  [[nodiscard]] const Control* find(std::uint64_t id) const;
  [[nodiscard]] std::vector<Control> all() const;
  // What holds for a condition: out of service before suppressed by design before shelved, the longest of each;
  // nullptr: nothing.
  [[nodiscard]] const Control* effect(std::string_view condition) const;
  // Those whose time is over.
  [[nodiscard]] std::vector<Control> expired(core::TimeNs now) const;

 private:
  std::map<std::uint64_t, Control> by_id_;
};

}  // namespace millwright::alarms
