// Who follows the history: every record in order, once it is on disk; held though it be sealed, within the quota.
#include "historian/follower.hpp"

#include "historian/tests/historian_fixture.hpp"

namespace millwright::historian {
namespace {

using core::kMillisecond;
using core::kSecond;

class FollowerTest : public HistorianTest {
 protected:
  FollowerTest() {
    options_.journal.segment_bytes = 16 * 1024;
    options_.journal.reserve_bytes = 0;
  }
  // Some 1.2 KB each.
  void noise(int records) {
    for (int i = 0; i < records; ++i) {
      core::BlockBatch one = batch(++sequence_);
      core::Block& block = one.add(temperature(0), core::ValueType::kFloat32, 300, time_of(sequence_), kMillisecond, 0);
      for (float& value : block.as<float>()) value = static_cast<float>(random_.uniform() * random_.uniform());
      send(0, std::move(one));
      tick_and_commit();
    }
  }
  static core::TimeNs time_of(std::uint64_t sequence) { return kStart + static_cast<core::TimeNs>(sequence) * kSecond; }

  // The batches that come, by the times of their first readings; at most `most`.
  std::vector<std::uint64_t> follow(Follower& follower, Follower::Place& place, std::size_t most = SIZE_MAX,
                                    std::size_t log = 0) {
    std::vector<std::uint64_t> all;
    const auto read = follower.read(log, place, UINT64_MAX, [&](const Follower::Record& record) {
      DataReader reader(record.payload);
      reader.lanes([](const Lane&) {});
      while (const auto block = reader.next_block()) {
        EXPECT_EQ(follower.series(block->key)->first, model_.sensor(temperature(0)).path);
        EXPECT_TRUE(decoder_.decode(block->bytes, reader.header().written.wall, decoded_));
        all.push_back(static_cast<std::uint64_t>((decoded_.start - kStart) / kSecond));
      }
      return all.size() < most;
    });
    EXPECT_TRUE(read) << read.error().message;
    return all;
  }
  static std::vector<std::uint64_t> count(std::uint64_t from, std::uint64_t to) {
    std::vector<std::uint64_t> all;
    for (; from <= to; ++from) all.push_back(from);
    return all;
  }

  io::Random random_{5};
  std::uint64_t sequence_ = 0;
  Decoder decoder_;
  DecodedBlock decoded_;
};

TEST_F(FollowerTest, ReadsInOrderAndOnFromItsPlace) {
  open();
  auto follower = history_->follow();
  ASSERT_EQ(follower->logs(), 1U);
  Follower::Place place{.next = follower->end(0)};
  EXPECT_THAT(follow(*follower, place), testing::IsEmpty());
  noise(100);
  EXPECT_EQ(follow(*follower, place, 7), count(1, 7));
  Follower::Place copy{.next = place.next};  // as from disk: without the way there
  EXPECT_EQ(follow(*follower, place, 50), count(8, 57));
  EXPECT_EQ(follow(*follower, place), count(58, 100));
  EXPECT_EQ(follow(*follower, copy), count(8, 100));
  EXPECT_THAT(follow(*follower, place), testing::IsEmpty());
  noise(3);
  EXPECT_EQ(follow(*follower, place), count(101, 103));
  EXPECT_EQ(place.lost, 0U);
}

TEST_F(FollowerTest, WhatIsNotOnDiskIsNotRead) {
  open();
  auto follower = history_->follow();
  Follower::Place place;
  record(1, 100, kStart);
  tick();
  EXPECT_THAT(follow(*follower, place), testing::IsEmpty());
  commit();
  EXPECT_EQ(follow(*follower, place).size(), 1U);
}

TEST_F(FollowerTest, WhatItHoldsStaysThoughItBeSealed) {
  open();
  auto follower = history_->follow();
  Follower::Place place;
  follower->hold(0, 1);
  noise(200);
  ASSERT_TRUE(history_->tidy());
  EXPECT_LT(history_->stats().unsealed_bytes, 20U * 1024);
  EXPECT_GT(follower->bytes(0, 1, follower->end(0)), 200U * 1024);
  EXPECT_EQ(raw(temperature(0)).size(), 200U * 300) << "and no reading is answered twice";
  EXPECT_EQ(follow(*follower, place, 150), count(1, 150));
  follower->hold(0, place.next);
  ASSERT_TRUE(history_->tidy());
  EXPECT_LT(follower->bytes(0, 1, follower->end(0)), 100U * 1024);
  follower.reset();
  restart_after_power_cut();
  follower = history_->follow();
  EXPECT_EQ(follow(*follower, place), count(151, 200));
  EXPECT_EQ(place.lost, 0U);
}

TEST_F(FollowerTest, BeyondTheQuotaTheOldestGoesAndIsCounted) {
  options_.unsent_quota_bytes = 100 * 1024;
  open();
  auto follower = history_->follow();
  Follower::Place place;
  follower->hold(0, 1);
  noise(200);
  ASSERT_TRUE(history_->tidy());
  EXPECT_GT(follower->first(0), 1U);
  const auto got = follow(*follower, place);
  EXPECT_EQ(got, count(got.front(), 200));
  EXPECT_GT(got.size(), 60U);
  EXPECT_LT(got.size(), 120U);
  EXPECT_GE(place.lost, 200U - got.size());
  EXPECT_EQ(raw(temperature(0)).size(), 200U * 300) << "the history has it all";
}

TEST_F(FollowerTest, ARangeOfWhichNothingIsLeftEnds) {
  options_.unsent_quota_bytes = 50 * 1024;
  open();
  auto follower = history_->follow();
  noise(10);
  Follower::Place place;
  const journal::Sequence end = follower->end(0);
  noise(200);
  ASSERT_TRUE(history_->tidy());
  ASSERT_TRUE(follower->read(0, place, end, [](const Follower::Record&) { return true; }));
  EXPECT_EQ(place.next, end);
  EXPECT_EQ(place.lost, end - 1);
}

// The history's own quota: readings that were sent go before those that were not.
TEST_F(FollowerTest, UnsentOutlivesSent) {
  options_.disk_quota_bytes = 150 * 1024;
  options_.retention.raw = 0;
  open();
  auto follower = history_->follow();
  noise(100);
  ASSERT_TRUE(history_->tidy());
  follower->hold(0, follower->end(0));
  Follower::Place place{.next = follower->end(0)};
  noise(60);
  ASSERT_TRUE(history_->tidy());
  EXPECT_EQ(follow(*follower, place), count(101, 160));
  EXPECT_LE(history_->stats().disk_bytes, 150U * 1024);
}

}  // namespace
}  // namespace millwright::historian
