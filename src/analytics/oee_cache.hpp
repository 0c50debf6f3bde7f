// OeeCache: what machines' windows came to, for as long as nothing they were made of has changed: no reading came late,
// nobody edited an event, no order was told of for the past. The configuration is the process's, and so is the cache.
//
// Threads: any. Limits: kWindowsMax windows; then it begins anew.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "analytics/history_marks.hpp"
#include "analytics/oee.hpp"
#include "core/ids.hpp"
#include "core/mutex.hpp"

namespace millwright::analytics {

class OeeCache {
 public:
  static constexpr std::size_t kWindowsMax = 200'000;

  struct Known {
    Totals totals;
    Interval made_of;        // of all that was read and looked at for it
    std::uint64_t mark = 0;  // of history there
  };

  // Before the readings are read: what is forgotten meanwhile is not kept either.
  [[nodiscard]] std::uint64_t begin(core::MachineId machine) const EXCLUDES(mutex_);
  void keep(core::MachineId machine, const Interval& window, const Known& known, std::uint64_t begun) EXCLUDES(mutex_);
  // Nothing where it is not known, or history has changed.
  std::optional<Totals> find(core::MachineId machine, const Interval& window, const HistoryMarks& marks)
      EXCLUDES(mutex_);
  // Something else than history changed there.
  void forget(core::MachineId machine, const Interval& changed) EXCLUDES(mutex_);
  // From when on marks are needed for all that is kept of a machine, or was not kept for want of them.
  [[nodiscard]] core::TimeNs reach(core::MachineId machine) const EXCLUDES(mutex_);
  void reach_back(core::MachineId machine, core::TimeNs from) EXCLUDES(mutex_);

 private:
  struct Machine {
    std::map<std::pair<core::TimeNs, core::TimeNs>, Known> windows;
    std::uint64_t changes = 0;
    core::TimeNs reach = INT64_MAX;
  };

  mutable core::Mutex mutex_;
  std::unordered_map<std::uint32_t, Machine> machines_ GUARDED_BY(mutex_);
  std::size_t size_ GUARDED_BY(mutex_) = 0;
};

}  // namespace millwright::analytics
