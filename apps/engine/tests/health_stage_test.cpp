#include "engine/health_stage.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "engine/tests/stage_fixture.hpp"

namespace millwright::engine {
namespace {

using core::kMillisecond;
using core::kSecond;
using core::SensorId;
using core::TimeNs;

// One machine with two temperatures at 10 Hz and its state.
asset::Model twin_model() {
  asset::Machine machine = pump_1();
  std::vector<asset::Sensor> sensors;
  for (const char* name : {"temperature-a", "temperature-b"}) add_sensor(machine, sensors, "pump", name);
  add_state(machine, sensors);
  return {{machine}, std::move(sensors)};
}

class HealthStageTest : public ::testing::Test {
 protected:
  HealthStageTest()
      : pipeline_(
            {}, machine_of_, [] { return TimeNs{0}; }, metrics_) {
    fresh_stage();
  }
  void fresh_stage() { stage_ = std::make_unique<HealthStage>(model_, pipeline_, 0, options_, alarms_, metrics_); }

  // Half a second of readings a time; what `a` or `b` give as NaN is not sent. The last block of `a` stays at hand.
  template <typename A, typename B>
  void feed(int seconds, A a, B b, std::int32_t code = 1) {
    for (int i = 0; i < seconds * 2; ++i) {
      batch_.clear();
      batch_.add_reading(SensorId(2), core::ValueType::kState, code, time_, core::kGood, time_);
      for (const std::size_t sensor : {0U, 1U}) {
        const double level = sensor == 0 ? a(i) : b(i);
        if (std::isnan(level)) continue;
        core::Block& block =
            batch_.add(SensorId(sensor), core::ValueType::kFloat64, 5, time_, 100 * kMillisecond, time_);
        for (double& value : block.as<double>()) value = level;
        if (quality_ != core::kGood) core::BlockBatch::set_quality(block, quality_);
      }
      stage_->on_batch(batch_);
      for (int tick = 0; tick < 5; ++tick, time_ += 100 * kMillisecond) stage_->on_tick(time_);
    }
  }
  static double live(int i) { return 50 + std::sin(i * 1.7); }
  static double still(int) { return 50.25; }
  static double none(int) { return NAN; }
  [[nodiscard]] bool last_block_good() const { return batch_.blocks[1].all_good(); }

  const asset::Model model_ = twin_model();
  const std::vector<core::MachineId> machine_of_ = {core::MachineId(0), core::MachineId(0), core::MachineId(0)};
  core::Metrics metrics_;
  pipeline::Pipeline pipeline_;
  DetectionOptions options_;
  NotedAlarms alarms_;
  std::unique_ptr<HealthStage> stage_;
  core::BlockBatch batch_;
  core::Quality quality_ = core::kGood;
  TimeNs time_ = 1000 * kSecond;
};

TEST_F(HealthStageTest, DoubtsAStuckSensorAndSaysSo) {
  feed(320, live, live);
  EXPECT_TRUE(alarms_.signals.empty());
  EXPECT_TRUE(last_block_good());
  feed(30, still, live);
  ASSERT_EQ(alarms_.signals.size(), 1U);
  EXPECT_EQ(alarms_.signals[0].condition, "a/b/c/d/e/pump-1/pump/temperature-a#health-stuck");
  EXPECT_EQ(alarms_.signals[0].component, "pump");
  EXPECT_EQ(batch_.blocks[1].quality[0].quality, core::kUncertainNotAccurate);
  feed(5, live, live);
  ASSERT_EQ(alarms_.signals.size(), 2U);
  EXPECT_FALSE(alarms_.signals[1].in_alarm);
  EXPECT_TRUE(last_block_good());
}

TEST_F(HealthStageTest, TakesAStopForNoFailure) {
  feed(320, live, live);
  feed(120, still, still, 0);
  feed(60, none, none, 0);
  feed(60, live, live);
  EXPECT_TRUE(alarms_.signals.empty());
}

TEST_F(HealthStageTest, MissesASensorThatFallsSilent) {
  feed(320, live, live);
  feed(8, none, live);
  EXPECT_TRUE(alarms_.signals.empty());
  feed(20, none, live);
  ASSERT_EQ(alarms_.signals.size(), 1U);
  EXPECT_EQ(alarms_.signals[0].condition, "a/b/c/d/e/pump-1/pump/temperature-a#health-gap");
  feed(2, live, live);
  ASSERT_EQ(alarms_.signals.size(), 2U);
  EXPECT_FALSE(alarms_.signals[1].in_alarm);
}

TEST_F(HealthStageTest, TellsOnceOfAMachineThatFallsSilent) {
  feed(320, live, live);
  for (int tick = 0; tick < 300; ++tick, time_ += 100 * kMillisecond) stage_->on_tick(time_);
  ASSERT_EQ(alarms_.signals.size(), 1U);
  EXPECT_EQ(alarms_.signals[0].condition, "a/b/c/d/e/pump-1#health-gap");
  feed(2, live, live);
  ASSERT_EQ(alarms_.signals.size(), 2U);
  EXPECT_FALSE(alarms_.signals[1].in_alarm);
}

TEST_F(HealthStageTest, SeesNoGapInItsOwnSleep) {
  feed(320, live, live);
  time_ += 60 * kSecond;
  for (int tick = 0; tick < 50; ++tick, time_ += 100 * kMillisecond) stage_->on_tick(time_);
  feed(5, live, live);
  EXPECT_TRUE(alarms_.signals.empty());
}

TEST_F(HealthStageTest, RaisesOutOfRangeAfterAMoment) {
  quality_ = core::kUncertainEuExceeded;
  const auto at = [](double value) { return [value](int) { return value; }; };
  feed(20, at(101), live);
  EXPECT_TRUE(alarms_.signals.empty()) << "within the margin";
  feed(3, at(110), live);
  EXPECT_TRUE(alarms_.signals.empty());
  feed(5, at(110), live);
  ASSERT_EQ(alarms_.signals.size(), 1U);
  EXPECT_EQ(alarms_.signals[0].condition, "a/b/c/d/e/pump-1/pump/temperature-a#health-range");
  quality_ = core::kGood;
  feed(10, live, live);
  EXPECT_EQ(alarms_.signals.size(), 2U);
}

TEST_F(HealthStageTest, ComparesWithARedundantSensor) {
  options_.health.push_back({.match = "**/temperature-a", .redundant_with = "temperature-b", .tolerance = 3});
  fresh_stage();
  feed(120, live, live);
  EXPECT_TRUE(alarms_.signals.empty());
  feed(
      60, [](int i) { return live(i) + 8; }, live);
  ASSERT_EQ(alarms_.signals.size(), 1U);
  EXPECT_EQ(alarms_.signals[0].condition, "a/b/c/d/e/pump-1/pump/temperature-a#health-drift");
  EXPECT_FALSE(last_block_good());
}

TEST_F(HealthStageTest, MarksASpikeInTheBlock) {
  options_.health.front().values.spike_sigmas = 8;
  fresh_stage();
  for (int block = 0; block < 100; ++block) {
    batch_.clear();
    core::Block& now = batch_.add(SensorId(0), core::ValueType::kFloat64, 5, time_, 100 * kMillisecond, time_);
    for (std::uint32_t i = 0; i < 5; ++i) now.as<double>()[i] = live(block * 5 + static_cast<int>(i));
    if (block == 99) now.as<double>()[2] = 90;
    stage_->on_batch(batch_);
    time_ += 500 * kMillisecond;
  }
  ASSERT_EQ(batch_.blocks[0].quality_runs, 3U);
  EXPECT_EQ(batch_.blocks[0].quality[1].count, 1U);
  EXPECT_EQ(batch_.blocks[0].quality[1].quality, core::kUncertainNotAccurate);
}

}  // namespace
}  // namespace millwright::engine
