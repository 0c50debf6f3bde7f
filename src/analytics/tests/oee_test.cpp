#include "analytics/oee.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millwright::analytics {
namespace {

constexpr core::DurationNs kMin = core::kMinute;

// Eight hours as any book on the subject has them: half an hour's breaks, 47 min down, 1 s a piece, 19,271 pieces.
OeeInput book() {
  OeeInput input;
  std::vector<Span> spans;
  append(spans, {{0, 100 * kMin}, Activity::kRunning});
  append(spans, {{100 * kMin, 147 * kMin}, Activity::kDown});
  append(spans, {{147 * kMin, 480 * kMin}, Activity::kRunning});
  input.events = events_of("press", stops_of(spans), {});
  input.small_stop = 5 * kMin;
  input.segments = segments_of(spans, input.events, input.small_stop);
  input.scheduled = difference({{0, 480 * kMin}}, {{200 * kMin, 230 * kMin}, {300 * kMin, 330 * kMin}});
  input.counts = {{400 * kMin, 18848, 423, core::kSecond}};
  input.counted = true;
  return input;
}

TEST(Oee, TheBookExample) {
  const Totals totals = OeeTimeline(book()).totals({0, 480 * kMin});
  EXPECT_EQ(totals.planned, 420 * kMin);
  EXPECT_EQ(totals.production, 373 * kMin);
  EXPECT_EQ(totals.failures, 1);
  const Figures figures = figures_of(totals);
  EXPECT_NEAR(*figures.availability, 373.0 / 420, 1e-12);
  EXPECT_NEAR(*figures.performance, 19271.0 / (373 * 60), 1e-12);
  EXPECT_NEAR(*figures.quality, 18848.0 / 19271, 1e-12);
  EXPECT_NEAR(*figures.oee, 18848.0 / (420 * 60), 1e-12);
  EXPECT_NEAR(*figures.teep, 18848.0 / (480 * 60), 1e-12);
  EXPECT_DOUBLE_EQ(*figures.mttr_s, 47 * 60.0);
  EXPECT_DOUBLE_EQ(*figures.mtbf_s, 420 * 60.0);
}

TEST(Oee, WindowsSumToTheWholeAndLossesToPlannedTime) {
  const OeeTimeline timeline(book());
  Totals sum;
  for (int i = 0; i < 48; ++i) sum += timeline.totals({i * 10 * kMin, (i + 1) * 10 * kMin});
  const Totals whole = timeline.totals({0, 480 * kMin});
  EXPECT_EQ(sum, whole);
  EXPECT_EQ(whole.planned,
            whole.breakdown + whole.waiting + whole.setup + whole.small_stop + whole.reduced_speed() + whole.ideal());
}

TEST(Oee, NothingIsKnownOrMade) {
  OeeInput input{.scheduled = {{0, 60 * kMin}}, .counted = true};
  Totals totals = OeeTimeline(input).totals({0, 60 * kMin});
  EXPECT_EQ(totals.unknown, 60 * kMin);
  EXPECT_FALSE(figures_of(totals).oee);
  input.segments = {{{0, 60 * kMin}, Label::kBreakdown}};
  totals = OeeTimeline(input).totals({0, 60 * kMin});
  EXPECT_EQ(*figures_of(totals).oee, 0);
}

class Edits : public testing::Test {
 protected:
  // Idle from 10 to 40, down from 50 to 52; else running.
  std::vector<Stop> stops_{{{10 * kMin, 40 * kMin}, Activity::kIdle}, {{50 * kMin, 52 * kMin}, Activity::kDown}};
};

TEST_F(Edits, AReasonChangesWhatAnEventCountsAs) {
  const Edit edit{.id = "e", .time = {10 * kMin, 40 * kMin}, .counts_as = Activity::kPlannedStop};
  const auto events = events_of("m", stops_, {edit});
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(label_of(events[0], Activity::kIdle, 5 * kMin), Label::kPlannedStop);
  EXPECT_EQ(label_of(events[1], Activity::kDown, 5 * kMin), Label::kSmallStop);
  EXPECT_EQ(label_of(events[1], Activity::kDown, kMin), Label::kBreakdown);
}

TEST_F(Edits, ASplitLeavesTheRestAsItWas) {
  const Edit first{.id = "a", .time = {10 * kMin, 25 * kMin}, .end_set = true, .counts_as = Activity::kSetup};
  const Edit second{.id = "b", .time = {25 * kMin, 40 * kMin}, .start_set = true};
  auto events = events_of("m", stops_, {first, second});
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].counts_as, Activity::kSetup);
  EXPECT_EQ(events[1].counts_as, Activity::kIdle);
  // Late readings: it began earlier, and ran for a while. Set bounds stay, the others follow.
  const std::vector<Stop> late{{{5 * kMin, 30 * kMin}, Activity::kIdle}, {{33 * kMin, 45 * kMin}, Activity::kIdle}};
  events = events_of("m", late, {first, second});
  EXPECT_EQ(events[0].time, (Interval{5 * kMin, 25 * kMin}));
  EXPECT_EQ(events[1].time.from, 25 * kMin);
  EXPECT_EQ(events[1].time.to, 45 * kMin);
  EXPECT_EQ(events[1].stopped, 17 * kMin);  // the time it ran between is none of it
}

TEST_F(Edits, LateReadingsThatLeaveNoStopKeepTheEdit) {
  const Edit edit{.id = "e", .time = {10 * kMin, 40 * kMin}, .counts_as = Activity::kDown};
  const auto events = events_of("m", {}, {edit});
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].id, "e");
  EXPECT_EQ(events[0].stopped, 0);
}

TEST_F(Edits, WhatLastsFollowsTheStop) {
  const Edit edit{.id = "e", .time = {10 * kMin, kOpen}, .counts_as = Activity::kDown};
  const auto events = events_of("m", stops_, {edit});
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].time, (Interval{10 * kMin, 40 * kMin}));
}

}  // namespace
}  // namespace millwright::analytics
