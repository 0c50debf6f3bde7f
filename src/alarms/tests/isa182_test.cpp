// The states, controls, delays and metrics of ISA-18.2 / IEC 62682 beyond raising and acknowledging.
#include "alarms/record.hpp"
#include "alarms/tests/alarm_fixture.hpp"

namespace millwright::alarms {
namespace {

using core::ErrorCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Isa182Test : public AlarmManagerTest {
 protected:
  void use(AlarmRule rule) {
    handling_.rules.push_back(std::move(rule));
    restart();
  }
  void pass(core::DurationNs time) {
    clock_.advance(time);
    manager_->tick();
  }
  std::optional<Alarm> signal(const std::string& condition, bool in_alarm) {
    Signal one = overheat(in_alarm);
    one.condition = condition;
    return manager_->signal(one);
  }
  Control shelve(core::DurationNs duration) {
    const auto control = manager_->suppress(
        {.kind = Suppression::kShelved, .match = kOverheat, .until = clock_.now() + duration, .by = "kim"});
    EXPECT_TRUE(control) << control.error().message;
    return *control;
  }
};

// ---- latching -------------------------------------------------------------------------------------------------------

TEST_F(Isa182Test, LatchedAlarmsStayUntilTheyAreReset) {
  use({.latching = true});
  const Alarm raised = raise();
  EXPECT_EQ(clear()->state, State::kLatchedUnacknowledged);
  EXPECT_EQ(manager_->reset(raised.id, "kim", "").error().code, ErrorCode::kConflict);
  EXPECT_EQ(manager_->acknowledge(raised.id, "kim", "seen")->state, State::kLatchedAcknowledged);
  restart();
  EXPECT_EQ(now().state, State::kLatchedAcknowledged);
  // Back again before the reset: the same occurrence.
  EXPECT_EQ(raise().id, raised.id);
  EXPECT_EQ(now().raises, 2u);
  EXPECT_EQ(manager_->acknowledge(raised.id, "kim", "")->state, State::kAcknowledged);
  EXPECT_EQ(manager_->reset(raised.id, "kim", "").error().code, ErrorCode::kConflict);
  EXPECT_EQ(clear()->state, State::kLatchedAcknowledged);
  EXPECT_EQ(manager_->reset(raised.id, "kim", "")->state, State::kNormal);
  EXPECT_EQ(manager_->reset(raised.id, "kim", "").error().code, ErrorCode::kConflict);
  EXPECT_EQ(manager_->reset(99, "kim", "").error().code, ErrorCode::kNotFound);
}

// ---- delays ---------------------------------------------------------------------------------------------------------

TEST_F(Isa182Test, AnOnDelayHoldsBackWhatIsShort) {
  use({.on_delay = 2 * kSecond});
  EXPECT_FALSE(manager_->signal(overheat(true)));
  pass(1 * kSecond);
  EXPECT_FALSE(manager_->signal(overheat(true)));
  EXPECT_FALSE(clear());
  pass(5 * kSecond);
  EXPECT_TRUE(manager_->list({}).empty());

  EXPECT_FALSE(manager_->signal(overheat(true)));
  pass(1 * kSecond);
  EXPECT_EQ(manager_->active_count(), 0u);
  pass(1 * kSecond);
  EXPECT_EQ(manager_->active_count(), 1u);
  EXPECT_EQ(manager_->latency().count, 0u);  // the delay is no latency
}

TEST_F(Isa182Test, AnOffDelayBridgesWhatComesBack) {
  use({.off_delay = 5 * kSecond});
  raise();
  EXPECT_FALSE(clear());
  pass(4 * kSecond);
  EXPECT_FALSE(manager_->signal(overheat(true)));
  pass(4 * kSecond);
  EXPECT_EQ(now().state, State::kUnacknowledged);
  EXPECT_EQ(now().raises, 1u);
  EXPECT_FALSE(clear());
  pass(5 * kSecond);
  EXPECT_EQ(now().state, State::kReturnedUnacknowledged);
}

TEST_F(Isa182Test, OfEachKeyTheLastRuleThatSaysItCounts) {
  const AlarmOptions options{.rules = {{.match = "**", .priority = Priority::kLow, .on_delay = kSecond},
                                       {.match = "**/motor/*", .priority = Priority::kCritical},
                                       {.match = "**#other", .latching = true}}};
  const Handling handling = handling_of(options, kOverheat);
  EXPECT_EQ(handling.priority, Priority::kCritical);
  EXPECT_EQ(handling.on_delay, kSecond);
  EXPECT_FALSE(handling.latching);
  handling_ = {.rules = {{.priority = Priority::kCritical}}};
  restart();
  EXPECT_EQ(raise().priority, Priority::kCritical);
}

// ---- suppression ----------------------------------------------------------------------------------------------------

TEST_F(Isa182Test, AShelvedAlarmIsOutOfSightUntilItsTimeIsOver) {
  raise();
  shelve(30 * core::kMinute);
  EXPECT_EQ(now().suppression, Suppression::kShelved);
  EXPECT_EQ(now().suppressed_until, clock_.now() + 30 * core::kMinute);
  EXPECT_EQ(manager_->active_count(), 0u);
  Filter shown;
  shown.suppressed = false;
  EXPECT_TRUE(manager_->list(shown).empty());
  restart();
  EXPECT_EQ(manager_->controls().size(), 1u);
  EXPECT_EQ(manager_->active_count(), 0u);
  pass(29 * core::kMinute);
  EXPECT_EQ(manager_->active_count(), 0u);
  pass(core::kMinute);
  EXPECT_EQ(manager_->active_count(), 1u);
  EXPECT_EQ(now().state, State::kUnacknowledged);
  EXPECT_TRUE(manager_->controls().empty());
  restart();
  EXPECT_TRUE(manager_->controls().empty());
  EXPECT_EQ(manager_->active_count(), 1u);
}

TEST_F(Isa182Test, WhatIsShelvedRisesAndReturnsUnseen) {
  const Control control = shelve(core::kHour);
  EXPECT_EQ(raise().suppression, Suppression::kShelved);
  EXPECT_EQ(clear()->state, State::kNormal);  // nobody was shown it
  raise();
  ASSERT_TRUE(manager_->release(control.id, "kim", "mended"));
  EXPECT_EQ(now().suppression, Suppression::kNone);
  EXPECT_EQ(manager_->active_count(), 1u);
  EXPECT_EQ(manager_->release(control.id, "kim", "").error().code, ErrorCode::kNotFound);
}

TEST_F(Isa182Test, AnAcknowledgedAlarmIsShownAnewAfterShelving) {
  const Alarm raised = raise();
  ASSERT_TRUE(manager_->acknowledge(raised.id, "kim", ""));
  const Control control = shelve(core::kHour);
  ASSERT_TRUE(manager_->release(control.id, "kim", ""));
  EXPECT_EQ(now().state, State::kUnacknowledged);
  EXPECT_EQ(now().acknowledged, 0);
  EXPECT_EQ(now().acknowledged_by, "");
}

TEST_F(Isa182Test, TheStrongestControlHolds) {
  raise();
  shelve(core::kHour);
  const auto service =
      manager_->suppress({.kind = Suppression::kOutOfService, .match = "acme/**/pump-1/**", .by = "jo"});
  ASSERT_TRUE(service);
  EXPECT_EQ(now().suppression, Suppression::kOutOfService);
  EXPECT_EQ(now().suppressed_until, 0);
  const auto by_design = manager_->suppress({.kind = Suppression::kByDesign, .match = "**", .by = "logic"});
  ASSERT_TRUE(by_design);
  EXPECT_EQ(now().suppression, Suppression::kOutOfService);
  ASSERT_TRUE(manager_->release(service->id, "jo", ""));
  EXPECT_EQ(now().suppression, Suppression::kByDesign);
  ASSERT_TRUE(manager_->release(by_design->id, "logic", ""));
  EXPECT_EQ(now().suppression, Suppression::kShelved);
}

TEST_F(Isa182Test, ShelvingHasAnEndAndALimit) {
  const auto with = [&](core::TimeNs until, const std::string& by = "kim") {
    return manager_->suppress({.kind = Suppression::kShelved, .match = "**", .until = until, .by = by});
  };
  EXPECT_THAT(with(0).error().message, HasSubstr("out of service"));
  EXPECT_EQ(with(clock_.now() + 25 * core::kHour).error().code, ErrorCode::kInvalid);
  EXPECT_THAT(with(clock_.now() - 1).error().message, HasSubstr("over already"));
  EXPECT_THAT(with(clock_.now() + kSecond, "").error().message, HasSubstr("who"));
  EXPECT_TRUE(with(clock_.now() + 24 * core::kHour));
}

// ---- which came first -----------------------------------------------------------------------------------------------

TEST_F(Isa182Test, TheFirstOfAGroupIsMarked) {
  use({.match = "**", .group = "trip"});
  EXPECT_TRUE(signal("a", true)->first_out);
  EXPECT_FALSE(signal("b", true)->first_out);
  restart();
  EXPECT_FALSE(signal("c", true)->first_out);
  for (const char* one : {"a", "b", "c"}) signal(one, false);
  Filter all;
  for (const Alarm& alarm : manager_->list(all)) ASSERT_TRUE(manager_->acknowledge(alarm.id, "kim", ""));
  EXPECT_TRUE(signal("b", true)->first_out);
}

TEST_F(Isa182Test, WhatFollowsSoonIsAConsequence) {
  const Alarm root = *signal("a", true);
  clock_.advance(10 * kSecond);
  EXPECT_EQ(signal("b", true)->consequence_of, root.id);
  EXPECT_EQ(root.consequence_of, 0u);
  clock_.advance(2 * core::kMinute);
  EXPECT_EQ(signal("c", true)->consequence_of, 0u);
}

// ---- performance ----------------------------------------------------------------------------------------------------

TEST_F(Isa182Test, AFloodBeginsOverTenAndEndsBelowFive) {
  for (int i = 0; i < 10; ++i) signal("c" + std::to_string(i), true);
  EXPECT_FALSE(manager_->performance(core::kHour).in_flood);
  signal("c10", true);
  EXPECT_TRUE(manager_->performance(core::kHour).in_flood);
  pass(9 * core::kMinute);
  EXPECT_TRUE(manager_->performance(core::kHour).in_flood);
  pass(2 * core::kMinute);
  const Performance all = manager_->performance(core::kHour);
  EXPECT_FALSE(all.in_flood);
  EXPECT_EQ(all.raises, 11u);
  EXPECT_EQ(all.peak_10min, 11u);
  EXPECT_NEAR(all.per_10min, 11.0 / 6, 1e-9);
  EXPECT_NEAR(all.flood_share, 1.0 / 6, 1e-9);
  EXPECT_EQ(all.active, 11u);
}

TEST_F(Isa182Test, BadActorsChatterAndStaleAlarmsAreNamed) {
  for (int i = 0; i < 5; ++i) {
    signal("chatter", true);
    clock_.advance(10 * kSecond);
    signal("chatter", false);
  }
  signal("calm", true);
  const Performance now = manager_->performance(core::kHour);
  ASSERT_EQ(now.bad_actors.size(), 2u);
  EXPECT_EQ(now.bad_actors[0].condition, "chatter");
  EXPECT_EQ(now.bad_actors[0].raises, 5u);
  EXPECT_THAT(now.chattering, ElementsAre("chatter"));
  EXPECT_TRUE(now.stale.empty());
  clock_.advance(25 * core::kHour);
  EXPECT_THAT(manager_->performance(core::kHour).stale, ElementsAre("calm"));
  EXPECT_EQ(manager_->performance(core::kHour).raises, 0u);
  EXPECT_EQ(manager_->performance(48 * core::kHour).by_priority[2], 6u);
}

TEST_F(Isa182Test, ShelvedAlarmsCountForNoFlood) {
  ASSERT_TRUE(manager_->suppress({.kind = Suppression::kByDesign, .match = "c*", .by = "logic"}));
  for (int i = 0; i < 20; ++i) signal("c" + std::to_string(i), true);
  const Performance all = manager_->performance(core::kHour);
  EXPECT_EQ(all.raises, 0u);
  EXPECT_EQ(all.suppressed, 20u);
  EXPECT_FALSE(all.in_flood);
}

// ---- on disk --------------------------------------------------------------------------------------------------------

TEST(AlarmRecords, ControlsGoThere) {
  const Control control{.id = 7,
                        .kind = Suppression::kOutOfService,
                        .match = "acme/**",
                        .since = kStart,
                        .until = kStart + 1,
                        .by = "Zoë",
                        .comment = "bearing",
                        .released = true};
  const auto back = decode_control(encode(control));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->id, 7u);
  EXPECT_EQ(back->kind, Suppression::kOutOfService);
  EXPECT_EQ(back->match, "acme/**");
  EXPECT_EQ(back->until, kStart + 1);
  EXPECT_EQ(back->by, "Zoë");
  EXPECT_TRUE(back->released);
  auto bytes = encode(control);
  for (std::size_t n = 0; n < bytes.size(); ++n) EXPECT_FALSE(decode_control(std::span(bytes).first(n))) << n;
}

// A checkpoint of many alarms with controls among them is found whole.
TEST_F(Isa182Test, ControlsSurviveManySegments) {
  options_.segment_bytes = 4096;
  restart();
  shelve(20 * core::kHour);
  for (int i = 0; i < 200; ++i) {
    signal("c" + std::to_string(i % 7), i % 14 < 7);
    commit();
  }
  EXPECT_GT(journal_->segments().size(), 3u);
  restart();
  ASSERT_EQ(manager_->controls().size(), 1u);
  EXPECT_EQ(manager_->controls().front().by, "kim");
  EXPECT_EQ(raise().suppression, Suppression::kShelved);
}

}  // namespace
}  // namespace millwright::alarms
