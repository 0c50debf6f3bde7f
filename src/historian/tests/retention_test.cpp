// What is deleted and when, and what happens when there is no room.
#include <chrono>
#include <thread>

#include "historian/tests/historian_fixture.hpp"

namespace millwright::historian {
namespace {

using core::kHour;
using core::kMillisecond;
using core::kSecond;
using core::TimeNs;
using core::ValueType;

class RetentionTest : public HistorianTest {
 protected:
  RetentionTest() {
    options_.journal.segment_bytes = 16 * 1024;
    options_.journal.reserve_bytes = 0;
    options_.retention.raw = 10 * kHour;
    options_.disk_quota_bytes = 0;
  }
  // Values that do not compress: about 1.2 KB each.
  core::BlockBatch noise(std::uint64_t sequence, std::shared_ptr<core::Receipt> receipt = {}) {
    core::BlockBatch one = batch(sequence, std::move(receipt));
    core::Block& block =
        one.add(temperature(0), ValueType::kFloat32, 300, data_time(sequence), kMillisecond, clock_.now());
    for (float& value : block.as<float>()) value = static_cast<float>(random_.uniform() * random_.uniform());
    return one;
  }
  // Of the first reading of noise(sequence): no two alike.
  static TimeNs data_time(std::uint64_t sequence) { return kStart + static_cast<TimeNs>(sequence) * kSecond; }
  void an_hour() {
    for (int i = 0; i < 20; ++i) send(0, noise(++sequence_));
    tick_and_commit();
    clock_.advance(kHour);
  }
  std::size_t hours_kept() const { return raw(temperature(0)).size() / 6000; }
  // Waits, however long a busy machine takes; the test fails by its own time-out else.
  template <typename Condition>
  static void wait_until(Condition condition) {
    while (!condition()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  io::Random random_{5};
  std::uint64_t sequence_ = 0;
};

TEST_F(RetentionTest, DeletesWholeSegmentsByAge) {
  open();
  for (int i = 0; i < 30; ++i) {
    an_hour();
    ASSERT_TRUE(history_->tidy());
    if (i < 9) {
      EXPECT_EQ(raw(temperature(0)).size(), 6000U * static_cast<std::size_t>(i + 1)) << "nothing is old yet";
    }
  }
  EXPECT_GE(hours_kept(), 9U);
  EXPECT_LE(hours_kept(), 12U);
  EXPECT_EQ(history_->stats().disk_bytes, static_cast<std::uint64_t>(metric("millwright_history_disk_bytes")));
}

TEST_F(RetentionTest, AWallClockThatJumpsCostsNothing) {
  open();
  for (int i = 0; i < 5; ++i) an_hour();
  clock_.set_wall(clock_.now() + 20'000 * kHour);
  ASSERT_TRUE(history_->tidy());
  an_hour();
  ASSERT_TRUE(history_->tidy());
  EXPECT_EQ(hours_kept(), 6U);
  // A start under a wrong clock costs no more than a part of the retention.
  clock_.set_wall(clock_.now() + 20'000 * kHour);
  restart_after_kill();
  ASSERT_TRUE(history_->tidy());
  EXPECT_EQ(hours_kept(), 6U);
  clock_.set_wall(kStart);
  for (int i = 0; i < 12; ++i) an_hour();
  ASSERT_TRUE(history_->tidy());
  EXPECT_LE(hours_kept(), 13U) << "and time goes on under any clock";
}

// The wall clock jumps by an hour, a year, to 1970 and past 2038, and back; what it says becomes the time of
// temperature(1)'s readings.
class ClockJump : public RetentionTest, public testing::WithParamInterface<TimeNs> {};

TEST_P(ClockJump, DeletesNothingAndKeepsTheOrder) {
  std::vector<TimeNs> sent;
  const auto hours = [&](int n) {
    for (int i = 0; i < n; ++i) {
      core::BlockBatch one = batch(++sequence_);
      add_block(one, temperature(1), 40, clock_.now(), kSecond);
      for (int k = 0; k < 40; ++k) sent.push_back(clock_.now() + k * kSecond);
      send(0, std::move(one));
      an_hour();
      ASSERT_TRUE(history_->tidy());
    }
  };
  open();
  hours(3);
  clock_.set_wall(GetParam());
  hours(2);
  restart_after_kill();
  hours(1);
  clock_.set_wall(kStart + 6 * kHour);
  restart_after_power_cut();
  hours(1);
  std::sort(sent.begin(), sent.end());
  sent.erase(std::unique(sent.begin(), sent.end()), sent.end());
  EXPECT_EQ(hours_kept(), 7U) << "nothing is ten hours old";
  auto kept = times(raw(temperature(1)));
  EXPECT_TRUE(std::is_sorted(kept.begin(), kept.end()));
  kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
  EXPECT_EQ(kept, sent);
  EXPECT_EQ(history_->before(temperature(1), sent.back() + 1).value()->time, sent.back());
  const auto days = history_->aggregates(temperature(1), {INT64_MIN, INT64_MAX}, 24 * kHour, 10'000, nullptr);
  ASSERT_TRUE(days);
  std::uint64_t count = 0;
  for (const Aggregate& day : *days) count += day.count;
  EXPECT_GE(count, sent.size());
  // Time goes on: the oldest goes in the end, under whatever clock.
  for (int i = 0; i < 14; ++i) an_hour();
  ASSERT_TRUE(history_->tidy());
  EXPECT_LE(hours_kept(), 14U);
}

constexpr core::DurationNs kYear = 365 * 24 * kHour;
constexpr TimeNs kNow = kStart + 3 * kHour;
constexpr TimeNs kEndOf32Bits = TimeNs{INT32_MAX} * kSecond;  // in January 2038
INSTANTIATE_TEST_SUITE_P(Clocks, ClockJump,
                         testing::Values(kNow + kHour, kNow - kHour, kNow + kYear, kNow - kYear, 0,
                                         kEndOf32Bits - kHour));

TEST_F(RetentionTest, AgeSurvivesARestart) {
  open();
  for (int i = 0; i < 8; ++i) {
    an_hour();
    restart_after_power_cut();
  }
  for (int i = 0; i < 8; ++i) an_hour();
  ASSERT_TRUE(history_->tidy());
  EXPECT_GE(hours_kept(), 8U);
  EXPECT_LE(hours_kept(), 12U);
}

TEST_F(RetentionTest, KeepsTheQuotaOverAllShards) {
  options_.retention.raw = 0;
  options_.disk_quota_bytes = 200 * 1024;
  open(2);
  for (int i = 0; i < 400; ++i) {
    send(0, noise(++sequence_));
    core::BlockBatch other = noise(++sequence_);
    other.blocks[0].sensor = temperature(1);
    send(1, std::move(other));
    clock_.advance(kSecond);
    tick_and_commit();
    if (i % 20 != 0) continue;
    ASSERT_TRUE(history_->tidy());
  }
  ASSERT_TRUE(history_->tidy());
  EXPECT_LE(history_->stats().disk_bytes, 200U * 1024);
  EXPECT_GT(history_->stats().disk_bytes, 150U * 1024);
  // The oldest went first, in both alike.
  const TimeNs first0 = raw(temperature(0)).front().time;
  const TimeNs first1 = raw(temperature(1)).front().time;
  EXPECT_GT(first0, kStart);
  EXPECT_LT(std::abs(first0 - first1), 60 * kSecond);
  EXPECT_EQ(raw(temperature(0)).back().time, data_time(sequence_ - 1) + 299 * kMillisecond);
}

TEST_F(RetentionTest, AFullDiskPushesBackUntilThereIsRoom) {
  options_.journal.buffer_bytes = 64 * 1024;
  open();
  an_hour();
  disk_.set_capacity(disk_.used_bytes());
  const auto last = std::make_shared<CountingReceipt>();
  std::atomic<bool> all_in{false};
  std::thread shard([&] {
    for (int i = 0; i < 200; ++i) {
      send(0, noise(++sequence_, i == 199 ? last : nullptr));
      recorders_[0]->on_tick(0);
    }
    all_in = true;
  });
  journal::GroupCommit commits(kMillisecond, *metrics_);
  history_->join(commits);
  commits.start();
  wait_until([&] { return history_->stats().disk_full; });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(all_in) << "the shard does not wait";
  EXPECT_EQ(last->settled, 0);
  disk_.set_capacity(UINT64_MAX);
  wait_until([&] { return last->settled == 1; });
  shard.join();
  commits.stop();
  EXPECT_FALSE(history_->stats().disk_full);
  EXPECT_EQ(metric("millwright_history_lost_readings_total"), 0);
  EXPECT_EQ(raw(temperature(0)).size(), 6000U + 200 * 300);
}

TEST_F(RetentionTest, AtShutdownAFullDiskHoldsNobody) {
  options_.journal.buffer_bytes = 64 * 1024;
  open();
  an_hour();
  disk_.set_capacity(disk_.used_bytes());
  const auto never = std::make_shared<CountingReceipt>();
  std::thread shard([&] {
    for (int i = 0; i < 200; ++i) {
      send(0, noise(++sequence_, never));
      recorders_[0]->on_tick(0);
    }
    recorders_[0]->on_stop();
  });
  journal::GroupCommit commits(kMillisecond, *metrics_);
  history_->join(commits);
  commits.start();
  wait_until([&] { return history_->stats().disk_full; });
  history_->stop_waiting();
  shard.join();
  commits.stop();
  EXPECT_EQ(never->settled, 0);
  EXPECT_GT(metric("millwright_history_lost_readings_total"), 0);
  EXPECT_EQ(raw(temperature(0)).size(), 6000U);
}

TEST_F(RetentionTest, AFullDiskMayDropTheOldest) {
  options_.journal.when_full = journal::FullPolicy::kDropOldest;
  open();
  disk_.set_capacity(disk_.used_bytes() + 100 * 1024);
  const auto last = std::make_shared<CountingReceipt>();
  for (int i = 0; i < 300; ++i) {
    clock_.advance(kSecond);
    send(0, noise(++sequence_, i == 299 ? last : nullptr));
    tick_and_commit();
  }
  EXPECT_EQ(last->settled, 1);
  const auto kept = raw(temperature(0));
  ASSERT_FALSE(kept.empty());
  EXPECT_GT(kept.front().time, kStart + kSecond);
  EXPECT_EQ(kept.back().time, data_time(sequence_) + 299 * kMillisecond);
  restart_after_power_cut();
  EXPECT_EQ(raw(temperature(0)).size(), kept.size());
}

TEST_F(RetentionTest, AFullDiskMayDropTheOldestThatIsSealed) {
  options_.journal.when_full = journal::FullPolicy::kDropOldest;
  options_.journal.segment_bytes = 8 * 1024;
  options_.retention.raw = 0;
  open();
  const std::uint64_t capacity = disk_.used_bytes() + 200 * 1024;
  disk_.set_capacity(capacity);
  const auto receipt = std::make_shared<CountingReceipt>();
  constexpr std::size_t kBatches = 600;
  for (std::size_t i = 0; i < kBatches; ++i) {
    clock_.advance(kSecond);
    send(0, noise(++sequence_, receipt));
    tick_and_commit();
    if (i % 4 == 0) {
      ASSERT_TRUE(history_->tidy());
    }
    ASSERT_FALSE(history_->stats().disk_full) << "batch " << i;
  }
  EXPECT_EQ(receipt->settled, kBatches);
  const auto kept = raw(temperature(0));
  ASSERT_GT(kept.size(), 50U * 300);
  EXPECT_GT(kept.front().time, data_time(100)) << "the oldest went";
  EXPECT_EQ(kept.back().time, data_time(sequence_) + 299 * kMillisecond);
  // What is kept has no hole: no newer reading went before an older one.
  const auto missing = static_cast<std::size_t>((kept.front().time - kStart) / kSecond) - 1;
  EXPECT_EQ(kept.size(), (kBatches - missing) * 300);
  // Roll-ups stay as long as there are readings to give up.
  const auto all = history_->aggregates(temperature(0), {kStart, kStart + 24 * kHour}, kHour, 10, nullptr);
  ASSERT_TRUE(all);
  std::uint64_t count = 0;
  for (const Aggregate& one : *all) count += one.count;
  EXPECT_EQ(count, kBatches * 300);

  // Others take ever more of the disk, until nothing is left to give up but the hours, which stay.
  for (int i = 0; i < 300; ++i) {
    disk_.set_capacity(disk_.used_bytes() + 7 * 1024);
    ASSERT_TRUE(history_->tidy());
  }
  EXPECT_LT(raw(temperature(0)).size(), 20U * 300);
  const core::TimeNs hour = Intervals(kHour).start_of(kStart);
  const auto hours = history_->aggregates(temperature(0), {hour, hour + 2 * kHour}, kHour, 10, nullptr);
  ASSERT_TRUE(hours);
  ASSERT_EQ(hours->size(), 1U);
  EXPECT_EQ(hours->front().count, kBatches * 300);
  disk_.set_capacity(capacity);
  restart_after_power_cut();
  send(0, noise(++sequence_));
  tick_and_commit();
  EXPECT_EQ(raw(temperature(0)).back().time, data_time(sequence_) + 299 * kMillisecond);
}

TEST_F(RetentionTest, AFullDiskThatPushesBackGivesUpNothing) {
  options_.journal.segment_bytes = 8 * 1024;
  options_.journal.when_full = journal::FullPolicy::kDropOldest;
  open();
  for (int i = 0; i < 5; ++i) {
    an_hour();
    ASSERT_TRUE(history_->tidy());
  }
  // One that pushes back gives up nothing, however full.
  close();
  options_.journal.when_full = journal::FullPolicy::kPushBack;
  open();
  disk_.set_capacity(disk_.used_bytes());
  static_cast<void>(history_->tidy());
  EXPECT_EQ(hours_kept(), 5U);
}

TEST_F(RetentionTest, ADiskThatFailsStopsRecordingAndCounts) {
  open();
  an_hour();
  disk_.fail_syncs(1000);
  const auto never = std::make_shared<CountingReceipt>();
  for (int i = 0; i < 5; ++i) {
    send(0, noise(++sequence_, never));
    tick_and_commit();
  }
  EXPECT_EQ(never->settled, 0);
  EXPECT_GT(metric("millwright_history_lost_readings_total"), 0);
  EXPECT_EQ(raw(temperature(0)).size(), 6000U) << "what was committed is still answered";
  disk_.fail_syncs(0);
  restart_after_power_cut();
  EXPECT_EQ(raw(temperature(0)).size(), 6000U);
  EXPECT_EQ(history_->recovered(source_, 0).sequence, 20U);
}

}  // namespace
}  // namespace millwright::historian
