// How long the alarm journal is: what retention takes away, what it must leave, and crashes on the way.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "alarms/alarm_manager.hpp"
#include "alarms/record.hpp"
#include "alarms/tests/alarm_fixture.hpp"
#include "alarms/trim.hpp"
#include "io/faulty_file_system.hpp"

namespace millwright::alarms {
namespace {

class RetentionTest : public AlarmManagerTest {
 protected:
  void SetUp() override { begin(disk_); }
  void begin(io::FileSystem& files) {
    options_.segment_bytes = 500'000;
    manager_.reset();
    journal_.reset();
    auto journal = journal::Journal::open(files, clock_, "/data/alarms", 1, options_);
    ASSERT_TRUE(journal) << journal.error().message;
    journal_ = std::move(*journal);
    auto manager = AlarmManager::open(model_, *journal_, clock_, handling_, metrics_);
    ASSERT_TRUE(manager) << manager.error().message;
    manager_ = std::move(*manager);
  }
  // Until there are so many segments; a day for each.
  void fill(std::size_t segments) {
    Signal other = overheat();
    for (int i = 0; journal_->segments().size() < segments; ++i) {
      other.condition = "flutter-" + std::to_string(i % 7);
      other.in_alarm = true;
      const auto raised = manager_->signal(other);
      ASSERT_TRUE(raised);
      static_cast<void>(manager_->acknowledge(raised->id, "ines", ""));
      other.in_alarm = false;
      ASSERT_TRUE(manager_->signal(other));
      const std::size_t before = journal_->segments().size();
      if (i % 20 == 0) commit();
      if (journal_->segments().size() != before) clock_.advance(24 * core::kHour);
    }
    commit();
  }
  [[nodiscard]] std::vector<std::vector<std::byte>> open_alarms() const {
    std::vector<std::vector<std::byte>> all;
    for (const Alarm& alarm : manager_->list(active_only(true))) all.push_back(encode(alarm));
    return all;
  }
};

TEST_F(RetentionTest, OldSegmentsGoAndNothingThatIsOpen) {
  handling_.retention.age = 48 * core::kHour;
  begin(disk_);
  raise();
  fill(9);
  const auto newest = journal_->segments().back().first;
  manager_->tick();
  EXPECT_EQ(journal_->segments().size(), kSegmentsKept);
  EXPECT_EQ(journal_->segments().back().first, newest);
  const auto open = open_alarms();
  ASSERT_EQ(open.size(), 1U);
  Filter all;
  all.limit = 1000;
  const auto known = manager_->list(all).size();
  const auto version = manager_->version();
  begin(disk_);
  EXPECT_EQ(open_alarms(), open);
  EXPECT_EQ(manager_->list(all).size(), known);
  EXPECT_EQ(manager_->version(), version);
}

TEST_F(RetentionTest, WhatIsTooMuchGoesUpToTheCheckpoint) {
  handling_.retention.bytes = 1'200'000;
  begin(disk_);
  raise();
  fill(6);
  manager_->tick();
  EXPECT_LE(journal_->bytes(), 1'200'000U);
  EXPECT_EQ(open_alarms().size(), 1U);
  // However little is allowed, a start has what it needs.
  ASSERT_TRUE(trim(*journal_, {.bytes = 0}));
  begin(disk_);
  EXPECT_EQ(open_alarms().size(), 1U);
}

TEST_F(RetentionTest, AClockThatJumpsCostsNothing) {
  handling_.retention.age = 365 * 24 * core::kHour;
  begin(disk_);
  raise();
  fill(6);
  clock_.advance(2000 * 24 * core::kHour);
  manager_->tick();
  EXPECT_EQ(journal_->segments().size(), 6U);
}

// At each change of the disk that trimming makes, the process dies, with the power or without.
TEST_F(RetentionTest, ACrashWhileTrimmingLosesNothing) {
  raise();
  bool died = true;
  for (std::uint64_t nth = 1; died; ++nth) {
    fill(8);
    const auto open = open_alarms();
    const auto version = manager_->version();
    io::FaultyFileSystem faulty(disk_);
    begin(faulty);
    faulty.die_at(nth, nth % 3 == 0 ? io::Done::kAll : io::Done::kNothing);
    const auto trimmed = trim(*journal_, {.age = core::kHour, .bytes = 1'200'000});
    died = faulty.dead();
    EXPECT_EQ(trimmed.has_value(), !died);
    nth % 2 == 0 ? disk_.cut_power() : disk_.kill_process();
    begin(disk_);
    ASSERT_EQ(open_alarms(), open) << nth;
    ASSERT_EQ(manager_->version(), version) << nth;
  }
  EXPECT_LT(journal_->segments().size(), 8U);
}

}  // namespace
}  // namespace millwright::alarms
