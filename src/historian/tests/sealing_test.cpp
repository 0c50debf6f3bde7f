// What is asked of history is answered alike, wherever the readings lie: journal, column files, merged files; and
// however they came: in order, late, twice.
#include <algorithm>

#include "historian/tests/sealing_fixture.hpp"

namespace millwright::historian {
namespace {

using core::kHour;
using core::kMillisecond;
using core::kMinute;
using core::kSecond;
using core::TimeNs;

TEST_F(SealingTest, AnswersAreAlikeWhereverReadingsLie) {
  open();
  TimeNs now = kStart + 12'345'678;
  for (int step = 0; step < 60; ++step) {
    for (std::size_t machine = 0; machine < 2; ++machine) send_readings(machine, stretch(now, 800, 200 * kMillisecond));
    now += 160 * kSecond;
    tick_and_commit();
    if (step % 3 == 2) tidy();
    if (step % 20 == 10) check_all("while it grows");
  }
  EXPECT_LT(history_->stats().unsealed_bytes, 64U * 1024);
  check_all("at the end");
  restart_after_power_cut();
  check_all("after a power cut");
}

TEST_F(SealingTest, LateAndRepeatedReadingsChangeNothingButWhatTheyAre) {
  open();
  TimeNs now = kStart;
  for (int step = 0; step < 60; ++step) {
    auto block = stretch(now, 500, 200 * kMillisecond);
    const auto kind = random_.below(5);
    if (kind == 0) {  // late by up to three hours
      const TimeNs late =
          kStart + static_cast<TimeNs>(random_.below(static_cast<std::uint64_t>(now - kStart + kSecond)));
      send_readings(0, stretch(late, 300, 70 * kMillisecond));
    }
    if (kind == 1) send_again(0, 400);
    if (kind == 2) std::reverse(block.begin(), block.end());
    send_readings(0, block);
    send_readings(1, stretch(now, 100, kSecond));
    now += 100 * kSecond;
    tick_and_commit();
    if (step % 2 == 1) tidy();
    if (step % 20 == 10) check_all("while it grows");
  }
  check_all("at the end");
  restart_after_kill();
  ASSERT_TRUE(history_->tidy());
  check_all("after a kill");
}

TEST_F(SealingTest, PagesAreWholeThoughReadingsCameTwice) {
  open();
  const auto first = stretch(kStart, 1000, 100 * kMillisecond);
  for (const auto& readings : {first, first, stretch(kStart + 1000 * kSecond, 1000, 100 * kMillisecond)}) {
    send_readings(0, readings);
    tick_and_commit();
    for (int i = 0; i < 3; ++i) {  // so that its segment is closed
      send_readings(1, stretch(clock_.now(), 1000, kMillisecond));
      tick_and_commit();
    }
    tidy();
  }
  for (const std::size_t page : {700, 1000, 1001, 1500, 1999, 2000}) {
    std::vector<Reading> all;
    std::optional<TimeNs> next = INT64_MIN;
    while (next) {
      const auto part = raw(temperature(0), {*next, INT64_MAX}, page, &next);
      ASSERT_LE(part.size(), page);
      all.insert(all.end(), part.begin(), part.end());
    }
    EXPECT_EQ(times(all), times(expected(0, {INT64_MIN, INT64_MAX}))) << page;
  }
}

TEST_F(SealingTest, ACrashAtAnyStepOfSealingLosesNothing) {
  open();
  TimeNs now = kStart;
  for (int step = 0; step < 150; ++step) {
    send_readings(0, stretch(now, 900, 100 * kMillisecond));
    now += 90 * kSecond;
    tick_and_commit();
    // The disk fails somewhere on the way: sealing gives up, and goes on after the restart.
    disk_.fail_syncs(random_.below(2) == 0 ? 1 : 0);
    disk_.set_capacity(random_.below(3) == 0 ? disk_.used_bytes() + random_.below(40'000) : UINT64_MAX);
    static_cast<void>(history_->tidy());
    disk_.fail_syncs(0);
    disk_.set_capacity(UINT64_MAX);
    random_.below(2) == 0 ? restart_after_kill() : restart_after_power_cut();
    if (step % 30 == 29) check_all("after crashes");
  }
  ASSERT_TRUE(history_->tidy());
  check_all("at the end");
}

TEST_F(SealingTest, SealedSegmentsLeaveTheJournal) {
  open();
  for (int i = 0; i < 50; ++i) {
    send_readings(0, stretch(kStart + i * 100 * kSecond, 1000, 100 * kMillisecond));
    tick_and_commit();
  }
  const auto before = history_->stats();
  ASSERT_TRUE(history_->tidy());
  const auto after = history_->stats();
  EXPECT_GT(before.unsealed_bytes, 100U * 1024);
  EXPECT_LT(after.unsealed_bytes, 40U * 1024) << "the newest segment stays";
}

TEST_F(SealingTest, TheLastReadingBefore) {
  open();
  send_readings(
      0, {reading(kStart, 1), reading(kStart + kSecond, 2), reading(kStart + 2 * kSecond, 3, core::kBadSensorFailure)});
  tick_and_commit();
  const auto at = [&](TimeNs time) { return history_->before(temperature(0), time).value(); };
  EXPECT_FALSE(at(kStart));
  EXPECT_EQ(at(kStart + 1)->time, kStart);
  EXPECT_EQ(value_of(*at(kStart + 500 * kHour)), 2) << "bad readings do not count";
}

TEST_F(SealingTest, SensorsOfARuleAreKeptByIt) {
  options_.retention.raw = kHour;
  options_.rules = {{.match = "**/pump-1/temperature", .keep = {.raw = 100 * kHour}}};
  open();
  for (int i = 0; i < 40; ++i) {
    const TimeNs from = kStart + i * 1000 * kSecond;
    for (std::size_t machine = 0; machine < 2; ++machine) {
      send_readings(machine, stretch(from, 4000, 250 * kMillisecond));
    }
    tick_and_commit();
    clock_.advance(1000 * kSecond);
    ASSERT_TRUE(history_->tidy());
  }
  EXPECT_LT(raw(temperature(0)).size(), 48'000U);
  EXPECT_EQ(raw(temperature(1)).size(), expected(1, {INT64_MIN, INT64_MAX}).size());
  check(0, {INT64_MIN, INT64_MAX}, kMinute, "roll-ups outlive the readings they are made of");
}

}  // namespace
}  // namespace millwright::historian
