// Intervals of time, [from, to), as sorted lists that do not overlap, and the set operations on them.
//
// Threads: values. Units: ns UTC. Limits: none; every operation is linear in the lists' lengths.
#pragma once

#include <vector>

#include "core/time.hpp"

namespace millwright::analytics {

struct Interval {
  core::TimeNs from = 0;
  core::TimeNs to = 0;

  [[nodiscard]] bool empty() const { return from >= to; }
  [[nodiscard]] core::DurationNs length() const { return empty() ? 0 : to - from; }
  [[nodiscard]] bool holds(core::TimeNs time) const { return time >= from && time < to; }
  [[nodiscard]] bool overlaps(const Interval& other) const { return from < other.to && other.from < to; }
  bool operator==(const Interval&) const = default;
};
using Intervals = std::vector<Interval>;

Interval intersection(const Interval& a, const Interval& b);
// Any intervals as a list: sorted, those that touch or overlap put together, empty ones left out.
Intervals united(Intervals any);
Intervals intersection(const Intervals& a, const Intervals& b);
Intervals difference(const Intervals& a, const Intervals& b);
core::DurationNs total(const Intervals& list);

}  // namespace millwright::analytics
