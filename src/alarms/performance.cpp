#include "alarms/performance.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>

namespace millwright::alarms {
namespace {

constexpr std::size_t kBadActors = 10;

bool chatters(const std::vector<core::TimeNs>& times) {
  for (std::size_t i = kChatterRaises - 1; i < times.size(); ++i) {
    if (times[i] - times[i - (kChatterRaises - 1)] <= kChatterWindow) return true;
  }
  return false;
}

}  // namespace

void RaiseLog::add(const std::string& condition, Priority priority, core::TimeNs time) {
  // The wall clock may have been set back: the order in which they came counts.
  if (!raises_.empty()) time = std::max(time, raises_.back().time);
  raises_.push_back({time, condition, priority});
  while (raises_.size() > kRaisesKept || raises_.front().time < time - kPeriodMax) raises_.pop_front();
}

std::size_t RaiseLog::since(core::TimeNs time) const {
  const auto first = std::upper_bound(raises_.begin(), raises_.end(), time,
                                      [](core::TimeNs wanted, const Raise& one) { return wanted < one.time; });
  return static_cast<std::size_t>(first - raises_.begin());
}

bool RaiseLog::update_flood(core::TimeNs now) {
  const std::size_t count = raises_.size() - since(now - kFloodWindow);
  flood_ = flood_ ? count >= kFloodEnds : count > kFloodBegins;
  return flood_;
}

Performance RaiseLog::over(core::DurationNs period, core::TimeNs now) const {
  Performance all;
  all.period = period;
  all.in_flood = flood_;
  std::map<core::TimeNs, std::uint64_t> windows;
  std::unordered_map<std::string, std::vector<core::TimeNs>> times;
  for (std::size_t i = since(now - period); i < raises_.size(); ++i) {
    const Raise& one = raises_[i];
    ++all.raises;
    ++all.by_priority[static_cast<std::size_t>(one.priority)];
    ++windows[core::floor_to(one.time, kFloodWindow)];
    times[one.condition].push_back(one.time);
  }
  const double count = std::max(static_cast<double>(period) / static_cast<double>(kFloodWindow), 1.0);
  std::uint64_t floods = 0;
  for (const auto& [start, raises] : windows) {
    all.peak_10min = std::max(all.peak_10min, raises);
    floods += static_cast<std::uint64_t>(raises > kFloodBegins);
  }
  all.per_10min = static_cast<double>(all.raises) / count;
  all.flood_share = std::min(static_cast<double>(floods) / count, 1.0);
  for (const auto& [condition, at] : times) {
    all.bad_actors.push_back({condition, at.size()});
    if (chatters(at)) all.chattering.push_back(condition);
  }
  std::sort(all.chattering.begin(), all.chattering.end());
  std::sort(all.bad_actors.begin(), all.bad_actors.end(), [](const BadActor& a, const BadActor& b) {
    return a.raises != b.raises ? a.raises > b.raises : a.condition < b.condition;
  });
  if (all.bad_actors.size() > kBadActors) all.bad_actors.resize(kBadActors);
  return all;
}

}  // namespace millwright::alarms
