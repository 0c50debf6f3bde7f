// Rules over generated series of conditions: thresholds with hysteresis, one order at a time, cool-down, approval.
#include "maintenance/desk.hpp"

#include <cmath>

#include <gmock/gmock.h>

#include "maintenance/tests/fixture.hpp"

namespace millwright::maintenance {
namespace {

using testing::kStart;
using testing::sees_all;

constexpr core::DurationNs kDay = 24 * core::kHour;

class DeskTest : public ::testing::Test {
 protected:
  void open() {
    auto opened =
        Desk::open(options, {.database = *database, .clock = clock, .metrics = metrics, .hooks = told.hooks()});
    ASSERT_TRUE(opened) << opened.error().message;
    desk = std::move(*opened);
  }
  Condition condition(double probability) {
    Condition now;
    now.machine = "pump-1";
    now.machine_path = "acme/lyon/pump-1";
    now.component = "motor";
    now.cause = "bearing wear";
    now.failure_probability = probability;
    now.lookahead = 30 * kDay;
    now.time = clock.now();
    return now;
  }
  std::optional<WorkOrder> see(const Condition& now) {
    auto raised = desk->observe(now);
    EXPECT_TRUE(raised) << raised.error().message;
    clock.advance(core::kHour);
    return std::move(*raised);
  }
  std::optional<WorkOrder> see(double probability) { return see(condition(probability)); }
  std::size_t orders() { return desk->book().list({}, sees_all)->size(); }
  void end(const std::string& id, OrderState as) {
    if (as == OrderState::kDone) {
      ASSERT_TRUE(desk->move(id, {.to = OrderState::kApproved, .who = "a"}));
    }
    ASSERT_TRUE(desk->move(id, {.to = as, .who = "a"}));
  }

  testing::Folder folder;
  io::SimClock clock{kStart};
  std::unique_ptr<database::Database> database = testing::open_database(folder.path);
  core::Metrics metrics;
  testing::Told told;
  Options options;
  std::unique_ptr<Desk> desk;
};

TEST_F(DeskTest, ANoisyRiseRaisesOneOrder) {
  open();
  io::Random random(3);
  for (int i = 0; i < 400; ++i) see(0.2 + 0.5 * i / 400.0 + 0.05 * random.normal());
  EXPECT_EQ(orders(), 1U);
  const WorkOrder order = desk->book().list({}, sees_all)->front();
  EXPECT_TRUE(order.by_rule);
  EXPECT_EQ(order.state, OrderState::kProposed);
  EXPECT_EQ(order.recommended_action, "Inspect motor for bearing wear");
  const auto evidence = nlohmann::json::parse(order.evidence);
  EXPECT_GE(evidence["failure_probability"].get<double>(), 0.5);
  EXPECT_EQ(evidence["lookahead_days"], 30);
  EXPECT_EQ(order.predicted_failure, order.created + 30 * kDay);
}

TEST_F(DeskTest, LowHealthRaisesAndNothingKnownDoesNot) {
  open();
  Condition now = condition(std::nan(""));
  EXPECT_FALSE(see(now));
  now.health = 41;
  EXPECT_FALSE(see(now));
  now.health = 39;
  now.remaining_life = 3 * kDay;
  const auto raised = see(now);
  ASSERT_TRUE(raised);
  EXPECT_EQ(raised->priority, Priority::kUrgent);  // less than the lead time is left
  EXPECT_EQ(raised->predicted_failure, now.time + 3 * kDay);
}

TEST_F(DeskTest, EachComponentAndCauseHasItsOwn) {
  open();
  EXPECT_TRUE(see(0.6));
  Condition other = condition(0.9);
  other.cause = "imbalance";
  const auto raised = see(other);
  ASSERT_TRUE(raised);
  EXPECT_EQ(raised->priority, Priority::kHigh);
  other.component = "pump";
  EXPECT_TRUE(see(other));
  EXPECT_FALSE(see(other));
  EXPECT_EQ(orders(), 3U);
}

TEST_F(DeskTest, ARejectedOrderComesBackOnlyAfterTheConditionWasOver) {
  open();
  const auto first = see(0.6);
  ASSERT_TRUE(first);
  end(first->id, OrderState::kRejected);
  clock.advance(30 * kDay);
  EXPECT_FALSE(see(0.7));
  EXPECT_FALSE(see(0.4));  // not over: clear is 0.3
  EXPECT_FALSE(see(0.7));
  EXPECT_FALSE(see(0.2));
  EXPECT_TRUE(see(0.6));
}

TEST_F(DeskTest, AfterAnOrderIsDoneTheNextWaitsForTheCoolDown) {
  open();
  const auto first = see(0.6);
  ASSERT_TRUE(first);
  end(first->id, OrderState::kDone);
  EXPECT_EQ(told.events.front().type, "predictive");
  EXPECT_FALSE(see(0.2));
  EXPECT_FALSE(see(0.6));
  clock.advance(7 * kDay);
  EXPECT_FALSE(see(0.4));
  EXPECT_TRUE(see(0.6));
}

TEST_F(DeskTest, TheFirstRuleThatMatchesCounts) {
  Rule rule;
  rule.match = "**/pump-*/motor";
  rule.cause = "bearing *";
  rule.probability = {.raise = 0.9, .clear = 0.5};
  rule.action = "Replace the motor's bearings";
  rule.auto_approve = true;
  options.rules = {rule};
  open();
  EXPECT_FALSE(see(0.6));
  const auto raised = see(0.95);
  ASSERT_TRUE(raised);
  EXPECT_EQ(raised->recommended_action, "Replace the motor's bearings");
  EXPECT_EQ(raised->state, OrderState::kApproved);
  EXPECT_EQ(desk->book().changes(raised->id)->back().note, "approved by rule");
  Condition other = condition(0.6);
  other.component = "seal";
  EXPECT_TRUE(see(other));
}

TEST_F(DeskTest, RemembersThroughARestart) {
  open();
  const auto first = see(0.6);
  ASSERT_TRUE(first);
  end(first->id, OrderState::kRejected);
  clock.advance(30 * kDay);
  desk.reset();
  open();
  EXPECT_FALSE(see(0.7));
  EXPECT_EQ(orders(), 1U);
}

TEST_F(DeskTest, APersonsOpenOrderStandsForTheRules) {
  open();
  WorkOrder order = testing::an_order();
  order.machine_path = "acme/lyon/pump-1";
  ASSERT_TRUE(desk->book().create(order));
  EXPECT_FALSE(see(0.9));
  EXPECT_EQ(orders(), 1U);
}

}  // namespace
}  // namespace millwright::maintenance
