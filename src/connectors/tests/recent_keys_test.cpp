#include "connectors/recent_keys.hpp"

#include <algorithm>
#include <deque>

#include <gtest/gtest.h>

#include "io/random.hpp"

namespace millwright::connectors {
namespace {

TEST(RecentKeys, AgreesWithTheObviousWay) {
  RecentKeys keys(100);
  std::deque<std::uint64_t> last;
  io::Random random(7);
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t key = random.below(300);  // some come again soon, some late
    const bool known = std::find(last.begin(), last.end(), key == 0 ? 1 : key) != last.end();
    ASSERT_EQ(keys.insert(key), !known) << i;
    if (known) continue;
    last.push_back(key == 0 ? 1 : key);
    if (last.size() > 100) last.pop_front();
  }
}

}  // namespace
}  // namespace millwright::connectors
