// The charts of the other kinds, and phase I, against figures of D. C. Montgomery, Introduction to Statistical Quality
// Control.
#include <array>
#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "detection/capability.hpp"
#include "detection/control_chart.hpp"

namespace millwright::detection {
namespace {

using core::kSecond;
using core::TimeNs;

// Limits from a pattern of readings, a second apart, over and over.
template <std::size_t N>
ChartLimits learn(ChartOptions options, const std::array<double, N>& pattern) {
  options.training = 100 * kSecond;
  ControlChart chart;
  for (int i = 0; i < 1000 && !chart.trained(); ++i) {
    chart.add_one(options, pattern[static_cast<std::size_t>(i) % N], i * kSecond);
  }
  EXPECT_TRUE(chart.trained());
  return chart.limits();
}

// Equal subgroups, so that nothing but the tabled factors widens the limits.
TEST(ChartLimits, AreTheTabledFactorsOfTheSpread) {
  constexpr std::array<double, 5> kPattern = {-1, 0, 0, 0, 1};
  const ChartLimits range = learn({.kind = ChartKind::kXbarR, .subgroup_size = 5}, kPattern);
  EXPECT_NEAR(range.high, 0.577 * 2, 1e-3);         // A2 R̄
  EXPECT_NEAR(range.spread_high, 2.114 * 2, 2e-3);  // D4 R̄
  EXPECT_NEAR(range.within, 2 / 2.326, 1e-3);
  const ChartLimits deviation = learn({.kind = ChartKind::kXbarS, .subgroup_size = 5}, kPattern);
  const double s = std::sqrt(0.5);
  EXPECT_NEAR(deviation.high, 1.427 * s, 1e-3);         // A3 s̄
  EXPECT_NEAR(deviation.spread_high, 2.089 * s, 1e-3);  // B4 s̄
  EXPECT_NEAR(deviation.overall, std::sqrt(2.0 / 5), 0.05);
  const ChartLimits single = learn({.kind = ChartKind::kIndividuals, .subgroup_size = 1}, std::array{0.0, 1.0});
  EXPECT_NEAR(single.centre, 0.5, 0.01);
  EXPECT_NEAR(single.high - single.centre, 2.660, 2e-3);  // E2 MR̄
  EXPECT_NEAR(single.spread_high, 3.267, 1e-3);           // D4 MR̄
}

// Montgomery, table 9.1: 20 readings of N(10, 1), then 10 of N(11, 1).
constexpr std::array<double, 30> kTable = {9.45,  7.99,  9.29,  11.66, 12.16, 10.18, 8.04,  11.46, 9.20,  10.34,
                                           9.03,  11.47, 10.51, 9.40,  10.08, 9.37,  10.62, 10.31, 8.52,  10.84,
                                           10.90, 9.33,  12.29, 11.50, 10.60, 11.08, 10.38, 11.62, 11.31, 10.52};

std::vector<SpcEvent> judge_table(const ChartOptions& options, const ChartLimits& limits) {
  ControlChart chart;
  chart.restore(limits);
  std::vector<SpcEvent> events;
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    const auto event = chart.add_one(options, kTable[i], static_cast<TimeNs>(i + 1) * kSecond);
    if (event) events.push_back(*event);
  }
  return events;
}

TEST(Cusum, SignalsAtPeriod29AndSaysThatItBeganAt23) {
  const ChartOptions options{.kind = ChartKind::kCusum, .subgroup_size = 1, .raise_count = 1, .raise_window = 1};
  const auto events = judge_table(options, {.centre = 10, .low = 5, .high = 15, .sigma = 1});
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].time, 29 * kSecond);
  EXPECT_NEAR(events[0].value, 5.28, 1e-9);
  EXPECT_EQ(events[0].limit, 5);
  EXPECT_EQ(events[0].began, 23 * kSecond);
}

TEST(Ewma, SignalsWhereTheHandCalculationDoes) {
  const ChartOptions options{
      .kind = ChartKind::kEwma, .subgroup_size = 1, .sigmas = 2.7, .raise_count = 1, .raise_window = 1, .lambda = 0.1};
  const double half = 2.7 * std::sqrt(0.1 / 1.9);
  const auto events = judge_table(options, {.centre = 10, .low = 10 - half, .high = 10 + half, .sigma = 1});
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].time, 29 * kSecond);
  EXPECT_NEAR(events[0].value, 10.6468, 5e-5);
  EXPECT_NEAR(events[0].limit, 10.6187, 5e-5);
}

// Points until the first alarm, on average.
double run_length(const ChartOptions& options, const ChartLimits& limits, double shift) {
  std::mt19937 random(11);
  std::normal_distribution<double> normal(shift, 1);
  constexpr int kRuns = 400;
  std::int64_t points = 0;
  for (int run = 0; run < kRuns; ++run) {
    ControlChart chart;
    chart.restore(limits);
    TimeNs i = 0;
    while (!chart.add_one(options, normal(random), i * kSecond)) ++i;
    points += i + 1;
  }
  return static_cast<double>(points) / kRuns;
}

TEST(RunLengths, AreThoseOfTheTables) {
  ChartOptions options{.kind = ChartKind::kIndividuals, .subgroup_size = 1, .raise_count = 1, .raise_window = 1};
  const ChartLimits shewhart{.low = -3, .high = 3, .spread_high = 100, .sigma = 1};
  EXPECT_NEAR(run_length(options, shewhart, 0), 370, 60);
  EXPECT_NEAR(run_length(options, shewhart, 1), 43.9, 8);
  options.kind = ChartKind::kCusum;
  const ChartLimits cusum{.low = -4, .high = 4, .sigma = 1};
  EXPECT_NEAR(run_length(options, cusum, 0), 168, 30);
  EXPECT_NEAR(run_length(options, cusum, 1), 8.38, 1);
  options.kind = ChartKind::kEwma;
  options.lambda = 0.1;
  options.sigmas = 2.814;
  const double half = 2.814 * std::sqrt(0.1 / 1.9);
  // 500 and 10.3 beside limits that stand still; the exact ones are narrower at first, and so find sooner.
  const ChartLimits ewma{.low = -half, .high = half, .sigma = 1};
  EXPECT_NEAR(run_length(options, ewma, 0), 480, 90);
  EXPECT_LT(run_length(options, ewma, 1), 10.3);
}

class PhaseOneTest : public ::testing::Test {
 protected:
  // Learns from `readings` values, a second apart, that `value` gives.
  template <typename Value>
  void learn(int readings, Value value) {
    for (int i = 0; i < readings; ++i, time_ += kSecond) chart_.add_one(options_, value(i), time_);
  }
  std::mt19937 random_{5};
  std::normal_distribution<double> normal_{0, 1};
  ChartOptions options_{.subgroup_size = 5, .training = 500 * kSecond};
  ControlChart chart_;
  TimeNs time_ = kSecond;
};

TEST_F(PhaseOneTest, LetsAFewWildSubgroupsNotWidenTheLimits) {
  learn(505, [&](int i) { return normal_(random_) + (i / 5 == 30 || i / 5 == 60 ? 500 : 0); });
  ASSERT_TRUE(chart_.trained());
  EXPECT_NEAR(chart_.limits().centre, 0, 0.2);
  EXPECT_LT(chart_.limits().high, 3);
}

TEST_F(PhaseOneTest, TakesWhatIsFrequentForNormal) {
  learn(505, [&](int i) { return normal_(random_) + (i / 5 % 6 == 0 ? 50 : 0); });
  ASSERT_TRUE(chart_.trained());
  EXPECT_GT(chart_.limits().high, 50);
}

TEST_F(PhaseOneTest, GoesOnLearningWhileTheLevelWalks) {
  learn(600, [&](int i) { return 0.02 * i + normal_(random_); });
  EXPECT_FALSE(chart_.trained());
  learn(1010, [&](int) { return 12 + normal_(random_); });
  ASSERT_TRUE(chart_.trained());
  EXPECT_NEAR(chart_.limits().centre, 12, 0.5);
}

TEST_F(PhaseOneTest, LearnsInTheEndFromWhatAlwaysWalks) {
  learn(15 * 505, [&](int i) { return 0.02 * i + normal_(random_); });
  EXPECT_TRUE(chart_.trained());
}

TEST_F(PhaseOneTest, CountsNoTimeOfAnotherState) {
  learn(300, [&](int) { return normal_(random_); });
  chart_.leave();
  time_ += core::kHour;
  learn(150, [&](int) { return normal_(random_); });
  EXPECT_FALSE(chart_.trained());
  EXPECT_NEAR(chart_.progress(options_), 0.88, 0.03);
}

// AR(1) with φ = 0.8: the EWMA of such points spreads 2.1 times as far as that of independent ones (λ = 0.2).
TEST_F(PhaseOneTest, WidensAnEwmaByAutocorrelation) {
  options_ = {.kind = ChartKind::kEwma, .subgroup_size = 1, .training = 20'000 * kSecond, .sigmas = 3};
  double x = 0;
  learn(20'010, [&](int) { return x = 0.8 * x + 0.6 * normal_(random_); });
  ASSERT_TRUE(chart_.trained());
  EXPECT_NEAR(chart_.limits().sigma, std::sqrt(1.64 / 0.36), 0.2);
}

TEST(Returning, WaitsForHeatThatComesBackButNotForAFault) {
  const ChartOptions options{.subgroup_size = 2};
  const auto after_a_stop = [&](auto value) {
    ControlChart chart;
    chart.restore({.centre = 50, .low = 48, .high = 52, .spread_high = 3});
    TimeNs time = 0;
    for (int i = 0; i < 20; ++i, time += kSecond) chart.add_one(options, 50, time);
    chart.leave();
    time += core::kMinute;
    int alarms = 0;
    for (int i = 0; i < 900; ++i, time += kSecond) {
      if (chart.add_one(options, value(i), time)) ++alarms;
    }
    return alarms;
  };
  EXPECT_EQ(after_a_stop([](int i) { return 50 - 10 * std::exp(-i / 180.0); }), 0);
  EXPECT_EQ(after_a_stop([](int) { return 44.0; }), 1);
  EXPECT_EQ(after_a_stop([](int i) { return 47 - 0.1 * i; }), 1);
}

TEST(Capability, IsThatOfTheHandbook) {
  const Capability got = capability({9, 21}, 16, 1.5, 2);
  EXPECT_DOUBLE_EQ(got.cp, 12.0 / 9);
  EXPECT_DOUBLE_EQ(got.cpk, 5.0 / 4.5);
  EXPECT_DOUBLE_EQ(got.pp, 1);
  EXPECT_DOUBLE_EQ(got.ppk, 5.0 / 6);
}

}  // namespace
}  // namespace millwright::detection
