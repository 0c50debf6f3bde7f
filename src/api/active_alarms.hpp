// The alarms that are active, by machine: gathered once for each change of any alarm, not for each reader.
//
// Threads: any; ActiveAlarms is a value that never changes but for texts that it makes when first asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "alarms/alarm_manager.hpp"
#include "core/mutex.hpp"

namespace millwright::api {

class ActiveAlarms {
 public:
  explicit ActiveAlarms(const std::vector<alarms::Alarm>& active);
  struct Count {
    std::size_t alarms = 0;
    alarms::Priority highest = alarms::Priority::kLow;
  };
  // By machine name; nothing: none active.
  [[nodiscard]] Count of(const std::string& machine) const;
  // A JSON array, newest first.
  [[nodiscard]] std::string_view text_of(const std::string& machine) const;

 private:
  struct Machine {
    Count count;
    std::vector<alarms::Alarm> alarms;
    mutable std::once_flag once;
    mutable std::string text;
  };
  std::unordered_map<std::string, Machine> by_machine_;
};

// What is active by now, for all readers.
class AlarmBoard {
 public:
  // `alarms` outlives it.
  explicit AlarmBoard(const alarms::AlarmManager& alarms) : alarms_(alarms) {}
  [[nodiscard]] std::shared_ptr<const ActiveAlarms> active() const;

 private:
  const alarms::AlarmManager& alarms_;
  mutable core::Mutex mutex_;
  mutable std::shared_ptr<const ActiveAlarms> active_ GUARDED_BY(mutex_);
  mutable std::uint64_t version_ GUARDED_BY(mutex_) = 0;  // of the alarms, before active_ was gathered
};

}  // namespace millwright::api
