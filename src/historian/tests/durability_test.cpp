// What was acknowledged is there after a crash, and nothing comes twice: receipts, lanes, recovery.
#include <cstring>
#include <deque>

#include "historian/tests/historian_fixture.hpp"
#include "pipeline/duplicate_filter.hpp"

namespace millwright::historian {
namespace {

using core::kMillisecond;
using core::kSecond;
using core::TimeNs;
using core::ValueType;

TEST_F(HistorianTest, AReceiptSettlesWhenItsBatchIsDurable) {
  open();
  const auto large = std::make_shared<CountingReceipt>();
  core::BlockBatch one = batch(1, large);
  add_block(one, temperature(0), 100, kStart, kMillisecond);
  send(0, std::move(one));
  commit();
  EXPECT_EQ(large->settled, 0) << "encoded, but in no record yet";
  tick();
  EXPECT_EQ(large->settled, 0) << "in a record, but not committed";
  commit();
  EXPECT_EQ(large->settled, 1);

  // What repeats something durable is settled by the next tick, without a record of its own.
  const auto again = std::make_shared<CountingReceipt>();
  send(0, batch(1, again));
  tick();
  EXPECT_EQ(again->settled, 1);
  tick_and_commit();
  EXPECT_EQ(large->settled, 1);
  EXPECT_EQ(again->settled, 1);
}

TEST_F(HistorianTest, AGatheredReadingHoldsItsReceiptAndItsLane) {
  open();
  const auto small = std::make_shared<CountingReceipt>();
  core::BlockBatch single = batch(1, small);
  single.add_reading(temperature(0), ValueType::kFloat32, 1.0F, kStart, core::kGood, kStart);
  send(0, std::move(single));
  // So much from another source that records are written before the tick.
  const core::SourceId burst = sources_->add("burst");
  const auto fast = std::make_shared<CountingReceipt>();
  core::BlockBatch big = batch(1, fast);
  big.identity.source = burst;
  io::Random random(3);
  for (int i = 0; i < 4; ++i) {
    core::Block& block = big.add(temperature(1), ValueType::kFloat32, 8192, kStart + i * kSecond, 100'000, kStart);
    for (float& value : block.as<float>()) value = static_cast<float>(random.uniform());
  }
  send(0, std::move(big));
  commit();
  EXPECT_EQ(fast->settled, 1);
  EXPECT_EQ(small->settled, 0);
  EXPECT_EQ(history_->durable(burst).sequence, 1U);
  EXPECT_EQ(history_->durable(source_).sequence, 0U);
  EXPECT_EQ(raw(temperature(1)).size(), 4U * 8192);

  restart_after_power_cut();
  EXPECT_EQ(history_->recovered(sources_->add("burst"), 0).sequence, 1U);
  EXPECT_EQ(history_->recovered(sources_->add("sender"), 0).sequence, 0U) << "its reading was lost: it must send again";
}

TEST_F(HistorianTest, APowerCutLosesOnlyWhatWasNotCommitted) {
  open();
  record(1, 100, kStart);
  tick_and_commit();
  record(2, 100, kStart + kSecond);
  tick();
  restart_after_power_cut();
  EXPECT_EQ(raw(temperature(0)).size(), 100U);
  EXPECT_EQ(history_->recovered(source_, 0).sequence, 1U);
  EXPECT_EQ(history_->recovered(source_, 0).epoch, 1U);
  EXPECT_EQ(history_->durable(source_).sequence, 1U);
  record(2, 100, kStart + kSecond);
  tick_and_commit();
  EXPECT_EQ(raw(temperature(0)).size(), 200U);
  EXPECT_EQ(history_->durable(source_).sequence, 2U);
}

TEST_F(HistorianTest, RestoresTheLastReadings) {
  options_.journal.segment_bytes = 2048;
  open();
  core::BlockBatch one = batch(1);
  one.add_reading(count(3), ValueType::kInt64, std::int64_t{-42}, kStart, core::kUncertainEuExceeded, kStart + 7);
  one.add_reading(temperature(2), ValueType::kFloat32, 3.5F, kStart + 9, core::kGood, kStart + 9);
  one.add_reading(temperature(2), ValueType::kFloat32, 2.5F, kStart + 5, core::kGood, kStart + 9);  // late
  one.add_reading(temperature(2), ValueType::kFloat32, 9.5F, kStart + core::kHour, core::kBadInvalidTimestamp, kStart);
  send(0, std::move(one));
  // Many segments on: the readings above are in the checkpoints alone.
  for (std::uint64_t i = 2; i < 100; ++i) {
    record(i, 100, kStart + static_cast<TimeNs>(i) * kSecond);
    tick_and_commit();
  }
  restart_after_kill();
  const auto last = live_->read(count(3));
  EXPECT_EQ(last.as<std::int64_t>(), -42);
  EXPECT_EQ(last.type, ValueType::kInt64);
  EXPECT_EQ(last.quality, core::kUncertainEuExceeded);
  EXPECT_EQ(last.source_time, kStart);
  EXPECT_EQ(last.received, kStart + 7);
  EXPECT_EQ(live_->read(temperature(2)).as<float>(), 3.5F);
  EXPECT_EQ(live_->read(temperature(0)).source_time, kStart + 99 * kSecond + 99 * kMillisecond);
  EXPECT_EQ(live_->read(temperature(1)).quality, core::kBadWaitingForInitialData);
  EXPECT_EQ(history_->recovered(source_, 0).sequence, 99U);
}

TEST_F(HistorianTest, ADamagedCheckpointIsPassedOver) {
  options_.journal.segment_bytes = 128 * 1024;
  open();
  io::Random random(9);
  const auto newest = [&] { return "data/history/shard-0/" + disk_.list("data/history/shard-0")->back(); };
  std::uint64_t sequence = 0;
  // Until the newest segment, not the first, is long enough to be read again behind the damage.
  while (sequence < 50 || (*disk_.open(newest(), io::OpenMode::kRead))->size().value() < 100 * 1024) {
    core::BlockBatch one = batch(++sequence);
    core::Block& block = one.add(temperature(0), ValueType::kFloat32, 1000,
                                 kStart + static_cast<TimeNs>(sequence) * kSecond, kMillisecond, kStart);
    for (float& value : block.as<float>()) value = static_cast<float>(random.normal());
    send(0, std::move(one));
    tick_and_commit();
  }
  const std::string damaged = newest();
  close();
  disk_.flip_bit(damaged, 200, 3);
  open();
  EXPECT_EQ(history_->recovered(source_, 0).sequence, sequence);
  EXPECT_EQ(live_->read(temperature(0)).source_time,
            kStart + static_cast<TimeNs>(sequence) * kSecond + 999 * kMillisecond);
  const auto kept = raw(temperature(0)).size();
  EXPECT_LT(kept, sequence * 1000) << "the bit was in no record";
  EXPECT_GT(kept, (sequence - 10) * 1000);
}

TEST_F(HistorianTest, AnotherNumberOfShardsFindsAllAndForgetsNoLane) {
  open(2);
  // Batch 1 to 3 in shard 0; of batch 2 and 3 the parts for shard 1 are lost.
  for (std::uint64_t i = 1; i <= 3; ++i) {
    record(i, 100, kStart + static_cast<TimeNs>(i) * kSecond);
    if (i > 1) continue;
    core::BlockBatch part = batch(i);
    add_block(part, temperature(1), 100, kStart, kMillisecond);
    send(1, std::move(part));
  }
  tick_and_commit();
  EXPECT_EQ(history_->durable(source_).sequence, 1U) << "a part of 2 may be missing";
  restart_after_kill(2);
  EXPECT_EQ(history_->recovered(source_, 0).sequence, 3U) << "each shard drops what it has itself";
  EXPECT_EQ(history_->recovered(source_, 1).sequence, 1U);
  EXPECT_EQ(history_->durable(source_).sequence, 1U);
  for (const std::size_t shards : {1U, 4U, 3U}) {
    restart_after_power_cut(shards);
    for (std::size_t i = 0; i < shards; ++i) {
      EXPECT_EQ(history_->recovered(source_, i).sequence, 1U) << "machines have moved: the shard furthest back counts";
    }
    EXPECT_EQ(history_->durable(source_).sequence, 1U);
    EXPECT_EQ(raw(temperature(0)).size(), 300U);
    EXPECT_EQ(raw(temperature(1)).size(), 100U);
    EXPECT_EQ(live_->read(temperature(1)).source_time, kStart + 99 * kMillisecond);
  }
  record(2, 100, kStart + 2 * kSecond);
  tick_and_commit();
  EXPECT_EQ(raw(temperature(0)).size(), 300U) << "recorded twice, answered once";
}

TEST_F(HistorianTest, TheCatalogueKeepsItsKeys) {
  open();
  record(1, 100, kStart);
  tick_and_commit();
  // The plant grows in front: dense ids move, what is on disk stays with its path.
  close();
  model_ = test_model(6);
  open();
  EXPECT_EQ(raw(temperature(0)).size(), 100U);
  EXPECT_TRUE(raw(temperature(5)).empty());
}

// A sender that keeps what is not acknowledged and sends it again after each crash; parts of each batch go to several
// shards, large and small. In the end every reading is there, once.
class CrashTest : public HistorianTest, public testing::WithParamInterface<int> {
 protected:
  struct Part {
    std::size_t machine;
    TimeNs time;
    std::uint32_t n;
    std::int64_t value;
  };
  struct Batch {
    std::uint64_t sequence;
    std::vector<Part> parts;
    std::shared_ptr<CountingReceipt> receipt;
    int expected = 0;
  };

  void start(std::size_t shards) {
    filters_.clear();
    for (std::size_t i = 0; i < shards; ++i) {
      filters_.push_back(std::make_unique<pipeline::DuplicateFilter>(
          [this, i](core::SourceId source) { return history_->recovered(source, i); }, *metrics_));
    }
    for (Batch& one : unacknowledged_) submit(one);
  }
  void submit(Batch& one) {
    const std::size_t shards = recorders_.size();
    one.receipt = std::make_shared<CountingReceipt>();
    one.expected = 0;
    for (std::size_t shard = 0; shard < shards; ++shard) {
      core::BlockBatch out = batch(one.sequence, one.receipt);
      for (const Part& part : one.parts) {
        if (part.machine % shards != shard) continue;
        core::Block& block =
            out.add(count(part.machine), ValueType::kInt64, part.n, part.time, kMillisecond, part.time);
        for (std::uint32_t i = 0; i < part.n; ++i) block.as<std::int64_t>()[i] = part.value + i;
      }
      if (out.blocks.empty()) continue;
      ++one.expected;
      filters_[shard]->on_batch(out);
      recorders_[shard]->on_batch(out);
    }
  }
  void make() {
    Batch one{.sequence = ++sequence_, .parts = {}, .receipt = {}};
    for (std::size_t i = 1 + random_.below(3); i > 0; --i) {
      const auto n =
          static_cast<std::uint32_t>(random_.below(3) == 0 ? 100 + random_.below(400) : 1 + random_.below(4));
      Part part{.machine = random_.below(kMachines),
                .time = 0,
                .n = n,
                .value = static_cast<std::int64_t>(random_.below(1000))};
      part.time = kStart + (cursor_[part.machine] += kSecond);
      one.parts.push_back(part);
      for (std::uint32_t k = 0; k < n; ++k) truth_[part.machine][part.time + k * kMillisecond] = part.value + k;
    }
    submit(one);
    unacknowledged_.push_back(std::move(one));
  }
  void acknowledge() {
    while (!unacknowledged_.empty()) {
      const Batch& first = unacknowledged_.front();
      ASSERT_LE(first.receipt->settled, first.expected);
      if (first.receipt->settled < first.expected) break;
      unacknowledged_.pop_front();
    }
  }
  void check_all() {
    for (std::size_t m = 0; m < kMachines; ++m) {
      const auto got = raw(count(m));
      ASSERT_EQ(got.size(), truth_[m].size()) << "machine " << m;
      auto want = truth_[m].begin();
      for (const Reading& reading : got) {
        ASSERT_EQ(reading.time, want->first);
        ASSERT_EQ(static_cast<std::int64_t>(reading.bits), want->second);
        ++want;
      }
    }
  }

  io::Random random_{static_cast<std::uint64_t>(GetParam())};
  std::vector<std::unique_ptr<pipeline::DuplicateFilter>> filters_;
  std::deque<Batch> unacknowledged_;
  std::uint64_t sequence_ = 0;
  std::map<std::size_t, TimeNs> cursor_;
  std::map<std::size_t, std::map<TimeNs, std::int64_t>> truth_;
};

TEST_P(CrashTest, NothingIsLostAndNothingComesTwice) {
  options_.journal.segment_bytes = 8192;
  std::size_t shards = 1 + random_.below(3);
  open(shards);
  start(shards);
  for (int step = 0; step < 400; ++step) {
    const auto what = random_.below(40);
    if (what < 30)
      make();
    else if (what < 36)
      tick();
    else if (what < 39)
      commit();
    else {
      if (random_.below(4) == 0) shards = 1 + random_.below(3);
      if (random_.below(2) == 0)
        restart_after_power_cut(shards);
      else
        restart_after_kill(shards);
      ASSERT_FALSE(HasFatalFailure());
      // What the sender would be told to leave out must all be there.
      const auto told = history_->durable(source_);
      for (const Batch& one : unacknowledged_) {
        if (told.epoch != 1 || one.sequence > told.sequence) continue;
        for (const Part& part : one.parts) {
          EXPECT_EQ(raw(count(part.machine), {part.time, part.time + kSecond}).size(), part.n)
              << "seed " << GetParam() << ", batch " << one.sequence;
        }
      }
      start(shards);
    }
    clock_.advance(10 * kMillisecond);
    acknowledge();
  }
  tick_and_commit();
  acknowledge();
  EXPECT_TRUE(unacknowledged_.empty());
  check_all();
  restart_after_power_cut(shards);
  check_all();
}

INSTANTIATE_TEST_SUITE_P(Seeds, CrashTest, testing::Range(1, 21));

}  // namespace
}  // namespace millwright::historian
