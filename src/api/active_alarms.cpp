#include "api/active_alarms.hpp"

#include <algorithm>

#include "alarms/alarm_json.hpp"

namespace millwright::api {

ActiveAlarms::ActiveAlarms(const std::vector<alarms::Alarm>& active) {
  for (const alarms::Alarm& alarm : active) {
    Machine& machine = by_machine_[alarm.machine];
    ++machine.count.alarms;
    machine.count.highest = std::max(machine.count.highest, alarm.priority);
    machine.alarms.push_back(alarm);
  }
}

ActiveAlarms::Count ActiveAlarms::of(const std::string& machine) const {
  const auto at = by_machine_.find(machine);
  return at == by_machine_.end() ? Count{} : at->second.count;
}

std::string_view ActiveAlarms::text_of(const std::string& name) const {
  const auto at = by_machine_.find(name);
  if (at == by_machine_.end()) return "[]";
  const Machine& machine = at->second;
  std::call_once(machine.once, [&machine] {
    for (const alarms::Alarm& alarm : machine.alarms) {
      machine.text += machine.text.empty() ? '[' : ',';
      machine.text += alarms::alarm_text(alarm);
    }
    machine.text += ']';
  });
  return machine.text;
}

std::shared_ptr<const ActiveAlarms> AlarmBoard::active() const {
  // Asked before the list is: a change in between makes the next reader gather anew.
  const std::uint64_t version = alarms_.version();
  {
    core::MutexLock lock(mutex_);
    if (active_ && version_ == version) return active_;
  }
  auto gathered = std::make_shared<const ActiveAlarms>(alarms_.list(alarms::annunciated_alarms()));
  core::MutexLock lock(mutex_);
  active_ = gathered;
  version_ = version;
  return gathered;
}

}  // namespace millwright::api
