#include "analytics/intervals.hpp"

#include <algorithm>
#include <numeric>

namespace millwright::analytics {

Interval intersection(const Interval& a, const Interval& b) {
  return {std::max(a.from, b.from), std::min(a.to, b.to)};
}

Intervals united(Intervals any) {
  std::erase_if(any, [](const Interval& interval) { return interval.empty(); });
  std::sort(any.begin(), any.end(), [](const Interval& a, const Interval& b) { return a.from < b.from; });
  Intervals list;
  for (const Interval& interval : any) {
    if (!list.empty() && interval.from <= list.back().to) {
      list.back().to = std::max(list.back().to, interval.to);
    } else {
      list.push_back(interval);
    }
  }
  return list;
}

Intervals intersection(const Intervals& a, const Intervals& b) {
  Intervals list;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (const Interval both = intersection(a[i], b[j]); !both.empty()) list.push_back(both);
    if (a[i].to < b[j].to) {
      ++i;
    } else {
      ++j;
    }
  }
  return list;
}

Intervals difference(const Intervals& a, const Intervals& b) {
  Intervals list;
  std::size_t j = 0;
  for (Interval rest : a) {
    while (j < b.size() && b[j].to <= rest.from) ++j;
    for (std::size_t k = j; k < b.size() && b[k].from < rest.to; ++k) {
      if (b[k].from > rest.from) list.push_back({rest.from, b[k].from});
      rest.from = std::max(rest.from, b[k].to);
    }
    if (!rest.empty()) list.push_back(rest);
  }
  return list;
}

core::DurationNs total(const Intervals& list) {
  return std::accumulate(list.begin(), list.end(), core::DurationNs{0},
                         [](core::DurationNs sum, const Interval& interval) { return sum + interval.length(); });
}

}  // namespace millwright::analytics
