#include "engine/model_stage.hpp"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "detection/multivariate_detector.hpp"
#include "engine/model_manager.hpp"
#include "engine/tests/stage_fixture.hpp"
#include "io/sim_disk.hpp"
#include "models/seal.hpp"

namespace millwright::engine {
namespace {

using core::kSecond;
using core::SensorId;
using core::TimeNs;
using models::Mode;
using ::testing::HasSubstr;

// Two pumps and a fan. A pump: current and flow (1 Hz), and its state.
asset::Model plant_model() {
  std::vector<asset::Machine> machines;
  std::vector<asset::Sensor> sensors;
  for (const auto& [name, type] :
       {std::pair{"pump-1", "pump"}, std::pair{"pump-2", "pump"}, std::pair{"fan-1", "fan"}}) {
    asset::Machine machine;
    machine.id = core::MachineId(machines.size());
    machine.name = name;
    machine.path = std::string("a/b/c/d/e/") + name;
    machine.type = type;
    for (const auto& [component, sensor] :
         {std::pair{"motor", "current"}, std::pair{"pump", "flow"}, std::pair{"", "state"}}) {
      asset::Sensor one;
      one.id = SensorId(sensors.size());
      one.machine = machine.id;
      one.component = component;
      one.name = sensor;
      one.path = machine.path + "/" + (one.component.empty() ? "" : one.component + "/") + sensor;
      if (one.name == "state") one.type = core::ValueType::kState;
      machine.sensors.push_back(one.id);
      sensors.push_back(std::move(one));
    }
    machines.push_back(std::move(machine));
  }
  return {std::move(machines), std::move(sensors)};
}

class ModelStageTest : public ::testing::Test {
 protected:
  ModelStageTest() { restart(); }

  void restart() {
    manager_.reset();
    stage_ = std::make_unique<ModelStage>(model_, kSecond, alarms_, metrics_);
    auto manager =
        ModelManager::open(model_, pipeline_, disk_, "d/models", {.trust = {.keys = {key_.public_key()}}}, metrics_);
    ASSERT_TRUE(manager) << manager.error().message;
    manager_ = std::move(*manager);
    manager_->add_stage(*stage_);
    manager_->restore();
  }
  // A signed bundle whose limits are `factor` times those of training.
  std::string bundle(const std::string& version, double factor = 2, const std::string& type = "pump",
                     const std::vector<std::string>& sensors = {"motor/current", "pump/flow"}) {
    models::Bundle out;
    out.name = "pump-model";
    out.version = version;
    out.kind = "covariance";
    out.machine_type = type;
    out.sensors = sensors;
    out.states = {1};
    detection::Matrix rows;
    for (int i = 0; i < 300; ++i) rows.append(row(0));
    detection::DetectorOptions options;
    options.models = {detection::ModelOptions{.kind = detection::ModelKind::kCovariance}};
    options.limit.factor = factor;
    auto detector = detection::MultivariateDetector::fit(options, out.sensors, rows);
    EXPECT_TRUE(detector);
    out.learnt = detector->learnt();
    out.test = {.rows = rows.slice(0, 5), .states = std::vector<std::int32_t>(5, 1), .scores = {}};
    out.test.scores = models::score_test_rows(out, *detector);
    return models::seal(models::to_payload(out), &key_);
  }
  std::vector<double> row(double shift) {
    const double load = noise_(random_);
    return {40 + load + 0.2 * noise_(random_), 20 + 2 * load + 0.2 * noise_(random_) + shift};
  }
  void add(core::BlockBatch& batch, std::size_t sensor, double value) {
    batch.add_reading(SensorId(sensor), core::ValueType::kFloat64, value, time_, core::kGood, time_ + 5);
  }
  void feed(int seconds, double shift, std::size_t machine = 0) {
    for (int i = 0; i < seconds; ++i, time_ += kSecond) {
      core::BlockBatch batch;
      const auto values = row(shift);
      add(batch, 3 * machine, values[0]);
      add(batch, 3 * machine + 1, values[1]);
      stage_->on_batch(batch);
    }
  }
  void state(std::int32_t code) {
    core::BlockBatch batch;
    batch.add_reading(SensorId(2), core::ValueType::kState, code, time_, core::kGood, time_);
    stage_->on_batch(batch);
  }
  void deploy(const std::string& version, Mode mode = Mode::kActive, double factor = 2) {
    ASSERT_TRUE(manager_->add(bundle(version, factor)));
    const auto done = manager_->deploy("pump-1", "pump-model@" + version, mode);
    ASSERT_TRUE(done) << done.error().message;
  }

  const asset::Model model_ = plant_model();
  const std::vector<core::MachineId> machine_of_ = std::vector<core::MachineId>(9, core::MachineId(0));
  core::Metrics metrics_;
  pipeline::Pipeline pipeline_{{}, machine_of_, [] { return TimeNs{0}; }, metrics_};
  io::SimDisk disk_{1};
  const models::SigningKey key_ = *models::SigningKey::generate();
  NotedAlarms alarms_;
  std::unique_ptr<ModelStage> stage_;
  std::unique_ptr<ModelManager> manager_;
  TimeNs time_ = 1000 * kSecond;
  std::mt19937_64 random_{1};
  std::normal_distribution<double> noise_;
};

TEST_F(ModelStageTest, AFaultRaisesTheModelsAlarmWithItsComponent) {
  deploy("1");
  feed(60, 0);
  EXPECT_EQ(alarms_.in_alarm(), "");
  feed(5, 8);
  ASSERT_NE(alarms_.in_alarm(), "");
  const alarms::Signal& raised = alarms_.signals.back();
  EXPECT_EQ(raised.condition, "a/b/c/d/e/pump-1#model-pump-model");
  EXPECT_THAT(raised.message, HasSubstr("distance"));
  EXPECT_EQ(raised.machine, core::MachineId(0));
  EXPECT_GT(raised.value, raised.limit);
  EXPECT_EQ(raised.received, raised.source_time + 5);
  EXPECT_EQ(raised.component, model_.sensor(raised.sensor).component);
  feed(20, 0);
  EXPECT_EQ(alarms_.in_alarm(), "");
  EXPECT_EQ(manager_->find("pump-1")->active->rows, 85U);
}

TEST_F(ModelStageTest, JudgesOnlyInTheStatesOfTheModel) {
  deploy("1");
  state(1);
  feed(20, 0);
  state(0);
  feed(20, -20);
  state(1);
  feed(1, -20);  // settling
  feed(20, 0);
  for (const auto& signal : alarms_.signals) EXPECT_FALSE(signal.in_alarm);
  EXPECT_LT(manager_->find("pump-1")->active->rows, 45U);
}

TEST_F(ModelStageTest, ARowWaitsForASensorAsLongAsItMay) {
  deploy("1");
  for (int i = 0; i < 10; ++i, time_ += kSecond) {
    core::BlockBatch batch;
    add(batch, 0, 40);
    if (i == 0) add(batch, 1, 20);
    stage_->on_batch(batch);
  }
  EXPECT_EQ(manager_->find("pump-1")->active->rows, 9U);  // the last waits
  stage_->on_tick(time_ + 10 * kSecond);
  EXPECT_EQ(manager_->find("pump-1")->active->rows, 10U);
}

TEST_F(ModelStageTest, WhatDoesNotFitIsRefusedAndTheRunningModelGoesOn) {
  deploy("1");
  feed(30, 0);
  const auto refusal = [&](const std::string& machine, const std::string& file) {
    const auto added = manager_->add(file);
    if (!added) return added.error().message;
    const auto done = manager_->deploy(machine, added->id, Mode::kActive);
    return done ? "taken" : done.error().message;
  };
  EXPECT_THAT(refusal("fan-1", bundle("5")), HasSubstr("fan"));
  EXPECT_THAT(refusal("pump-1", bundle("2", 2, "fan")), HasSubstr("type 'fan'"));
  EXPECT_THAT(refusal("pump-1", bundle("3", 2, "pump", {"motor/current", "motor/torque"})),
              HasSubstr("'motor/torque'"));
  std::string damaged = bundle("4");
  damaged[damaged.size() / 2] ^= 1;
  EXPECT_THAT(refusal("pump-1", damaged), HasSubstr("damaged"));
  EXPECT_THAT(refusal("pump-9", bundle("1")), HasSubstr("another content"));  // other rows were drawn
  const auto now = manager_->find("pump-1");
  EXPECT_EQ(now->active->model, "pump-model@1");
  EXPECT_EQ(now->active->rows, 30U);
  feed(1, 0);
  EXPECT_EQ(manager_->find("pump-1")->active->rows, 31U);
}

TEST_F(ModelStageTest, ASwapEndsTheOldModelsAlarmAndARollbackPutsItBack) {
  deploy("1");
  feed(30, 0);
  feed(5, 8);
  EXPECT_NE(alarms_.in_alarm(), "");
  deploy("2", Mode::kActive, 1e5);  // never alarms
  feed(5, 8);
  EXPECT_EQ(alarms_.in_alarm(), "");
  EXPECT_EQ(manager_->find("pump-1")->previous, "pump-model@1");
  const auto back = manager_->rollback("pump-1");
  ASSERT_TRUE(back);
  EXPECT_EQ(back->active->model, "pump-model@1");
  EXPECT_EQ(back->previous, "pump-model@2");
  feed(5, 8);
  EXPECT_NE(alarms_.in_alarm(), "");
  manager_->tick();
  ASSERT_TRUE(manager_->deploy("pump-1", "", Mode::kNone));
  feed(1, 8);
  EXPECT_EQ(alarms_.in_alarm(), "");
  EXPECT_FALSE(manager_->find("pump-1")->active);
  EXPECT_FALSE(manager_->rollback("pump-2"));
}

TEST_F(ModelStageTest, AShadowIsHeldAgainstTheActiveModelAndNeverAlarms) {
  deploy("1", Mode::kActive, 1e5);
  deploy("2", Mode::kShadow);
  feed(30, 0);
  feed(10, 8);
  EXPECT_EQ(alarms_.in_alarm(), "");
  const auto now = manager_->find("pump-1");
  ASSERT_TRUE(now->shadow);
  EXPECT_EQ(now->disagreement.rows, 40U);
  EXPECT_GE(now->disagreement.different, 9U);
  EXPECT_EQ(now->disagreement.last, time_ - kSecond);
  manager_->tick();
  EXPECT_THAT(metrics_.text(), HasSubstr("millwright_model_shadow_rows_total{model=\"pump-model@2\"} 40"));
  const auto promoted = manager_->deploy("pump-1", "pump-model@2", Mode::kActive);
  ASSERT_TRUE(promoted);
  EXPECT_FALSE(promoted->front().shadow);
  feed(2, 8);
  EXPECT_NE(alarms_.in_alarm(), "");
}

TEST_F(ModelStageTest, ARestartKeepsWhatWasPut) {
  ASSERT_TRUE(manager_->add(bundle("1")));
  const auto done = manager_->deploy("", "pump-model@1", Mode::kActive);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->size(), 2U);
  restart();
  EXPECT_EQ(manager_->list().front().active_on.size(), 2U);
  feed(30, 0, 1);
  feed(5, 8, 1);
  EXPECT_NE(alarms_.in_alarm(), "");
  EXPECT_EQ(alarms_.signals.back().machine, core::MachineId(1));
}

TEST_F(ModelStageTest, ABundleThatIsDamagedOnDiskIsToldOf) {
  deploy("1");
  disk_.flip_bit("d/models/bundles/pump-model@1.mwmodel", 600, 1);
  restart();
  const auto now = manager_->find("pump-1");
  EXPECT_THAT(now->active->problem, HasSubstr("damaged"));
  EXPECT_THAT(manager_->list().front().problem, HasSubstr("damaged"));
  feed(5, 8);
  EXPECT_TRUE(alarms_.signals.empty());
}

}  // namespace
}  // namespace millwright::engine
