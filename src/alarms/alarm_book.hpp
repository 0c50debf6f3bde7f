// AlarmBook: the occurrences themselves: by id, which of them are open, and how long closed ones are kept. Without
// locks, journal or clock.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "alarms/alarm.hpp"
#include "alarms/alarm_manager.hpp"

namespace millwright::alarms {

class AlarmBook {
 public:
  // Takes the alarm as it now is, unless a later version of it is known.
  void put(const Alarm& alarm);
  [[nodiscard]] const Alarm* find(std::uint64_t id) const;
  // The open occurrence of a condition; nullptr where there is none.
  [[nodiscard]] const Alarm* open(const std::string& condition) const;
  [[nodiscard]] std::vector<Alarm> list(const Filter& filter) const;
  // The open occurrences of the conditions that the glob matches, oldest first.
  [[nodiscard]] std::vector<Alarm> open_like(std::string_view glob) const;
  [[nodiscard]] std::size_t active_count() const { return active_; }  // without suppressed ones
  // All open ones and the `closed_max` that were closed last, in the order that put() takes them again.
  [[nodiscard]] std::vector<const Alarm*> essence(std::size_t closed_max) const;

 private:
  void note_closed(const Alarm& alarm);
  std::map<std::uint64_t, Alarm> by_id_;
  std::unordered_map<std::string, std::uint64_t> open_;
  std::deque<std::uint64_t> closed_;  // in the order in which they closed
  std::size_t active_ = 0;
};

}  // namespace millwright::alarms
