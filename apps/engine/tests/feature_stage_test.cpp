#include "engine/feature_stage.hpp"

#include <cmath>
#include <map>
#include <numbers>

#include <gtest/gtest.h>

#include "asset/load.hpp"
#include "config/document.hpp"
#include "engine/tests/stage_fixture.hpp"

namespace millwright::engine {
namespace {

using core::kMillisecond;
using core::kSecond;
using core::TimeNs;

constexpr double kTurn = 2 * std::numbers::pi;

constexpr const char* kPlant = R"(
assets:
  enterprise: acme
  streams: {default: plc}
  sites: [{name: s, areas: [{name: a, lines: [{name: l, cells: [{name: c, machines: [
    {name: m1, sensors: [{name: state, type: state}, {name: speed, unit: rpm, rate_hz: 10}], components: [
      {name: fan, bearing: {balls: 8, ball_diameter: 19.05, pitch_diameter: 80}, sensors: [
        {name: vib, type: float32, unit: m/s2, rate_hz: 1000, features: {compute: [rms, velocity-rms], orders: [1],
          bearing: [bpfo, bpfi], zone: {group: 2, foundation: rigid, delay: 3s}, speed: speed, overlap: OVERLAP}}]}]}
  ]}]}]}]}]
)";

asset::Model plant(const std::string& overlap) {
  std::string yaml = kPlant;
  yaml.replace(yaml.find("OVERLAP"), 7, overlap);
  auto document = config::Document::parse(yaml, "plant.yaml");
  EXPECT_TRUE(document);
  asset::Model model = asset::load(*document, document->root().section("assets"), {"plc"}, {});
  EXPECT_TRUE(document->check()) << document->check().error().message;
  return model;
}

class FeatureStageTest : public ::testing::Test {
 protected:
  explicit FeatureStageTest(const std::string& overlap = "0")
      : model_(plant(overlap)),
        machine_of_(model_.sensors().size(), core::MachineId(0)),
        pipeline_(
            {}, machine_of_, [] { return TimeNs{0}; }, metrics_),
        stage_(model_, pipeline_, 0, 10 * kSecond, alarms_, metrics_) {}

  core::SensorId id(const std::string& name) const { return model_.find_sensor(model_.machines()[0], name)->id; }

  // A tenth of a second: 1x and what strikes with the outer ring's defect, at 1480 rpm.
  void feed(core::Quality quality = core::kGood) {
    core::BlockBatch batch;
    batch.add_reading(id("speed"), core::ValueType::kFloat64, 1480.0, time_, core::kGood, time_);
    core::Block& block = batch.add(id("vib"), core::ValueType::kFloat32, 100, time_, kMillisecond, time_ + 7);
    for (std::uint32_t i = 0; i < 100; ++i) {
      const double t = static_cast<double>((time_ + i * kMillisecond) % (1000 * kSecond)) * 1e-9;
      const double shaft = 1480.0 / 60;
      block.as<float>()[i] =
          static_cast<float>(unbalance_ * std::sin(kTurn * shaft * t) +
                             strikes_ * (1 + std::cos(kTurn * 3.0475 * shaft * t)) * std::sin(kTurn * 330 * t));
    }
    core::BlockBatch::set_quality(block, quality);
    run(batch);
    time_ += 100 * kMillisecond;
  }
  void feed_seconds(int seconds) {
    for (int i = 0; i < 10 * seconds; ++i) feed();
  }
  void state(std::int32_t code) {
    core::BlockBatch batch;
    batch.add_reading(id("state"), core::ValueType::kState, code, time_, core::kGood, time_);
    run(batch);
  }
  // Keeps the features that the stage added.
  void run(core::BlockBatch& batch) {
    const std::size_t own = batch.blocks.size();
    stage_.on_batch(batch);
    for (std::size_t i = own; i < batch.blocks.size(); ++i) {
      const core::Block& block = batch.blocks[i];
      auto& list = features_[model_.sensor(block.sensor).name];
      list.push_back({block.as_double(0), block.start, block.received, block.quality[0].quality});
    }
  }

  struct Reading {
    double value;
    TimeNs time;
    TimeNs received;
    core::Quality quality;
  };

  const asset::Model model_;
  const std::vector<core::MachineId> machine_of_;
  core::Metrics metrics_;
  pipeline::Pipeline pipeline_;
  NotedAlarms alarms_;
  FeatureStage stage_;
  TimeNs time_ = 1'000'000 * kSecond;
  double unbalance_ = 0.1;
  double strikes_ = 0;
  std::map<std::string, std::vector<Reading>> features_;
};

TEST_F(FeatureStageTest, AddsFeaturesToTheBatchThatEndsAWindow) {
  unbalance_ = 2;
  strikes_ = 0.5;
  feed_seconds(3);
  ASSERT_EQ(features_.size(), 6U);
  for (const auto& [name, readings] : features_) EXPECT_EQ(readings.size(), 3U) << name;
  const Reading& rms = features_["vib-rms"][0];
  EXPECT_EQ(rms.time, 1'000'000 * kSecond + 999 * kMillisecond);
  EXPECT_EQ(rms.received, 1'000'000 * kSecond + 900 * kMillisecond + 7);
  EXPECT_TRUE(rms.quality.is_good());
  EXPECT_NEAR(rms.value, std::sqrt(2.0 + 0.125 + 0.0625), 0.01);
  EXPECT_NEAR(features_["vib-order-1"][1].value, 2, 0.03);
  EXPECT_NEAR(features_["vib-bpfo"][1].value, 0.5, 0.03);
  EXPECT_LT(features_["vib-bpfi"][1].value, 0.05);
  const double velocity = 2e3 / (kTurn * 1480 / 60) / std::numbers::sqrt2;
  EXPECT_NEAR(features_["vib-velocity-rms"][2].value, velocity, 0.02 * velocity);
  EXPECT_EQ(features_["vib-iso20816-zone"][2].value, 3);  // 9 mm/s
}

TEST_F(FeatureStageTest, DropsAWindowWithAGap) {
  feed_seconds(1);
  for (int i = 0; i < 5; ++i) feed();
  time_ += 20 * kMillisecond;
  feed_seconds(2);
  const auto& readings = features_["vib-rms"];
  ASSERT_EQ(readings.size(), 3U);
  EXPECT_EQ(readings[1].time - readings[0].time, 1520 * kMillisecond);
  EXPECT_EQ(metrics_.counter("millwright_vibration_windows_dropped_total", "").Value(), 1);
}

TEST_F(FeatureStageTest, DropsBadReadingsAndPassesUncertaintyOn) {
  feed(core::kBadSensorFailure);
  feed(core::kUncertainEuExceeded);
  feed_seconds(2);
  const auto& readings = features_["vib-rms"];
  ASSERT_EQ(readings.size(), 2U);
  EXPECT_EQ(readings[0].quality, core::kUncertainDataSubNormal);
  EXPECT_EQ(readings[1].quality, core::kGood);
}

TEST_F(FeatureStageTest, TakesReadingsWithTimesOfTheirOwn) {
  core::BlockBatch batch;
  std::vector<TimeNs> times;
  for (int i = 0; i < 1000; ++i) times.push_back(time_ + i * kMillisecond + (i % 3) * 100'000);
  core::Block& block = batch.add(id("vib"), core::ValueType::kFloat32, 1000, time_, 0, time_);
  for (int i = 0; i < 1000; ++i) block.as<float>()[static_cast<std::size_t>(i)] = i % 2 == 0 ? 1.0F : -1.0F;
  block.times = times.data();
  run(batch);
  ASSERT_EQ(features_["vib-rms"].size(), 1U);
  EXPECT_NEAR(features_["vib-rms"][0].value, 1, 1e-6);
  EXPECT_EQ(features_["vib-rms"][0].time, times.back());
}

TEST_F(FeatureStageTest, RefusesAnotherRate) {
  for (int second = 0; second < 3; ++second) {
    core::BlockBatch batch;
    core::Block& block = batch.add(id("vib"), core::ValueType::kFloat32, 1000, time_, 1'050'000, time_);
    std::fill_n(block.as<float>().data(), 1000, 0.0F);
    run(batch);
    time_ += 1050 * kMillisecond;
  }
  EXPECT_TRUE(features_.empty());
  EXPECT_EQ(metrics_.counter("millwright_vibration_windows_dropped_total", "").Value(), 3);
}

TEST_F(FeatureStageTest, WithoutASpeedWhatTurnsIsBad) {
  core::BlockBatch batch;
  core::Block& block = batch.add(id("vib"), core::ValueType::kFloat32, 1000, time_, kMillisecond, time_);
  std::fill_n(block.as<float>().data(), 1000, 0.0F);
  run(batch);
  EXPECT_EQ(features_["vib-order-1"][0].quality, core::kBadNoData);
  EXPECT_EQ(features_["vib-bpfo"][0].quality, core::kBadNoData);
  EXPECT_TRUE(features_["vib-rms"][0].quality.is_good());
}

TEST_F(FeatureStageTest, TellsOfAZoneThatLasts) {
  feed_seconds(20);
  EXPECT_EQ(alarms_.in_alarm(), "");
  alarms_.signals.clear();  // that all is well is told at first
  unbalance_ = 0.8;         // 3.65 mm/s: zone C
  feed_seconds(2);
  EXPECT_TRUE(alarms_.signals.empty());
  feed_seconds(2);
  ASSERT_EQ(alarms_.signals.size(), 1U);
  EXPECT_EQ(alarms_.signals[0].condition, "acme/s/a/l/c/m1/fan/vib#iso20816-zone");
  EXPECT_EQ(alarms_.signals[0].component, "fan");
  EXPECT_EQ(alarms_.signals[0].priority, alarms::Priority::kMedium);
  EXPECT_NEAR(alarms_.signals[0].value, 3.65, 0.1);
  EXPECT_EQ(alarms_.signals[0].limit, 2.8);
  unbalance_ = 1.5;  // zone D
  feed_seconds(5);
  ASSERT_EQ(alarms_.signals.size(), 2U);
  EXPECT_EQ(alarms_.signals[1].condition, "acme/s/a/l/c/m1/fan/vib#iso20816-zone-d");
  EXPECT_EQ(alarms_.signals[1].priority, alarms::Priority::kHigh);
  unbalance_ = 0.1;
  feed_seconds(5);
  ASSERT_EQ(alarms_.signals.size(), 4U);
  EXPECT_FALSE(alarms_.signals[2].in_alarm);
  EXPECT_FALSE(alarms_.signals[3].in_alarm);
}

TEST_F(FeatureStageTest, JudgesNoZoneOfAMachineThatStandsOrJustStarted) {
  state(0);
  unbalance_ = 2;
  feed_seconds(20);
  state(1);
  feed_seconds(12);
  EXPECT_TRUE(alarms_.signals.empty());
  EXPECT_EQ(features_["vib-iso20816-zone"].size(), 32U);
  feed_seconds(5);
  EXPECT_EQ(alarms_.signals.size(), 2U);  // C or worse, and D
}

TEST_F(FeatureStageTest, PassesOnThatASourceIsLost) {
  core::BlockBatch batch;
  batch.purpose = core::BatchPurpose::kStatus;
  batch.add_reading(id("vib"), core::ValueType::kFloat32, 0.0F, time_, core::kBadNoCommunication, time_);
  run(batch);
  ASSERT_EQ(features_.size(), 6U);
  EXPECT_EQ(features_["vib-bpfo"][0].quality, core::kBadNoCommunication);
}

class OverlappingTest : public FeatureStageTest {
 protected:
  OverlappingTest() : FeatureStageTest("0.75") {}
};

TEST_F(OverlappingTest, WindowsShareReadings) {
  feed_seconds(3);
  const auto& readings = features_["vib-rms"];
  ASSERT_EQ(readings.size(), 9U);  // at 1 s, then every quarter
  EXPECT_EQ(readings[1].time - readings[0].time, 250 * kMillisecond);
  feed(core::kUncertain);
  feed_seconds(2);
  std::size_t uncertain = 0;
  for (const Reading& reading : readings) uncertain += reading.quality.is_uncertain() ? 1 : 0;
  EXPECT_GE(uncertain, 4U);
  EXPECT_LE(uncertain, 5U);
  EXPECT_TRUE(readings.back().quality.is_good());
}

}  // namespace
}  // namespace millwright::engine
