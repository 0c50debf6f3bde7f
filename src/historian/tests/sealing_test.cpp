// What is asked of history is answered alike, wherever the readings lie: journal, column files, merged files; and
// however they came: in order, late, twice.
#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "historian/reading_order.hpp"
#include "historian/tests/historian_fixture.hpp"

namespace millwright::historian {
namespace {

using core::kHour;
using core::kMillisecond;
using core::kMinute;
using core::kSecond;
using core::TimeNs;
using core::ValueType;

class SealingTest : public HistorianTest {
 protected:
  SealingTest() {
    options_.journal.segment_bytes = 8 * 1024;
    options_.disk_quota_bytes = 0;
    options_.retention.raw = 0;
  }

  // Sends readings of one sensor and remembers them, as a block each.
  void send_readings(std::size_t machine, const std::vector<Reading>& readings) {
    core::BlockBatch one = batch(++sequence_);
    core::Block& block = one.add(temperature(machine), ValueType::kFloat32, static_cast<std::uint32_t>(readings.size()),
                                 0, 0, clock_.now());
    auto* times = one.allocate_array<TimeNs>(readings.size());
    std::vector<core::QualityRun> runs;
    for (std::size_t i = 0; i < readings.size(); ++i) {
      times[i] = readings[i].time;
      const auto bits = static_cast<std::uint32_t>(readings[i].bits);
      std::memcpy(block.values + i * 4, &bits, 4);
      runs.push_back({1, readings[i].quality});
    }
    block.start = times[0];
    block.times = times;
    one.set_runs(block, runs);
    send(0, std::move(one));
    auto& known = sent_[machine];
    known.insert(known.end(), readings.begin(), readings.end());
  }

  static Reading reading(TimeNs time, float value, core::Quality quality = core::kGood) {
    Reading one{.time = time, .bits = 0, .quality = quality};
    std::memcpy(&one.bits, &value, sizeof(value));
    return one;
  }
  static double value_of(const Reading& one) {
    float value = 0;
    std::memcpy(&value, &one.bits, sizeof(value));
    return static_cast<double>(value);
  }

  // A stretch of readings as a sensor makes them: mostly regular and good, now and then not.
  std::vector<Reading> stretch(TimeNs from, std::size_t n, core::DurationNs period) {
    std::vector<Reading> made;
    const bool jitter = random_.below(4) == 0;
    for (std::size_t i = 0; i < n; ++i) {
      const TimeNs time = from + static_cast<TimeNs>(i) * period +
                          (jitter ? static_cast<TimeNs>(random_.below(static_cast<std::uint64_t>(period / 2))) : 0);
      auto value = static_cast<float>(std::round(random_.uniform() * 10'000) / 100);
      core::Quality quality = core::kGood;
      if (random_.below(50) == 0) quality = core::kUncertain;
      if (random_.below(60) == 0) quality = core::kBadSensorFailure;
      if (random_.below(200) == 0) value = std::numeric_limits<float>::quiet_NaN();
      made.push_back(reading(time, value, quality));
    }
    return made;
  }

  std::vector<Reading> expected(std::size_t machine, Range range) {
    std::vector<Reading> all;
    for (const Reading& one : sent_[machine]) {
      if (one.time >= range.from && one.time < range.to) all.push_back(one);
    }
    sort_and_thin(all);
    return all;
  }

  // The plain way: one reading after the other.
  std::vector<Aggregate> expected_aggregates(std::size_t machine, Range range, core::DurationNs width) {
    std::vector<Aggregate> all;
    double held_value = 0;
    for (const Reading& one : expected(machine, range)) {
      const TimeNs start = core::floor_to(one.time, width);
      if (all.empty() || all.back().start != start) all.push_back({.start = start});
      Aggregate& a = all.back();
      const double value = value_of(one);
      if (one.quality.is_bad() || std::isnan(value)) {
        ++a.bad_count;
        continue;
      }
      if (a.count == 0) {
        a.min = a.max = a.first = value;
        a.first_time = one.time;
      } else {
        a.held += held_value * static_cast<double>(one.time - a.last_time) * 1e-9;
      }
      const double before = a.count == 0 ? 0 : a.mean();
      ++a.count;
      a.sum += value;
      if (a.count > 1) a.squares += (value - before) * (value - a.mean());
      a.min = std::min(a.min, value);
      a.max = std::max(a.max, value);
      a.last = held_value = value;
      a.last_time = one.time;
    }
    return all;
  }

  void check(std::size_t machine, Range range, core::DurationNs width, const char* when) {
    SCOPED_TRACE(fmt::format("{}: machine {}, {} to {}, width {}", when, machine, range.from, range.to, width));
    if (width == 0) {
      const auto want = expected(machine, range);
      const auto got = raw(temperature(machine), range);
      ASSERT_EQ(got.size(), want.size());
      for (std::size_t i = 0; i < got.size(); ++i) {
        ASSERT_EQ(got[i].time, want[i].time) << i;
        ASSERT_EQ(got[i].bits, want[i].bits) << i;
        ASSERT_EQ(got[i].quality.code, want[i].quality.code) << i;
      }
      return;
    }
    const auto want = expected_aggregates(machine, range, width);
    std::vector<Aggregate> got;
    Range rest = range;
    for (std::optional<TimeNs> next = range.from; next; rest.from = next.value_or(0)) {
      const std::size_t page = 1 + random_.below(1000);
      auto part = history_->aggregates(temperature(machine), rest, width, page, &next);
      ASSERT_TRUE(part) << part.error().message;
      got.insert(got.end(), part->begin(), part->end());
      ASSERT_TRUE(!next || part->size() == page);
    }
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t i = 0; i < got.size(); ++i) compare(got[i], want[i]);
  }

  static void compare(const Aggregate& got, const Aggregate& want) {
    ASSERT_EQ(got.start, want.start);
    ASSERT_EQ(got.count, want.count);
    ASSERT_EQ(got.bad_count, want.bad_count);
    if (want.count == 0) return;
    ASSERT_EQ(got.min, want.min);
    ASSERT_EQ(got.max, want.max);
    ASSERT_EQ(got.first, want.first);
    ASSERT_EQ(got.last, want.last);
    ASSERT_EQ(got.first_time, want.first_time);
    ASSERT_EQ(got.last_time, want.last_time);
    ASSERT_NEAR(got.sum, want.sum, std::abs(want.sum) * 1e-12);
    ASSERT_NEAR(got.squares, want.squares, 1e-9 * (1 + want.squares));
    ASSERT_NEAR(got.held, want.held, 1e-9 * (1 + std::abs(want.held)));
  }

  void check_all(const char* when) {
    for (std::size_t machine = 0; machine < 2; ++machine) {
      check(machine, {INT64_MIN, INT64_MAX}, 0, when);
      for (const core::DurationNs width :
           {kSecond, kMinute, kHour, 5 * kMinute, 24 * kHour, 90 * kSecond, 250 * kMillisecond}) {
        check(machine, {INT64_MIN, INT64_MAX}, width, when);
        const TimeNs from = kStart + static_cast<TimeNs>(random_.below(3 * kHour));
        check(machine, {from, from + static_cast<TimeNs>(random_.below(2 * kHour))}, width, when);
      }
      const TimeNs from = kStart + static_cast<TimeNs>(random_.below(3 * kHour));
      check(machine, {from, from + static_cast<TimeNs>(random_.below(kHour))}, 0, when);
    }
  }

  void tidy() { ASSERT_TRUE(history_->tidy()); }

  io::Random random_{20261121};
  std::uint64_t sequence_ = 0;
  std::map<std::size_t, std::vector<Reading>> sent_;
};

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
    if (kind == 1 && !sent_[0].empty()) {  // once more
      const std::size_t from = random_.below(sent_[0].size());
      const std::size_t n = std::min<std::size_t>(sent_[0].size() - from, 400);
      send_readings(0, std::vector<Reading>(sent_[0].begin() + static_cast<std::ptrdiff_t>(from),
                                            sent_[0].begin() + static_cast<std::ptrdiff_t>(from + n)));
    }
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
    for (std::size_t machine = 0; machine < 2; ++machine) send_readings(machine, stretch(from, 1000, kSecond));
    tick_and_commit();
    clock_.advance(1000 * kSecond);
    ASSERT_TRUE(history_->tidy());
  }
  EXPECT_LT(raw(temperature(0)).size(), 12'000U);
  EXPECT_EQ(raw(temperature(1)).size(), expected(1, {INT64_MIN, INT64_MAX}).size());
  check(0, {INT64_MIN, INT64_MAX}, kMinute, "roll-ups outlive the readings they are made of");
}

}  // namespace
}  // namespace millwright::historian
