#include "detection/control_chart.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "detection/spc_constants.hpp"
#include "detection/subgroup.hpp"

namespace millwright::detection {
namespace {

using core::kMillisecond;
using core::kSecond;
using core::TimeNs;

// Montgomery, appendix VI, to its three to four digits.
TEST(RangeConstants, AgreeWithTheTables) {
  struct Row {
    std::uint32_t n;
    double d2;
    double d3;
  };
  for (const Row row : {Row{2, 1.128, 0.853}, Row{3, 1.693, 0.888}, Row{5, 2.326, 0.864}, Row{10, 3.078, 0.797},
                        Row{25, 3.931, 0.708}}) {
    const RangeConstants computed = range_constants(row.n);
    EXPECT_NEAR(computed.d2, row.d2, 6e-4) << row.n;
    EXPECT_NEAR(computed.d3, row.d3, 6e-4) << row.n;
  }
  EXPECT_NEAR(range_constants(2).d2, 2 / std::sqrt(M_PI), 1e-9);
  EXPECT_NEAR(range_constants(1000).d2, 6.483, 1e-3);
}

TEST(DeviationConstant, AgreesWithTheTables) {
  EXPECT_NEAR(c4(2), 0.7979, 5e-5);
  EXPECT_NEAR(c4(5), 0.9400, 5e-5);
  EXPECT_NEAR(c4(10), 0.9727, 5e-5);
  EXPECT_NEAR(c4(25), 0.9896, 5e-5);
  EXPECT_NEAR(c4(1000), 0.99975, 1e-6);
}

class XbarRTest : public ::testing::Test {
 protected:
  // Feeds `seconds` of 10 Hz normal readings; gives the events.
  std::vector<SpcEvent> feed(double mean, double sigma, int seconds) {
    std::vector<SpcEvent> events;
    std::normal_distribution<double> normal(mean, sigma);
    for (int i = 0; i < seconds * 10; ++i, time_ += 100 * kMillisecond) {
      if (auto event = chart_.add_one(options_, normal(random_), time_)) events.push_back(*event);
    }
    return events;
  }
  std::mt19937 random_{7};
  ChartOptions options_;
  ControlChart chart_;
  TimeNs time_ = kSecond;
};

TEST_F(XbarRTest, LearnsClassicalLimitsFromIndependentReadings) {
  options_.training = 2000 * kSecond;
  feed(50, 2, 2010);
  ASSERT_TRUE(chart_.trained());
  EXPECT_NEAR(chart_.limits().centre, 50, 0.1);
  // 3 σ/√5 = 2.68; the extremes of 4,000 subgroups widen it to about 1.25 × 3.5 σ/√5.
  EXPECT_GT(chart_.limits().high - 50, 2.6);
  EXPECT_LT(chart_.limits().high - 50, 4.5);
  EXPECT_NEAR(chart_.limits().spread_centre, 2.326 * 2, 0.1);
}

TEST_F(XbarRTest, RaisesOnAShiftAndClearsWhenItIsGone) {
  EXPECT_TRUE(feed(50, 1, 30).empty());
  const auto raised = feed(60, 1, 10);
  ASSERT_EQ(raised.size(), 1U);
  EXPECT_TRUE(raised[0].in_alarm);
  EXPECT_EQ(raised[0].statistic, ChartStatistic::kMean);
  EXPECT_GT(raised[0].value, raised[0].limit);
  const auto cleared = feed(50, 1, 10);
  ASSERT_EQ(cleared.size(), 1U);
  EXPECT_FALSE(cleared[0].in_alarm);
}

TEST_F(XbarRTest, RaisesOnSpreadAloneThroughTheRangeChart) {
  feed(50, 1, 30);
  const auto raised = feed(50, 6, 20);
  ASSERT_FALSE(raised.empty());
  EXPECT_TRUE(raised[0].in_alarm);
}

TEST_F(XbarRTest, DoesNotAlarmOnTheLoadCycleThatItLearnt) {
  int alarms = 0;
  for (int i = 0; i < 36'000; ++i, time_ += 100 * kMillisecond) {
    const double load = 50 + 20 * std::sin(2 * M_PI * i / 100.0);
    if (chart_.add_one(options_, load + 0.1 * std::sin(i * 12.9898), time_)) ++alarms;
  }
  EXPECT_EQ(alarms, 0);
}

TEST_F(XbarRTest, KeepsQuietBelowTheFloorOfAConstantSignal) {
  options_.floor = 1;
  feed(20, 0, 30);
  ASSERT_TRUE(chart_.trained());
  EXPECT_TRUE(feed(20.5, 0, 30).empty());
  EXPECT_EQ(feed(22, 0, 10).size(), 1U);
}

TEST_F(XbarRTest, GivesTheSameByBlocksAsOneByOne) {
  std::vector<float> values(3000);
  std::normal_distribution<float> normal(10, 1);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = normal(random_) + (i > 2500 ? 8 : 0);
  ControlChart by_one;
  ControlChart by_block;
  std::vector<TimeNs> at_one;
  std::vector<TimeNs> at_block;
  const core::DurationNs period = 100 * kMillisecond;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto event = by_one.add_one(options_, static_cast<double>(values[i]), static_cast<TimeNs>(i) * period);
    if (event) at_one.push_back(event->time);
  }
  for (std::size_t i = 0; i < values.size(); i += 7) {
    const auto part = std::span<const float>(values).subspan(i, std::min<std::size_t>(7, values.size() - i));
    const auto event = by_block.add(options_, part, static_cast<TimeNs>(i) * period, period);
    if (event) at_block.push_back(event->time);
  }
  EXPECT_EQ(at_one, at_block);
  ASSERT_EQ(at_one.size(), 1U);
}

TEST_F(XbarRTest, RestoresFrozenLimits) {
  feed(50, 1, 30);
  ControlChart restored;
  restored.restore(chart_.limits());
  EXPECT_TRUE(restored.trained());
  EXPECT_EQ(restored.limits().high, chart_.limits().high);
}

template <typename T>
void expect_summary() {
  std::mt19937 random(3);
  std::normal_distribution<double> normal(1e3, 1);
  std::vector<T> values(70);
  for (T& value : values) value = static_cast<T>(normal(random));
  for (std::size_t n = 1; n <= values.size(); ++n) {
    const auto part = std::span<const T>(values).first(n);
    const SubgroupPart got = summarise(part);
    long double sum = 0;
    for (const T value : part) sum += static_cast<long double>(value);
    EXPECT_NEAR(got.sum, static_cast<double>(sum), 1e-9 * static_cast<double>(n));
    EXPECT_EQ(got.min, static_cast<double>(*std::min_element(part.begin(), part.end())));
    EXPECT_EQ(got.max, static_cast<double>(*std::max_element(part.begin(), part.end())));
  }
}

TEST(SubgroupSummary, IsThatOfAPlainLoop) {
  expect_summary<float>();
  expect_summary<double>();
}

}  // namespace
}  // namespace millwright::detection
