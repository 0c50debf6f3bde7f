#include "engine/detect_stage.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "config/document.hpp"
#include "engine/limit_store.hpp"
#include "engine/tests/stage_fixture.hpp"
#include "io/sim_disk.hpp"

namespace millwright::engine {
namespace {

using core::kMillisecond;
using core::kSecond;
using core::SensorId;
using core::TimeNs;

// One machine: a current at 10 Hz, and its state.
asset::Model small_model() {
  asset::Machine machine = pump_1();
  std::vector<asset::Sensor> sensors;
  add_sensor(machine, sensors, "motor", "current");
  add_state(machine, sensors);
  return {{machine}, std::move(sensors)};
}

class DetectStageTest : public ::testing::Test {
 protected:
  DetectStageTest()
      : pipeline_(
            {}, machine_of_, [] { return TimeNs{0}; }, metrics_) {
    fresh_stage();
  }

  void fresh_stage() {
    stage_ = std::make_unique<DetectStage>(model_, pipeline_, 0, options_, limits_, alarms_, metrics_);
  }
  void feed(double level, int seconds) {
    for (int i = 0; i < seconds * 10; ++i, time_ += 100 * kMillisecond) {
      core::BlockBatch batch;
      batch.add_reading(SensorId(0), core::ValueType::kFloat64, level + 0.1 * std::sin(i * 1.7), time_, core::kGood,
                        time_ + 5);
      stage_->on_batch(batch);
    }
  }
  void tick() { stage_->on_tick(time_); }
  void state(std::int32_t code) {
    core::BlockBatch batch;
    batch.add_reading(SensorId(1), core::ValueType::kState, code, time_, core::kGood, time_);
    stage_->on_batch(batch);
  }

  const asset::Model model_ = small_model();
  const std::vector<core::MachineId> machine_of_ = {core::MachineId(0), core::MachineId(0)};
  core::Metrics metrics_;
  pipeline::Pipeline pipeline_;
  DetectionOptions options_{.rules = {SpcRule{}}};
  io::SimDisk disk_{1};
  LimitStore limits_{disk_, "d/control-limits.json"};
  NotedAlarms alarms_;
  std::unique_ptr<DetectStage> stage_;
  TimeNs time_ = 1000 * kSecond;
};

TEST_F(DetectStageTest, SignalsAFaultWithWhereAndWhen) {
  feed(40, 30);
  EXPECT_TRUE(alarms_.signals.empty());
  feed(60, 5);
  ASSERT_EQ(alarms_.signals.size(), 1U);
  const alarms::Signal& raised = alarms_.signals[0];
  EXPECT_TRUE(raised.in_alarm);
  EXPECT_EQ(raised.condition, "a/b/c/d/e/pump-1/motor/current#xbar-r");
  EXPECT_EQ(raised.component, "motor");
  EXPECT_EQ(raised.received, raised.source_time + 5);
  EXPECT_NE(raised.message.find("motor current"), std::string::npos);
  feed(40, 10);
  ASSERT_EQ(alarms_.signals.size(), 2U);
  EXPECT_FALSE(alarms_.signals[1].in_alarm);
}

TEST_F(DetectStageTest, TakesAStopForNoAnomaly) {
  state(1);
  feed(40, 30);
  state(0);
  feed(0, 30);
  state(1);
  feed(20, 5);  // running up, within the settling time
  feed(40, 30);
  EXPECT_TRUE(alarms_.signals.empty());
  feed(60, 5);
  EXPECT_EQ(alarms_.signals.size(), 1U);
}

TEST_F(DetectStageTest, KeepsItsLimitsThroughARestart) {
  feed(40, 30);
  ASSERT_TRUE(limits_.save());
  LimitStore reloaded(disk_, "d/control-limits.json");
  DetectStage restarted(model_, pipeline_, 0, options_, reloaded, alarms_, metrics_);
  for (int i = 0; i < 50; ++i, time_ += 100 * kMillisecond) {
    core::BlockBatch batch;
    batch.add_reading(SensorId(0), core::ValueType::kFloat64, 60.0, time_, core::kGood, time_);
    restarted.on_batch(batch);
  }
  EXPECT_EQ(alarms_.signals.size(), 1U);
}

TEST_F(DetectStageTest, LeavesOutWhatARuleDisables) {
  options_.rules.push_back({.match = "**/current", .enabled = false});
  fresh_stage();
  feed(40, 30);
  feed(90, 10);
  EXPECT_TRUE(alarms_.signals.empty());
}

TEST_F(DetectStageTest, DoesNotJudgeBadReadings) {
  feed(40, 30);
  for (int i = 0; i < 100; ++i, time_ += 100 * kMillisecond) {
    core::BlockBatch batch;
    batch.add_reading(SensorId(0), core::ValueType::kFloat64, 1e9, time_, core::kBadSensorFailure, time_);
    stage_->on_batch(batch);
  }
  EXPECT_TRUE(alarms_.signals.empty());
}

TEST(LimitStore, PutsADamagedFileAside) {
  io::SimDisk disk(1);
  ASSERT_TRUE(io::write_file_atomically(disk, "d/control-limits.json", "{\"version\":1,\"xbar_r\":{\"x\":{}}}"));
  const LimitStore store(disk, "d/control-limits.json");
  EXPECT_FALSE(store.find({"x", detection::ChartKind::kXbarR, "running"}, 5));
  EXPECT_TRUE(disk.exists("d/control-limits.json.bad"));
}

TEST(LimitStore, ReadsTheFirstVersion) {
  io::SimDisk disk(1);
  ASSERT_TRUE(io::write_file_atomically(disk, "d/control-limits.json",
                                        R"({"version":1,"xbar_r":{"a/b":{"subgroup_size":5,"centre":10,"low":7,
                                           "high":13,"range_centre":2.326,"range_high":5}}})"));
  const LimitStore store(disk, "d/control-limits.json");
  const auto limits = store.find({"a/b", detection::ChartKind::kXbarR, "running"}, 5);
  ASSERT_TRUE(limits);
  EXPECT_EQ(limits->high, 13);
  EXPECT_NEAR(limits->within, 1, 1e-3);
}

TEST(LimitStore, PutsALaterVersionAside) {
  io::SimDisk disk(1);
  ASSERT_TRUE(io::write_file_atomically(disk, "d/control-limits.json", R"({"version":3,"charts":{}})"));
  const LimitStore store(disk, "d/control-limits.json");
  EXPECT_TRUE(disk.exists("d/control-limits.json.bad"));
}

TEST(LimitStore, KeepsChartsAndStatesApart) {
  io::SimDisk disk(1);
  LimitStore store(disk, "d/control-limits.json");
  const LimitKey running{"a/b", detection::ChartKind::kEwma, "running"};
  const LimitKey idle{"a/b", detection::ChartKind::kEwma, "idle"};
  store.put(running, 5, {.centre = 1, .sigma = 2, .overall = 3});
  store.put(idle, 5, {.centre = 4});
  ASSERT_TRUE(store.save());
  const LimitStore reloaded(disk, "d/control-limits.json");
  EXPECT_EQ(reloaded.find(running, 5)->overall, 3);
  EXPECT_EQ(reloaded.find(idle, 5)->centre, 4);
  EXPECT_FALSE(reloaded.find(idle, 4));
}

TEST_F(DetectStageTest, KeepsLimitsPerState) {
  options_.rules.front().states = {"running", "idle"};
  fresh_stage();
  state(1);
  feed(40, 50);
  state(0);
  feed(5, 50);
  EXPECT_TRUE(alarms_.signals.empty());
  feed(40, 5);
  ASSERT_EQ(alarms_.signals.size(), 1U);
  EXPECT_EQ(alarms_.signals[0].condition, "a/b/c/d/e/pump-1/motor/current#xbar-r@idle");
  const auto charts = stage_->charts(core::MachineId(0));
  ASSERT_EQ(charts.size(), 2U);
  EXPECT_EQ(charts[1].state, "idle");
  EXPECT_NEAR(charts[1].limits->centre, 5, 0.1);
}

TEST_F(DetectStageTest, RunsSeveralChartsOnASensor) {
  options_.rules.front().charts = {detection::ChartKind::kXbarR, detection::ChartKind::kCusum};
  fresh_stage();
  feed(40, 30);
  feed(60, 5);
  ASSERT_EQ(alarms_.signals.size(), 2U);
  EXPECT_EQ(alarms_.signals[1].condition, "a/b/c/d/e/pump-1/motor/current#cusum");
  EXPECT_NE(alarms_.signals[1].message.find("growing since"), std::string::npos);
}

TEST_F(DetectStageTest, LearnsAnewOnCommand) {
  feed(40, 30);
  feed(60, 5);
  ASSERT_EQ(alarms_.signals.size(), 1U);
  EXPECT_EQ(stage_->relearn({.machine = core::MachineId(0), .sensor = SensorId(1)}), 0U);
  EXPECT_EQ(stage_->relearn({.machine = core::MachineId(0)}), 1U);
  EXPECT_TRUE(stage_->charts(core::MachineId(0))[0].limits);
  tick();
  ASSERT_EQ(alarms_.signals.size(), 2U);
  EXPECT_FALSE(alarms_.signals[1].in_alarm);
  EXPECT_EQ(stage_->charts(core::MachineId(0))[0].progress, 0);
  feed(60, 30);
  EXPECT_EQ(alarms_.signals.size(), 2U);
  EXPECT_NEAR(stage_->charts(core::MachineId(0))[0].limits->centre, 60, 0.1);
}

TEST(ReadDetection, TakesRulesPerSensor) {
  auto document = config::Document::parse(
      "detection:\n  settle: 5s\n  spc:\n    training: 1min\n    sensors:\n      - {match: '**/vibration-*', "
      "subgroup_size: 20, priority: high}\n",
      "t.yaml");
  ASSERT_TRUE(document);
  config::Section root = document->root();
  const DetectionOptions options = read_detection(root.section("detection"));
  root.finish();
  EXPECT_TRUE(document->problems().empty());
  ASSERT_EQ(options.rules.size(), 2U);
  EXPECT_EQ(options.rules[1].training, core::kMinute);
  EXPECT_EQ(options.rules[1].subgroup_size, 20U);
  EXPECT_EQ(options.rules[1].priority, alarms::Priority::kHigh);
}

std::size_t problems_of(const char* yaml) {
  auto document = config::Document::parse(yaml, "t.yaml");
  EXPECT_TRUE(document);
  config::Section root = document->root();
  read_detection(root.section("detection"));
  root.finish();
  return document->problems().size();
}

TEST(ReadDetection, TakesChartsRulesAndHealth) {
  EXPECT_EQ(
      problems_of("detection:\n  spc: {charts: [xbar-s, i-mr], rules: [nelson-1, western-electric-2], states: "
                  "[running, idle], specification: [1, 2]}\n  health: {spike_sigmas: 8, sensors: [{match: '**/a', "
                  "redundant_with: b, tolerance: 2}]}\n"),
      0U);
  EXPECT_EQ(problems_of("detection:\n  spc: {chart: cusum, cusum_h: 4, subgroup_size: 1}\n"), 0U);
}

TEST(ReadDetection, RefusesWhatDoesNotFit) {
  EXPECT_EQ(problems_of("detection:\n  spc: {chart: xbar}\n"), 1U);
  EXPECT_EQ(problems_of("detection:\n  spc: {charts: []}\n"), 1U);
  EXPECT_EQ(problems_of("detection:\n  spc: {chart: ewma, rules: [nelson-2]}\n"), 1U);
  EXPECT_EQ(problems_of("detection:\n  spc: {rules: [nelson-9]}\n"), 1U);
  EXPECT_EQ(problems_of("detection:\n  spc: {specification: [2, 1]}\n"), 1U);
  EXPECT_EQ(problems_of("detection:\n  spc: {raise_count: 4, raise_window: 3}\n"), 1U);
  EXPECT_EQ(problems_of("detection:\n  health: {redundant_with: b}\n"), 1U);
  EXPECT_EQ(problems_of("detection:\n  health: {stuk_times: 5}\n"), 1U);
}

TEST(ReadDetection, RefusesASubgroupOfOne) {
  auto document = config::Document::parse("detection:\n  spc: {subgroup_size: 1}\n", "t.yaml");
  ASSERT_TRUE(document);
  read_detection(document->root().section("detection"));
  EXPECT_EQ(document->problems().size(), 1U);
}

}  // namespace
}  // namespace millwright::engine
