// Delays: signals that wait before they count, since their alarm has an on-delay or an off-delay (ISA-18.2, 10.3). One
// that is taken back meanwhile never counted.
//
// Threads: one owner. Times: monotonic.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "alarms/alarm.hpp"

namespace millwright::alarms {

class Delays {
 public:
  // Waits until `due`; one that waits already goes on waiting as it is.
  void wait(const Signal& signal, core::TimeNs due) { waiting_.try_emplace(signal.condition, Waiting{signal, due}); }
  // Whether a signal that says `in_alarm` waits; it waits no more.
  bool take_back(const std::string& condition, bool in_alarm) {
    const auto found = waiting_.find(condition);
    if (found == waiting_.end() || found->second.signal.in_alarm != in_alarm) return false;
    waiting_.erase(found);
    return true;
  }
  [[nodiscard]] bool waits(const std::string& condition) const { return waiting_.contains(condition); }
  // Those that are due; they wait no more.
  std::vector<Signal> due(core::TimeNs now) {
    std::vector<Signal> over;
    for (auto one = waiting_.begin(); one != waiting_.end();) {
      if (one->second.due > now) {
        ++one;
        continue;
      }
      over.push_back(std::move(one->second.signal));
      one = waiting_.erase(one);
    }
    return over;
  }

 private:
  struct Waiting {
    Signal signal;
    core::TimeNs due = 0;
  };
  std::unordered_map<std::string, Waiting> waiting_;
};

}  // namespace millwright::alarms
