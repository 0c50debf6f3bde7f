#include "detection/sensor_health.hpp"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

namespace millwright::detection {
namespace {

using core::kMillisecond;
using core::kSecond;
using core::TimeNs;

constexpr core::DurationNs kPeriod = 100 * kMillisecond;

class SensorHealthTest : public ::testing::Test {
 protected:
  core::Block& block(const std::vector<double>& values) {
    batch_.clear();
    core::Block& block = batch_.add(core::SensorId(0), core::ValueType::kFloat64,
                                    static_cast<std::uint32_t>(values.size()), time_, kPeriod, time_);
    std::copy(values.begin(), values.end(), block.as<double>().begin());
    time_ += kPeriod * static_cast<TimeNs>(values.size());
    return block;
  }
  std::uint32_t look(StuckCheck& check, const std::vector<double>& values) {
    const core::Block& now = block(values);
    return check.look(options_, now, std::span<const double>(now.as<double>()));
  }
  void look(StepChecks& checks, const std::vector<double>& values) {
    const core::Block& now = block(values);
    doubted_.clear();
    checks.look(options_, now, std::span<const double>(now.as<double>()), doubted_, findings_);
  }
  std::vector<double> noise(std::size_t count, double sigma = 1) {
    std::vector<double> values(count);
    for (double& value : values) value = std::round(sigma * normal_(random_) * 10) / 10;
    return values;
  }
  std::mt19937 random_{3};
  std::normal_distribution<double> normal_{0, 1};
  core::BlockBatch batch_;
  TimeNs time_ = kSecond;
  HealthOptions options_{.training = 10 * kSecond};
  std::vector<std::uint32_t> doubted_;
  std::vector<HealthFinding> findings_;
};

TEST_F(SensorHealthTest, FindsWhatIsStuckAndWhereItBegan) {
  StuckCheck check;
  for (int i = 0; i < 20; ++i) EXPECT_EQ(look(check, noise(10)), 0U);
  EXPECT_TRUE(check.varies());
  std::vector<double> values = noise(5);
  values.resize(30, 7.25);
  EXPECT_EQ(look(check, values), 25U);
  EXPECT_TRUE(check.stuck());
  EXPECT_EQ(check.since(), time_ - 25 * kPeriod);
  EXPECT_EQ(look(check, {7.25}), 1U);
  EXPECT_EQ(look(check, {7.25, 7.5}), 0U);
  EXPECT_FALSE(check.stuck());
}

TEST_F(SensorHealthTest, GivesTheSameByBlocksAsOneByOne) {
  std::vector<double> values = noise(200);
  values.resize(260, 3);
  StuckCheck by_one;
  for (const double value : values) look(by_one, {value});
  time_ = kSecond;
  StuckCheck by_block;
  for (std::size_t i = 0; i < values.size(); i += 20) look(by_block, {values.begin() + i, values.begin() + i + 20});
  EXPECT_TRUE(by_one.stuck());
  EXPECT_TRUE(by_block.stuck());
  EXPECT_EQ(by_one.since(), by_block.since());
}

TEST_F(SensorHealthTest, TakesASetPointForNoStuckSensor) {
  StuckCheck check;
  for (int i = 0; i < 40; ++i) look(check, std::vector<double>(50, i / 10));
  EXPECT_FALSE(check.varies());
  EXPECT_EQ(look(check, std::vector<double>(5000, 3)), 0U);
}

TEST_F(SensorHealthTest, AllowsTheRunsThatAreUsual) {
  StuckCheck check;
  for (int i = 0; i < 40; ++i) look(check, std::vector<double>(10, i));
  ASSERT_TRUE(check.varies());
  EXPECT_EQ(look(check, std::vector<double>(45, -1)), 0U);
  EXPECT_EQ(look(check, std::vector<double>(5, -1)), 5U);
}

TEST_F(SensorHealthTest, MarksASpikeAndRaisesAtTheThird) {
  options_.spike_sigmas = 8;
  StepChecks checks;
  for (int i = 0; i < 30; ++i) look(checks, noise(10));
  EXPECT_TRUE(findings_.empty());
  for (int i = 0; i < 3; ++i) {
    std::vector<double> values = noise(10);
    values[4] = 40;
    look(checks, values);
    EXPECT_EQ(doubted_, std::vector<std::uint32_t>{4});
  }
  ASSERT_EQ(findings_.size(), 1U);
  EXPECT_EQ(findings_[0].check, HealthCheck::kSpike);
  EXPECT_TRUE(findings_[0].in_alarm);
  for (int i = 0; i < 100; ++i) look(checks, noise(10));
  ASSERT_EQ(findings_.size(), 2U);
  EXPECT_FALSE(findings_[1].in_alarm);
}

TEST_F(SensorHealthTest, TakesAStepForNoSpike) {
  options_.spike_sigmas = 8;
  StepChecks checks;
  for (int i = 0; i < 30; ++i) look(checks, noise(10));
  std::vector<double> values = noise(10);
  for (std::size_t i = 5; i < values.size(); ++i) values[i] += 50;
  look(checks, values);
  EXPECT_TRUE(doubted_.empty());
}

TEST_F(SensorHealthTest, LimitsTheRateOfChange) {
  options_.rate_limit = 100;
  StepChecks checks;
  look(checks, {0, 5, 10, 31, 31});
  EXPECT_EQ(doubted_, std::vector<std::uint32_t>{3});
  ASSERT_EQ(findings_.size(), 1U);
  EXPECT_EQ(findings_[0].check, HealthCheck::kRate);
  EXPECT_NEAR(findings_[0].value, 210, 1e-6);
}

TEST_F(SensorHealthTest, FindsNoiseThatGrew) {
  options_.noise_times = 4;
  StepChecks checks;
  for (int i = 0; i < 60; ++i) look(checks, noise(10));
  EXPECT_TRUE(findings_.empty());
  for (int i = 0; i < 20; ++i) look(checks, noise(10, 8));
  ASSERT_EQ(findings_.size(), 1U);
  EXPECT_EQ(findings_[0].check, HealthCheck::kNoise);
  for (int i = 0; i < 20; ++i) look(checks, noise(10));
  EXPECT_EQ(findings_.size(), 2U);
}

TEST_F(SensorHealthTest, FindsASensorThatDriftsAwayFromItsTwin) {
  DriftCheck check;
  int changes = 0;
  const auto feed = [&](double a, double b, int seconds) {
    for (int i = 0; i < seconds; ++i, time_ += kSecond) {
      changes += static_cast<int>(check.add(0, a, time_, 2));
      changes += static_cast<int>(check.add(1, b, time_, 2));
    }
  };
  feed(50, 51, 100);
  EXPECT_EQ(changes, 0);
  feed(55, 51, 60);
  EXPECT_EQ(changes, 1);
  EXPECT_TRUE(check.drifts());
  feed(51, 51, 100);
  EXPECT_EQ(changes, 2);
}

TEST(HeldCondition, NeedsItsTime) {
  Held held;
  EXPECT_FALSE(held.update(true, 0, 5, 3));
  EXPECT_FALSE(held.update(true, 4, 5, 3));
  EXPECT_FALSE(held.update(false, 5, 5, 3));
  EXPECT_FALSE(held.update(true, 6, 5, 3));
  EXPECT_TRUE(held.update(true, 11, 5, 3));
  EXPECT_TRUE(held.holds());
  EXPECT_FALSE(held.update(false, 12, 5, 3));
  EXPECT_TRUE(held.update(false, 15, 5, 3));
  EXPECT_TRUE(held.idle());
}

}  // namespace
}  // namespace millwright::detection
