// Sensors of a reading a second or less: their readings are their seconds, kept as long as those, and every answer is
// what it would be with rows.
#include "historian/inspect.hpp"
#include "historian/tests/sealing_fixture.hpp"

namespace millwright::historian {
namespace {

using core::kHour;
using core::kMillisecond;
using core::kMinute;
using core::kSecond;
using core::TimeNs;

class SlowTest : public SealingTest {
 protected:
  static constexpr Range kAll{INT64_MIN, INT64_MAX};

  InspectReport look() {
    auto report = inspect(disk_, "data/history", {.check = true, .by_series = true});
    EXPECT_TRUE(report) << report.error().message;
    for (const Finding& one : report->findings) ADD_FAILURE() << one.where << ": " << one.what;
    return *report;
  }
  SeriesContents contents(std::size_t machine) {
    const std::string path = model_.sensor(temperature(machine)).path;
    for (const auto& [name, contents] : look().by_series) {
      if (name.starts_with(path)) return contents;
    }
    return {};
  }
  static std::uint64_t rows(const SeriesContents& contents, Tier tier) { return contents.tiers[index_of(tier)].rows; }
  void seal() {
    tick_and_commit();
    tidy();
  }
  // Enough readings of a machine that nobody asks for that the segments before are closed, and sealed.
  void push_out() {
    for (int i = 0; i < 8; ++i) {
      core::BlockBatch one = batch(++sequence_);
      core::Block& block =
          one.add(temperature(3), core::ValueType::kFloat32, 1000, clock_.now(), kMillisecond, clock_.now());
      for (float& value : block.as<float>()) value = static_cast<float>(random_.uniform() * random_.uniform());
      send(0, std::move(one));
      tick_and_commit();
    }
    tidy();
  }
  std::uint64_t count(std::size_t machine, Range range, core::DurationNs width) {
    const auto answer = history_->aggregates(temperature(machine), range, width, 10'000'000, nullptr);
    EXPECT_TRUE(answer);
    std::uint64_t sum = 0;
    for (const Aggregate& one : *answer) sum += one.count + one.bad_count;
    return sum;
  }
};

TEST_F(SlowTest, HasNoRowsOfSeconds) {
  open();
  send_readings(0, stretch(kStart, 3000, kSecond));
  send_readings(1, stretch(kStart, 3000, 100 * kMillisecond));
  send_readings(2, stretch(kStart, 300, kMinute));
  push_out();
  for (const std::size_t machine : {0, 2}) {
    const SeriesContents slow = contents(machine);
    EXPECT_EQ(rows(slow, Tier::kSlow), expected(machine, kAll).size());
    EXPECT_EQ(rows(slow, Tier::kRaw), 0U);
    EXPECT_EQ(rows(slow, Tier::kSecond), 0U);
    EXPECT_GT(rows(slow, Tier::kMinute), 0U);
  }
  const SeriesContents quick = contents(1);
  EXPECT_EQ(rows(quick, Tier::kSlow), 0U);
  EXPECT_EQ(rows(quick, Tier::kSecond), 300U);
  EXPECT_EQ(look().readings(), 3000U + 3000 + 300 + 8000);
}

// Slow, quick, late, twice, backwards, and sealed in the middle of seconds.
TEST_F(SlowTest, IsAnsweredLikeAnyOther) {
  open();
  TimeNs now = kStart + 12'345'678;
  for (int step = 0; step < 120; ++step) {
    const bool quick = (step / 15) % 3 == 2;
    auto block = quick ? stretch(now, 450, 100 * kMillisecond) : stretch(now, 50, 900 * kMillisecond);
    const auto kind = random_.below(6);
    if (kind == 0) {  // late by up to three hours, slow or quick
      const TimeNs late =
          kStart + static_cast<TimeNs>(random_.below(static_cast<std::uint64_t>(now - kStart + kSecond)));
      send_readings(0, random_.below(2) == 0 ? stretch(late, 60, kSecond) : stretch(late, 200, 70 * kMillisecond));
    }
    if (kind == 1) send_again(0, 100);
    if (kind == 2) std::reverse(block.begin(), block.end());
    send_readings(0, block);
    send_readings(1, stretch(now, 45, kSecond));
    now += 45 * kSecond;
    clock_.advance(45 * kSecond);
    tick_and_commit();
    if (step % 3 == 1) push_out();
    if (step == 70) restart_after_power_cut();
    if (step % 40 == 20) check_all("while it grows");
  }
  check_all("at the end");
  push_out();
  check_all("all sealed");
  const SeriesContents mixed = contents(0);
  EXPECT_GT(rows(mixed, Tier::kSlow), 1000U);
  EXPECT_GT(rows(mixed, Tier::kRaw), 1000U);
  EXPECT_GT(rows(mixed, Tier::kSecond), 100U);
  EXPECT_EQ(rows(contents(1), Tier::kSecond), 0U);
}

// As folders of earlier versions are: slow sensors with rows of seconds. A reading whose time is not believed has the
// same done here.
TEST_F(SlowTest, GoesOnAfterRowsOfSeconds) {
  open();
  TimeNs now = kStart + 500 * kMillisecond;
  for (int step = 0; step < 20; ++step) {
    auto block = stretch(now, 50, 900 * kMillisecond);
    if (step < 10) block.back().quality = core::kBadInvalidTimestamp;
    send_readings(0, block);
    now += 45 * kSecond;
    push_out();
    if (step == 9) {
      EXPECT_EQ(rows(contents(0), Tier::kSlow), 0U);
    }
  }
  EXPECT_GT(rows(contents(0), Tier::kSlow), 400U);
  EXPECT_GT(rows(contents(0), Tier::kSecond), 300U);
  check(0, kAll, kSecond, "in order");
  // Late ones, for seconds of the one kind and of the other.
  for (int step = 0; step < 20; step += 3) {
    send_readings(0, stretch(kStart + step * 45 * kSecond + 7 * kMillisecond, 40, kSecond));
  }
  tick_and_commit();
  for (const core::DurationNs width : {kSecond, 10 * kSecond, kMinute, kHour})
    check(0, kAll, width, "late, in journal");
  push_out();
  for (const core::DurationNs width : {kSecond, 10 * kSecond, kMinute, kHour}) check(0, kAll, width, "late");
  check(0, kAll, 0, "all");
}

TEST_F(SlowTest, IsKeptAsLongAsSeconds) {
  options_.retention = {.raw = 10 * kHour, .seconds = 40 * kHour};
  open();
  for (int hour = 0; hour < 50; ++hour) {
    const TimeNs from = kStart + hour * kHour;
    send_readings(0, stretch(from, 600, 6 * kSecond));
    send_readings(1, stretch(from, 600, 100 * kMillisecond));
    clock_.advance(kHour);
    push_out();
    if (hour != 24) continue;
    // Raw ones of the quick sensor are gone; what is asked by the second is all there, of both.
    EXPECT_LT(raw(temperature(1)).size(), 600U * 15);
    for (const std::size_t machine : {0, 1}) check(machine, kAll, kSecond, "after ten hours");
    check(0, kAll, 0, "readings are kept as long as seconds");
  }
  const auto kept = raw(temperature(0));
  EXPECT_LT(kept.size(), 600U * 45);
  EXPECT_GT(kept.size(), 600U * 38);
  check(0, {kept.front().time, INT64_MAX}, kSecond, "what is kept");
  check(0, kAll, kMinute, "minutes are kept for ever");
  check(1, kAll, kMinute, "minutes are kept for ever");
}

TEST_F(SlowTest, IsKeptAsLongAsReadingsWhereTheseAreKeptLonger) {
  options_.retention = {.raw = 0, .seconds = kHour};
  open();
  for (int hour = 0; hour < 10; ++hour) {
    send_readings(0, stretch(kStart + hour * kHour, 600, 6 * kSecond));
    clock_.advance(kHour);
    push_out();
  }
  check(0, kAll, 0, "for ever");
  check(0, kAll, kSecond, "for ever");
}

// Late, when the readings of a quick second are gone: what is known is added up.
TEST_F(SlowTest, AddsToSecondsWhoseReadingsAreGone) {
  options_.retention = {.raw = 2 * kHour, .seconds = 0};
  open();
  send_readings(0, stretch(kStart, 1000, 10 * kMillisecond));
  push_out();
  clock_.advance(5 * kHour);
  push_out();
  EXPECT_TRUE(raw(temperature(0), {kStart, kStart + kMinute}).empty());
  send_readings(0, {reading(kStart + 5, 7), reading(kStart + 5 * kSecond + 5, 8)});
  tick_and_commit();
  for (const core::DurationNs width : {kSecond, kMinute, kHour}) EXPECT_EQ(count(0, kAll, width), 1002U) << width;
  push_out();
  for (const core::DurationNs width : {kSecond, kMinute, kHour}) EXPECT_EQ(count(0, kAll, width), 1002U) << width;
  send_readings(0, {reading(kStart + 6, 9)});
  push_out();
  for (const core::DurationNs width : {kSecond, kMinute, kHour}) EXPECT_EQ(count(0, kAll, width), 1003U) << width;
}

TEST_F(SlowTest, OfTheQuotaTheOldestGoes) {
  options_.disk_quota_bytes = 120 * 1024;
  open();
  const auto hours = [&](int from, int to, core::DurationNs period) {
    for (int hour = from; hour < to; ++hour) {
      for (std::size_t machine = 0; machine < 3; ++machine) {
        send_readings(machine, stretch(kStart + hour * kHour, 1000, period));
      }
      clock_.advance(kHour);
      seal();
    }
  };
  hours(0, 60, 3 * kSecond);
  EXPECT_LE(history_->stats().disk_bytes, 120U * 1024);
  const auto kept = raw(temperature(0));
  ASSERT_GE(kept.size(), 3000U);
  EXPECT_GT(kept.front().time, kStart + 5 * kHour) << "the oldest went";
  check(0, {kept.front().time, INT64_MAX}, 0, "the newest is there, without a hole");
  check(0, {kept.front().time, INT64_MAX}, kSecond, "the newest is there, without a hole");
  // Of quick sensors the readings go first, though they be newer.
  options_.disk_quota_bytes = 300 * 1024;
  restart_after_kill();
  hours(60, 100, 10 * kMillisecond);
  EXPECT_LE(history_->stats().disk_bytes, 300U * 1024);
  EXPECT_EQ(raw(temperature(0)).front().time, kept.front().time);
}

}  // namespace
}  // namespace millwright::historian
