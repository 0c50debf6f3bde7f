#include "twin/health.hpp"

#include <cmath>

#include <gmock/gmock.h>

#include "twin/envelope.hpp"
#include "twin/life.hpp"

namespace millwright::twin {
namespace {

using alarms::Priority;
using core::kHour;
using core::kMinute;

TEST(Health, EveryReasonTakesAShareOfWhatIsLeft) {
  const Health health = judge({{.kind = Evidence::kEnvelope, .cost = 0.1, .sensor = "motor/speed"},
                               {.kind = Evidence::kAlarm, .cost = 0.3, .sensor = "motor/temperature"},
                               {.kind = Evidence::kAlarm, .cost = 0.2, .sensor = "motor/temperature"},
                               {.kind = Evidence::kAlarm, .cost = 0}},
                              0.5);
  EXPECT_DOUBLE_EQ(health.value, 100 * 0.7 * 0.9);  // of two alarms of a sensor the worse one counts
  ASSERT_EQ(health.reasons.size(), 2u);
  EXPECT_EQ(health.reasons[0].cost, 0.3);
  EXPECT_EQ(health.confidence, 0.5);
  EXPECT_EQ(judge({}, 1).value, 100);
}

TEST(Health, AlarmsCountByPriorityAndFade) {
  EXPECT_LT(alarm_cost(Priority::kLow, 0, kHour), alarm_cost(Priority::kMedium, 0, kHour));
  EXPECT_LT(alarm_cost(Priority::kHigh, 0, kHour), alarm_cost(Priority::kCritical, 0, kHour));
  EXPECT_DOUBLE_EQ(alarm_cost(Priority::kHigh, kHour, kHour), alarm_cost(Priority::kHigh, 0, kHour) / 2);
  EXPECT_EQ(alarm_cost(Priority::kCritical, 8 * kHour, kHour), 0);
}

TEST(Health, CostsOfTheOtherEvidence) {
  EXPECT_EQ(envelope_cost(0), 0);
  EXPECT_DOUBLE_EQ(envelope_cost(0.5), 0.3);
  EXPECT_DOUBLE_EQ(envelope_cost(9), 0.5);
  EXPECT_EQ(zone_cost(1), 0);
  EXPECT_LT(zone_cost(2), zone_cost(3));
  EXPECT_EQ(zone_cost(7), 0);
  EXPECT_EQ(model_cost(1), 0);
  EXPECT_EQ(model_cost(std::nan("")), 0);
  EXPECT_DOUBLE_EQ(model_cost(2.5), 0.25);
  EXPECT_DOUBLE_EQ(life_cost(0.5), 0.35);
}

TEST(Health, TheWorstPartShowsAtTheTop) {
  EXPECT_EQ(roll_up({}), 100);
  EXPECT_DOUBLE_EQ(roll_up(std::vector{40.0}), 40);
  EXPECT_DOUBLE_EQ(roll_up(std::vector{100.0, 100.0, 0.0, 100.0}), 15);
}

TEST(Envelope, TheLastRuleThatMatchesCounts) {
  asset::Sensor sensor;
  sensor.path = "a/b/c/d/e/pump-1/motor/temperature";
  sensor.range = asset::Range{0, 200};
  EXPECT_EQ(envelope_of(sensor, {}).in("running")->high, 200);
  const std::vector<EnvelopeRule> rules{{.match = "**", .normal = asset::Range{10, 80}, .states = {}},
                                        {.match = "**/motor/*", .normal = {}, .states = {{"idle", {10, 40}}}},
                                        {.match = "**/pump/*", .normal = asset::Range{1, 2}, .states = {}}};
  const Envelope envelope = envelope_of(sensor, rules);
  EXPECT_EQ(envelope.in("running")->high, 80);
  EXPECT_EQ(envelope.in("Idle")->high, 40);
  EXPECT_DOUBLE_EQ(outside(*envelope.in("idle"), 55), 0.5);
  EXPECT_DOUBLE_EQ(outside(*envelope.in("idle"), 7), 0.1);
  EXPECT_EQ(outside(*envelope.in("idle"), 40), 0);
  EXPECT_EQ(outside(*envelope.in("idle"), std::nan("")), 0);
}

// Health that falls by `per_hour` from 100, with a wobble.
HealthTrack falling(double per_hour, int minutes) {
  HealthTrack track;
  for (int i = 0; i <= minutes; ++i) {
    track.add(1'000 * kHour + i * kMinute, 100 - per_hour * i / 60 + 0.2 * std::sin(i));
  }
  return track;
}

TEST(Life, IsWhereHealthIsHeading) {
  const LifeRule rule;
  const HealthTrack track = falling(10, 120);
  EXPECT_EQ(track.minutes().size(), 120u);
  const Life life = life_of(track, rule);
  ASSERT_EQ(life.method, Method::kTrend);
  EXPECT_NEAR(life.days, 6.0 / 24, 0.02);  // at 80 now, 60 to go
  EXPECT_LT(life.low, life.days);
  EXPECT_GT(life.high, life.days);
  EXPECT_GT(life.confidence, 0.95);
  EXPECT_NEAR(failure_probability(life, 80, rule, life.days), 0.5, 1e-6);
  EXPECT_NEAR(failure_probability(life, 80, rule, life.low), 0.05, 1e-4);
  EXPECT_GT(failure_probability(life, 80, rule, 30), 0.99);
}

TEST(Life, AnEndedFallIsNoTrend) {
  HealthTrack track = falling(10, 60);
  for (int i = 61; i <= 120; ++i) track.add(1'000 * kHour + i * kMinute, 90 + 0.2 * std::sin(i));
  EXPECT_EQ(life_of(track, {}).method, Method::kHealth);
  EXPECT_EQ(life_of(falling(0, 120), {}).method, Method::kHealth);
  EXPECT_EQ(life_of(HealthTrack(), {}).method, Method::kHealth);
}

TEST(Life, WithoutATrendTheRateOfFailuresFollowsHealth) {
  const LifeRule rule{.mean_days = 1000, .threshold_health = 20};
  EXPECT_NEAR(failure_probability({}, 100, rule, 30), 1 - std::exp(-0.03), 1e-12);
  EXPECT_NEAR(failure_probability({}, 50, rule, 30), 1 - std::exp(-0.3), 1e-12);
  EXPECT_LT(failure_probability({}, 50, rule, 30), failure_probability({}, 50, rule, 60));
}

TEST(Life, OfAModelMeetsItsInterval) {
  const Life life{.method = Method::kModel, .days = 50, .low = 30, .high = 110};
  EXPECT_NEAR(failure_probability(life, 100, {}, 30), 0.05, 1e-6);
  EXPECT_NEAR(failure_probability(life, 100, {}, 50), 0.5, 1e-6);
  EXPECT_NEAR(failure_probability(life, 100, {}, 110), 0.95, 1e-6);
  EXPECT_EQ(failure_probability({.method = Method::kModel, .days = 5, .low = 5, .high = 5}, 100, {}, 6), 1);
}

TEST(HealthTrack, KeepsHoursAndForgets) {
  HealthTrack track;
  for (int i = 0; i < 800; ++i) track.add(i * kHour, 90);
  EXPECT_EQ(track.hours().size(), HealthTrack::kHours);
  EXPECT_EQ(track.hours().back().time, 798 * kHour);
  track.forget();
  EXPECT_TRUE(track.hours().empty());
}

}  // namespace
}  // namespace millwright::twin
