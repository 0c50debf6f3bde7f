#include "journal/group_commit.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include "journal_fixture.hpp"

namespace millwright::journal {
namespace {

bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

class GroupCommitTest : public JournalTest {
 protected:
  core::Metrics metrics_;
};

TEST_F(GroupCommitTest, CommitsAtItsIntervalAndTells) {
  open();
  std::atomic<Sequence> told{0};
  GroupCommit group(core::kMillisecond, metrics_);
  group.add(*journal_, [&](Sequence durable) { told = durable; });
  group.start();
  append("a");
  EXPECT_TRUE(eventually([&] { return told == 1; }));
  append("b");
  append("c");
  EXPECT_TRUE(eventually([&] { return told == 3; }));
  EXPECT_EQ(journal_->durable(), 3U);
  group.stop();
}

TEST_F(GroupCommitTest, StopCommitsALastTime) {
  open();
  auto other = Journal::open(disk_, clock_, "/data/other", 2, options_);
  ASSERT_TRUE(other);
  std::vector<Sequence> told;
  {
    GroupCommit group(core::kHour, metrics_);
    group.add(*journal_, [&](Sequence durable) { told.push_back(durable); });
    group.add(**other, {});
    group.start();
    append("a");
    ASSERT_TRUE((*other)->append(1, {}));
    group.stop();
    EXPECT_EQ((*other)->durable(), 1U);
    group.stop();  // harmless
  }
  EXPECT_EQ(told, (std::vector<Sequence>{1}));
}

TEST_F(GroupCommitTest, TriesAgainAfterAFullDisk) {
  open();
  std::atomic<Sequence> told{0};
  disk_.set_capacity(0);
  GroupCommit group(core::kMillisecond, metrics_);
  group.add(*journal_, [&](Sequence durable) { told = durable; });
  append("a");
  group.start();
  EXPECT_TRUE(eventually([&] { return journal_->disk_full(); }));
  EXPECT_EQ(told, 0U);
  disk_.set_capacity(UINT64_MAX);
  EXPECT_TRUE(eventually([&] { return told == 1; }));
  group.stop();
  EXPECT_NE(metrics_.text().find("millwright_journal_commit_failures_total"), std::string::npos);
}

TEST_F(GroupCommitTest, OneStoppedJournalDoesNotStopTheOthers) {
  open();
  auto other = Journal::open(disk_, clock_, "/data/other", 2, options_);
  ASSERT_TRUE(other);
  append("a");
  disk_.fail_syncs(2);
  EXPECT_FALSE(journal_->commit());
  GroupCommit group(core::kMillisecond, metrics_);
  group.add(*journal_, {});
  group.add(**other, {});
  group.start();
  ASSERT_TRUE((*other)->append(1, {}));
  EXPECT_TRUE(eventually([&] { return (*other)->durable() == 1; }));
  group.stop();
}

}  // namespace
}  // namespace millwright::journal
