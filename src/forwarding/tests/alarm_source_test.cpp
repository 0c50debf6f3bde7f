// Alarms from their journal: what is told, when, and what a gap in the journal does.
#include "forwarding/alarm_source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "io/sim_disk.hpp"

namespace millwright::forwarding {
namespace {

using core::kSecond;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class AlarmSourceTest : public ::testing::Test {
 protected:
  AlarmSourceTest() { open(); }
  void open() {
    auto journal = journal::Journal::open(disk_, clock_, "/data/alarms", 1, options_);
    ASSERT_TRUE(journal) << journal.error().message;
    journal_ = std::move(*journal);
    auto alarms = alarms::AlarmManager::open(model_, *journal_, clock_, {}, metrics_);
    ASSERT_TRUE(alarms) << alarms.error().message;
    alarms_ = std::move(*alarms);
    source_ = std::make_unique<AlarmSource>(*journal_, *alarms_);
  }
  void restart() {
    alarms_.reset();
    journal_.reset();
    open();
  }
  void signal(const std::string& condition, bool in_alarm = true) {
    alarms::Signal signal;
    signal.condition = condition;
    signal.in_alarm = in_alarm;
    ASSERT_TRUE(alarms_->signal(signal));
  }
  void commit() { ASSERT_TRUE(journal_->commit()); }
  EventSource::Batch read(const Position& after, std::size_t count_max = 100) const {
    auto batch = source_->read(after, count_max);
    EXPECT_TRUE(batch) << batch.error().message;
    return *batch;
  }
  static std::vector<std::uint64_t> ids(const EventSource::Batch& batch) {
    std::vector<std::uint64_t> ids;
    for (const Event& event : batch.events) ids.push_back(event.id);
    return ids;
  }

  io::SimDisk disk_{1};
  io::SimClock clock_{1'700'000'000 * kSecond};
  core::Metrics metrics_;
  journal::Options options_;
  asset::Model model_{{}, {}};
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<alarms::AlarmManager> alarms_;
  std::unique_ptr<AlarmSource> source_;
};

TEST_F(AlarmSourceTest, TellsWhatIsOnDiskAndNothingElse) {
  signal("a");
  signal("b");
  EXPECT_THAT(read({}).events, IsEmpty());
  EXPECT_EQ(source_->newest().id, 2U);
  commit();
  const auto batch = read({});
  EXPECT_THAT(ids(batch), ElementsAre(1, 2));
  EXPECT_EQ(batch.end.id, 2U);
  const auto json = nlohmann::json::parse(batch.events[1].body);
  EXPECT_EQ(json["condition"], "b");
  EXPECT_EQ(json["version"], 2);
  EXPECT_EQ(json["state"], "unacknowledged");
  EXPECT_THAT(read(batch.end).events, IsEmpty());
}

TEST_F(AlarmSourceTest, ReadsPieceByPiece) {
  for (int i = 0; i < 5; ++i) signal("condition-" + std::to_string(i));
  commit();
  const auto first = read({}, 2);
  EXPECT_THAT(ids(first), ElementsAre(1, 2));
  const auto second = read(first.end, 2);
  EXPECT_THAT(ids(second), ElementsAre(3, 4));
  EXPECT_THAT(ids(read(second.end, 2)), ElementsAre(5));
}

TEST_F(AlarmSourceTest, CheckpointsAreNoNews) {
  signal("a");
  commit();
  const auto before = read({});
  restart();
  signal("a", false);
  commit();
  const auto after = read(before.end);
  EXPECT_THAT(ids(after), ElementsAre(2));
  EXPECT_EQ(after.events[0].lost_before, 0U);
}

TEST_F(AlarmSourceTest, CountsWhatTheJournalNoLongerHas) {
  options_.segment_bytes = 16 * 1024;
  restart();
  Position seen;
  for (int i = 0; i < 400; ++i) {
    signal("condition-" + std::to_string(i % 5), i / 5 % 2 == 0);
    commit();
    if (i == 9) seen = read({}).end;
  }
  ASSERT_GT(journal_->segments().size(), 3U);
  while (journal_->segments().size() > 2) ASSERT_TRUE(journal_->drop_oldest());
  const auto batch = read(seen, 1000);
  ASSERT_FALSE(batch.events.empty());
  EXPECT_EQ(batch.events.front().lost_before, batch.events.front().id - 11);
  EXPECT_GT(batch.events.front().lost_before, 0U);
  EXPECT_EQ(batch.events.back().lost_before, 0U);
  EXPECT_EQ(batch.end.id, 400U);
}

// A full disk: the journal takes changes late, of each alarm the last, and still in order of version.
TEST_F(AlarmSourceTest, WhatTheJournalTookLateIsInOrder) {
  options_.buffer_bytes = 700;
  restart();
  for (int i = 0; i < 8; ++i) signal("condition-" + std::to_string(i));
  for (int i = 0; i < 8; ++i) signal("condition-" + std::to_string(7 - i), false);
  for (int i = 0; i < 30; ++i) {
    commit();
    signal("pulse", i % 2 == 0);
  }
  commit();
  const auto batch = read({});
  const auto all = ids(batch);
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
  EXPECT_EQ(all.back(), alarms_->version());
  for (const Event& event : batch.events) EXPECT_EQ(event.lost_before, 0U);  // overtaken, not lost
}

}  // namespace
}  // namespace millwright::forwarding
