#include "historian/reading_order.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace millwright::historian {
namespace {

bool same(const Reading& a, const Reading& b) {
  return a.time == b.time && a.bits == b.bits && a.quality == b.quality;
}

}  // namespace

void sort_and_thin(std::vector<Reading>& readings) {
  constexpr std::ptrdiff_t kFew = 16;
  const auto earlier = [](const Reading& a, const Reading& b) { return a.time < b.time; };
  const auto not_later = [](const Reading& a, const Reading& b) { return a.time >= b.time; };
  // Mostly all is in order and no time comes twice.
  if (std::adjacent_find(readings.begin(), readings.end(), not_later) == readings.end()) return;
  if (!std::is_sorted(readings.begin(), readings.end(), earlier)) {
    std::stable_sort(readings.begin(), readings.end(), earlier);
  }
  auto kept = readings.begin();
  std::set<std::pair<std::uint64_t, std::uint32_t>> seen;
  for (auto one = readings.begin(); one != readings.end();) {
    const auto first = kept;  // kept of this time
    const core::TimeNs time = one->time;
    seen.clear();
    for (; one != readings.end() && one->time == time; ++one) {
      // Rarely more than one or two; where somebody's clock stands still, a set of them.
      if (kept - first == kFew && seen.empty()) {
        for (auto other = first; other != kept; ++other) seen.emplace(other->bits, other->quality.code);
      }
      const bool known = kept - first < kFew
                             ? std::any_of(first, kept, [&](const Reading& other) { return same(other, *one); })
                             : !seen.emplace(one->bits, one->quality.code).second;
      if (!known) *kept++ = *one;
    }
  }
  readings.erase(kept, readings.end());
}

}  // namespace millwright::historian
