#include "analytics/oee_cache.hpp"

#include <algorithm>

namespace millwright::analytics {

using core::MutexLock;

std::uint64_t OeeCache::begin(core::MachineId machine) const {
  MutexLock lock(mutex_);
  const auto found = machines_.find(machine.value);
  return found == machines_.end() ? 0 : found->second.changes;
}

void OeeCache::keep(core::MachineId machine, const Interval& window, const Known& known, std::uint64_t begun) {
  MutexLock lock(mutex_);
  if (size_ >= kWindowsMax) {
    for (auto& [id, one] : machines_) one.windows.clear();
    size_ = 0;
  }
  Machine& of = machines_[machine.value];
  if (of.changes != begun) return;
  size_ += static_cast<std::size_t>(of.windows.insert_or_assign({window.from, window.to}, known).second);
}

std::optional<Totals> OeeCache::find(core::MachineId machine, const Interval& window, const HistoryMarks& marks) {
  MutexLock lock(mutex_);
  const auto of = machines_.find(machine.value);
  if (of == machines_.end()) return std::nullopt;
  const auto known = of->second.windows.find({window.from, window.to});
  if (known == of->second.windows.end()) return std::nullopt;
  const Interval& made_of = known->second.made_of;
  if (marks.covers(made_of) && marks.of(made_of) == known->second.mark) return known->second.totals;
  return std::nullopt;
}

void OeeCache::forget(core::MachineId machine, const Interval& changed) {
  MutexLock lock(mutex_);
  Machine& of = machines_[machine.value];
  ++of.changes;
  size_ -= std::erase_if(of.windows, [&](const auto& entry) {
    const Interval& made_of = entry.second.made_of;
    return made_of.from <= changed.to && changed.from <= made_of.to;
  });
}

core::TimeNs OeeCache::reach(core::MachineId machine) const {
  MutexLock lock(mutex_);
  const auto found = machines_.find(machine.value);
  return found == machines_.end() ? INT64_MAX : found->second.reach;
}

void OeeCache::reach_back(core::MachineId machine, core::TimeNs from) {
  MutexLock lock(mutex_);
  core::TimeNs& reach = machines_[machine.value].reach;
  reach = std::min(reach, from);
}

}  // namespace millwright::analytics
