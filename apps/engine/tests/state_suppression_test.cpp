#include "engine/state_suppression.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/document.hpp"
#include "io/sim_disk.hpp"
#include "journal/journal.hpp"

namespace millwright::engine {
namespace {

using alarms::Suppression;
using core::SensorId;
using ::testing::HasSubstr;

constexpr core::TimeNs kStart = 1'700'000'000 * core::kSecond;

// Two machines, one's name the start of the other's, with a state each.
asset::Model two_pumps() {
  std::vector<asset::Machine> machines;
  std::vector<asset::Sensor> sensors;
  for (const char* name : {"pump-1", "pump-10"}) {
    asset::Machine machine;
    machine.id = core::MachineId(machines.size());
    machine.name = name;
    machine.path = std::string("a/b/c/d/e/") + name;
    asset::Sensor state;
    state.id = SensorId(sensors.size());
    state.machine = machine.id;
    state.name = "state";
    state.path = machine.path + "/state";
    state.type = core::ValueType::kState;
    state.states = {{0, "Idle"}, {1, "Running"}, {2, "Down"}};
    machine.sensors = {state.id};
    machines.push_back(machine);
    sensors.push_back(state);
  }
  return {machines, sensors};
}

class StateSuppressionTest : public ::testing::Test {
 protected:
  void use(StateSuppression::Rules rules) {
    rules_ = std::move(rules);
    open();
  }
  void open() {
    stage_.reset();
    alarms_.reset();
    journal_.reset();
    journal_ = std::move(*journal::Journal::open(disk_, clock_, "/data/alarms", 1, {}));
    alarms_ = std::move(*alarms::AlarmManager::open(model_, *journal_, clock_, {}, metrics_));
    StateSuppression::release_leftovers(model_, rules_, *alarms_);
    stage_ = std::make_unique<StateSuppression>(model_, rules_, *alarms_);
  }
  void restart() {
    ASSERT_TRUE(journal_->commit());
    open();
  }
  void state(std::uint32_t machine, std::int32_t code, core::Quality quality = core::kGood) {
    core::BlockBatch batch;
    batch.add_reading(SensorId(machine), core::ValueType::kState, code, kStart, quality, kStart);
    stage_->on_batch(batch);
  }
  // Raises an alarm of that condition, or gives the one that is open.
  Suppression suppression(const std::string& condition) {
    alarms::Signal signal;
    signal.condition = condition;
    signal.in_alarm = true;
    static_cast<void>(alarms_->signal(signal));
    for (const alarms::Alarm& alarm : alarms_->list({})) {
      if (alarm.condition == condition) return alarm.suppression;
    }
    ADD_FAILURE() << condition;
    return Suppression::kNone;
  }

  io::SimDisk disk_{1};
  io::SimClock clock_{kStart};
  core::Metrics metrics_;
  asset::Model model_ = two_pumps();
  StateSuppression::Rules rules_;
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<alarms::AlarmManager> alarms_;
  std::unique_ptr<StateSuppression> stage_;
};

TEST_F(StateSuppressionTest, FollowsTheMachinesState) {
  use({{.states = {"idle", "down"}}});
  EXPECT_EQ(suppression("a/b/c/d/e/pump-1/motor/current#xbar"), Suppression::kNone);
  state(0, 2);
  EXPECT_EQ(suppression("a/b/c/d/e/pump-1/motor/current#xbar"), Suppression::kByDesign);
  EXPECT_EQ(suppression("a/b/c/d/e/pump-1#pca"), Suppression::kByDesign);
  EXPECT_EQ(suppression("a/b/c/d/e/pump-10/motor/current#xbar"), Suppression::kNone);
  const auto held = alarms_->controls();
  state(0, 0);  // from one that suppresses to another
  EXPECT_EQ(alarms_->controls().size(), held.size());
  EXPECT_EQ(alarms_->controls().front().id, held.front().id);
  state(0, 1);
  EXPECT_TRUE(alarms_->controls().empty());
  EXPECT_EQ(suppression("a/b/c/d/e/pump-1/motor/current#xbar"), Suppression::kNone);
}

TEST_F(StateSuppressionTest, RulesMayBeOfSomeMachinesAndSomeConditions) {
  use({{.machines = "**/pump-10", .match = "motor/**", .states = {"down"}}});
  state(0, 2);
  state(1, 2);
  EXPECT_EQ(suppression("a/b/c/d/e/pump-1/motor/current#xbar"), Suppression::kNone);
  EXPECT_EQ(suppression("a/b/c/d/e/pump-10/motor/current#xbar"), Suppression::kByDesign);
  EXPECT_EQ(suppression("a/b/c/d/e/pump-10/seal/level#xbar"), Suppression::kNone);
}

TEST_F(StateSuppressionTest, ABadStateSaysNothing) {
  use({{.states = {"down"}}});
  state(0, 2, core::kBad);
  EXPECT_TRUE(alarms_->controls().empty());
  state(0, 2);
  state(0, 1, core::kBad);
  EXPECT_FALSE(alarms_->controls().empty());
}

TEST_F(StateSuppressionTest, HoldsThroughARestartUntilTheMachineSaysOtherwise) {
  use({{.states = {"down"}}});
  state(0, 2);
  restart();
  EXPECT_EQ(suppression("a/b/c/d/e/pump-1/motor/current#xbar"), Suppression::kByDesign);
  state(0, 2);
  EXPECT_EQ(alarms_->controls().size(), 2U);
  state(0, 1);
  EXPECT_TRUE(alarms_->controls().empty());
}

TEST_F(StateSuppressionTest, RulesThatAreGoneSuppressNothing) {
  use({{.states = {"down"}}});
  state(0, 2);
  alarms::Control by_hand;
  by_hand.kind = Suppression::kByDesign;
  by_hand.match = "**";
  by_hand.by = "kim";
  ASSERT_TRUE(alarms_->suppress(by_hand));
  ASSERT_TRUE(journal_->commit());
  use({{.match = "seal/**", .states = {"down"}}});
  ASSERT_EQ(alarms_->controls().size(), 1U);
  EXPECT_EQ(alarms_->controls().front().by, "kim");
}

TEST(StateRules, AreReadAndChecked) {
  auto document = config::Document::parse(
      "suppress_by_state:\n  - {states: [Idle, down]}\n  - {machines: '**/pump-*', match: 'motor/**', states: [down]}\n"
      "  - {match: 'motor/**'}\n",
      "plant.yaml");
  ASSERT_TRUE(document);
  const auto rules = alarms::read_options(document->root()).suppress_by_state;
  ASSERT_EQ(rules.size(), 3U);
  EXPECT_THAT(rules[0].states, ::testing::ElementsAre("idle", "down"));
  EXPECT_EQ(rules[1].machines, "**/pump-*");
  ASSERT_EQ(document->problems().size(), 1U);
  EXPECT_THAT(config::to_string(document->problems()[0]), HasSubstr("say in which states"));
}

}  // namespace
}  // namespace millwright::engine
