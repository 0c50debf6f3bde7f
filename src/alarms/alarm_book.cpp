#include "alarms/alarm_book.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace millwright::alarms {

void AlarmBook::put(const Alarm& alarm) {
  const auto [found, is_new] = by_id_.try_emplace(alarm.id);
  Alarm& known = found->second;
  if (!is_new && known.version >= alarm.version) return;
  const bool was_open = known.state != State::kNormal;
  if (!is_new && !was_open) return;  // closed is closed
  active_ += static_cast<std::size_t>(annunciated(alarm)) - static_cast<std::size_t>(!is_new && annunciated(known));
  known = alarm;
  if (alarm.state == State::kNormal) return note_closed(known);
  const auto [open, first] = open_.try_emplace(alarm.condition, alarm.id);
  if (first || open->second == alarm.id) return;
  // Two open occurrences of one condition: the end of the older one was in a damaged record.
  const std::uint64_t older = std::min(open->second, alarm.id);
  open->second = std::max(open->second, alarm.id);
  Alarm& ended = by_id_.at(older);
  if (annunciated(ended)) --active_;
  ended.state = State::kNormal;
  note_closed(ended);
}

void AlarmBook::note_closed(const Alarm& alarm) {
  const auto open = open_.find(alarm.condition);
  if (open != open_.end() && open->second == alarm.id) open_.erase(open);
  closed_.push_back(alarm.id);
  if (closed_.size() <= kClosedMax) return;
  by_id_.erase(closed_.front());
  closed_.pop_front();
}

const Alarm* AlarmBook::find(std::uint64_t id) const {
  const auto found = by_id_.find(id);
  return found != by_id_.end() ? &found->second : nullptr;
}

const Alarm* AlarmBook::open(const std::string& condition) const {
  const auto found = open_.find(condition);
  return found != open_.end() ? find(found->second) : nullptr;
}

std::vector<Alarm> AlarmBook::list(const Filter& filter) const {
  std::vector<Alarm> listed;
  auto at = filter.before_id == 0 ? by_id_.end() : by_id_.lower_bound(filter.before_id);
  while (at != by_id_.begin() && listed.size() < filter.limit) {
    const Alarm& alarm = (--at)->second;
    if (filter.active && *filter.active != active(alarm.state)) continue;
    if (filter.suppressed && *filter.suppressed != (alarm.suppression != Suppression::kNone)) continue;
    if (!filter.machine.empty() && filter.machine != alarm.machine) continue;
    listed.push_back(alarm);
  }
  return listed;
}

std::vector<Alarm> AlarmBook::open_like(std::string_view glob) const {
  std::vector<Alarm> found;
  for (const auto& [condition, id] : open_) {
    if (condition == glob || core::glob_match(glob, condition)) found.push_back(by_id_.at(id));
  }
  std::sort(found.begin(), found.end(), [](const Alarm& a, const Alarm& b) { return a.id < b.id; });
  return found;
}

std::vector<const Alarm*> AlarmBook::essence(std::size_t closed_max) const {
  std::vector<const Alarm*> essence;
  const std::size_t closed = std::min(closed_max, closed_.size());
  for (auto id = closed_.end() - static_cast<std::ptrdiff_t>(closed); id != closed_.end(); ++id) {
    essence.push_back(&by_id_.at(*id));
  }
  for (const auto& [condition, id] : open_) essence.push_back(&by_id_.at(id));
  return essence;
}

}  // namespace millwright::alarms
