#include "historian/swinging_door.hpp"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "io/random.hpp"

namespace millwright::historian {
namespace {

using core::TimeNs;

struct Series {
  std::vector<TimeNs> times;
  std::vector<double> values;
  std::vector<core::Quality> qualities;
};

std::vector<std::uint32_t> kept_of(const Series& series, double bound) {
  return swinging_door(series.times, series.values, series.qualities, bound);
}

// The greatest distance of a dropped reading from the line between its kept neighbours.
double worst(const Series& series, const std::vector<std::uint32_t>& kept) {
  double worst = 0;
  for (std::size_t k = 1; k < kept.size(); ++k) {
    const std::uint32_t a = kept[k - 1];
    const std::uint32_t b = kept[k];
    const double slope = (series.values[b] - series.values[a]) / static_cast<double>(series.times[b] - series.times[a]);
    for (std::uint32_t i = a + 1; i < b; ++i) {
      const double line = series.values[a] + slope * static_cast<double>(series.times[i] - series.times[a]);
      worst = std::max(worst, std::abs(line - series.values[i]));
    }
  }
  return worst;
}

Series random_walk(io::Random& random, std::size_t n) {
  Series series;
  TimeNs time = 1'795'000'000'000'000'000;
  double value = 20;
  for (std::size_t i = 0; i < n; ++i) {
    time += 1 + static_cast<TimeNs>(random.below(20'000'000));
    value += 0.1 * random.normal();
    series.times.push_back(time);
    series.values.push_back(value);
  }
  return series;
}

TEST(SwingingDoorTest, EveryDroppedReadingLiesWithinTheBound) {
  io::Random random(20261121);
  for (int round = 0; round < 300; ++round) {
    const Series series = random_walk(random, 1 + random.below(2000));
    const double bound = std::pow(10, static_cast<double>(random.below(5)) - 3);
    const auto kept = kept_of(series, bound);
    ASSERT_EQ(kept.front(), 0U);
    ASSERT_EQ(kept.back(), series.values.size() - 1);
    for (std::size_t k = 1; k < kept.size(); ++k) ASSERT_LT(kept[k - 1], kept[k]);
    ASSERT_LE(worst(series, kept), bound * (1 + 1e-9)) << "round " << round;
  }
}

TEST(SwingingDoorTest, AWalkWithinAWideBoundTakesFewReadings) {
  io::Random random(7);
  const Series series = random_walk(random, 10'000);
  EXPECT_LT(kept_of(series, 1).size(), 500U);
  EXPECT_GT(kept_of(series, 0.001).size(), 9'000U);
}

TEST(SwingingDoorTest, AStraightLineIsItsEnds) {
  Series series;
  for (int i = 0; i < 1000; ++i) {
    series.times.push_back(i * 1000);
    series.values.push_back(i * 0.5);
  }
  EXPECT_EQ(kept_of(series, 0), (std::vector<std::uint32_t>{0, 999}));
}

TEST(SwingingDoorTest, KeepsBothSidesOfAChangeOfQualityAndWhatIsNoNumber) {
  Series series;
  for (int i = 0; i < 20; ++i) {
    series.times.push_back(i * 1000);
    series.values.push_back(3);
    series.qualities.push_back(i >= 5 && i < 8 ? core::kBad : core::kGood);
  }
  series.values[12] = std::numeric_limits<double>::quiet_NaN();
  series.values[15] = std::numeric_limits<double>::infinity();
  EXPECT_EQ(kept_of(series, 1), (std::vector<std::uint32_t>{0, 4, 5, 7, 8, 11, 12, 13, 14, 15, 16, 19}));
}

TEST(SwingingDoorTest, KeepsBothSidesOfAStepBackInTime) {
  const Series series{{0, 10, 20, 15, 25, 35, 35, 45, 55}, std::vector<double>(9, 1), {}};
  EXPECT_EQ(kept_of(series, 1), (std::vector<std::uint32_t>{0, 2, 3, 5, 6, 8}));
}

TEST(SwingingDoorTest, ShortSeries) {
  EXPECT_TRUE(kept_of({}, 1).empty());
  EXPECT_EQ(kept_of({{5}, {1}, {}}, 1), (std::vector<std::uint32_t>{0}));
  EXPECT_EQ(kept_of({{5, 6}, {1, 9}, {}}, 1), (std::vector<std::uint32_t>{0, 1}));
}

TEST(SwingingDoorTest, HugeValuesAndTimes) {
  constexpr double kHuge = std::numeric_limits<double>::max();
  const Series series{{INT64_MIN, 0, INT64_MAX, INT64_MAX}, {kHuge, -kHuge, kHuge, 0}, {}};
  const auto kept = kept_of(series, 1);
  EXPECT_EQ(kept.front(), 0U);
  EXPECT_EQ(kept.back(), 3U);
}

}  // namespace
}  // namespace millwright::historian
