// The guarantees of the design, one by one, on a disk that fails on purpose.
#include <cstring>
#include <future>
#include <thread>

#include "journal_fixture.hpp"

namespace millwright::journal {
namespace {

using core::ErrorCode;
using ::testing::Contains;
using ::testing::ElementsAre;

class Guarantees : public JournalTest {
 protected:
  // Five records per 32 KiB block, in one segment of ten blocks.
  void write_blocks() {
    options_.segment_bytes = 10'000'000;
    open();
    for (unsigned i = 0; i < 50; ++i) append(filler(6'500, i));
    commit();
    journal_.reset();
  }
  // Where a record's first frame is.
  std::uint64_t offset_of(Sequence sequence) {
    std::uint64_t offset = 0;
    EXPECT_TRUE(journal_->read(sequence, [&](const Record& record) {
      offset = record.offset;
      return false;
    }));
    return offset;
  }
  void forget_settled_mark() { ASSERT_TRUE(disk_.remove(folder_ + "/settled")); }
};

// 1: acknowledged means on disk.

TEST_F(Guarantees, CommittedSurvivesAPowerCut) {
  open();
  for (unsigned i = 0; i < 60; ++i) {
    append(filler(7'000, i));
    commit();
    append("not committed");
    restart_after_power_cut();
    ASSERT_EQ(journal_->durable(), i + 1);
  }
  const auto all = read();
  ASSERT_EQ(all.size(), 60U);
  for (unsigned i = 0; i < 60; ++i) EXPECT_TRUE(all[i] == filler(7'000, i));
}

TEST_F(Guarantees, TheFirstCommitOfANewFileSurvivesAPowerCut) {
  options_.segment_bytes = 1;  // each record gets its own file
  open();
  for (int i = 0; i < 5; ++i) append(std::to_string(i));
  commit();
  restart_after_power_cut();
  EXPECT_THAT(read(), ElementsAre("0", "1", "2", "3", "4"));
}

TEST_F(Guarantees, WhatRecoveryReadsAfterAKillIsMadeDurable) {
  open();
  append("a");
  commit();
  // Handed to the kernel and never synced: the next sync fails, and the process dies before it can write again.
  append("b");
  disk_.fail_syncs(2);
  ASSERT_FALSE(journal_->commit());
  restart_after_kill();
  EXPECT_THAT(read(), ElementsAre("a", "b"));
  EXPECT_EQ(journal_->durable(), 2U);
  restart_after_power_cut();
  EXPECT_THAT(read(), ElementsAre("a", "b"));
}

// 2: frames, and resynchronisation at the next block.

TEST_F(Guarantees, OneBadByteCostsTheRestOfItsBlockOnly) {
  write_blocks();
  disk_.flip_bit(path(1), 3 * kBlockBytes + 100, 3);
  open();
  const auto all = read();
  ASSERT_EQ(damage_.size(), 1U);
  // What begins or goes on in the block is lost, and its exact range is known.
  EXPECT_EQ(50 - all.size(), damage_[0].last_lost - damage_[0].first_lost + 1);
  EXPECT_LE(damage_[0].last_lost - damage_[0].first_lost, 6U);
  EXPECT_GE(damage_[0].first_lost, 12U);
  EXPECT_LE(damage_[0].last_lost, 22U);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_TRUE(all[i] == filler(6'500, static_cast<unsigned>(sequences_[i] - 1)));
    EXPECT_TRUE(sequences_[i] < damage_[0].first_lost || sequences_[i] > damage_[0].last_lost);
  }
}

TEST_F(Guarantees, AStaleBlockOfAnotherFileIsNotBelieved) {
  write_blocks();
  const auto stale = file(1);
  folder_ = "/data/other";
  write_blocks();  // the same stream and sequences, in another file
  overwrite(1, 2 * kBlockBytes, std::span(stale).subspan(2 * kBlockBytes, kBlockBytes));
  open();
  read();
  ASSERT_EQ(damage_.size(), 1U);
  EXPECT_EQ(sequences_.size() + damage_[0].last_lost - damage_[0].first_lost + 1, 50U);
}

TEST_F(Guarantees, ADamagedHeaderIsReadFromItsCopy) {
  write_blocks();
  disk_.flip_bit(path(1), 20, 1);
  open();
  EXPECT_EQ(read().size(), 50U);
  EXPECT_TRUE(report_.damage.empty());
}

TEST_F(Guarantees, AReplayedBlockInventsNothing) {
  write_blocks();
  const auto bytes = file(1);
  // A write of block 2 that landed on block 4 of the same file.
  overwrite(1, 4 * kBlockBytes, std::span(bytes).subspan(2 * kBlockBytes, kBlockBytes));
  open();
  read();
  for (std::size_t i = 1; i < sequences_.size(); ++i) EXPECT_LT(sequences_[i - 1], sequences_[i]);
  Sequence lost = 0;
  for (const Damage& damage : damage_) lost += damage.last_lost == 0 ? 0 : damage.last_lost - damage.first_lost + 1;
  EXPECT_GT(lost, 0U);
  EXPECT_EQ(sequences_.size() + lost, 50U);
}

// 3: a failed sync is never believed.

TEST_F(Guarantees, AFailedSyncIsWrittenAgainIntoANewFile) {
  open();
  append("a");
  commit();
  append("b");
  disk_.fail_syncs(1);
  commit();
  EXPECT_EQ(journal_->durable(), 2U);
  append("c");
  commit();
  restart_after_power_cut();
  EXPECT_THAT(read(), ElementsAre("a", "b", "c"));
}

TEST_F(Guarantees, AFailedSyncOfANewSegmentIsSurvivedToo) {
  open();
  disk_.fail_syncs(1);
  append("a");
  commit();
  restart_after_power_cut();
  EXPECT_THAT(read(), ElementsAre("a"));
}

TEST_F(Guarantees, SecondFailureStopsTheJournalForGood) {
  open();
  append("a");
  commit();
  append("b");
  disk_.fail_syncs(2);
  const auto failed = journal_->commit();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::kIo);
  EXPECT_NE(failed.error().message.find(folder_), std::string::npos);
  EXPECT_EQ(journal_->durable(), 1U);
  // The disk is well again, and still nothing is taken.
  const auto refused = journal_->append(1, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kIo);
  EXPECT_FALSE(journal_->commit());
  EXPECT_THAT(read(), ElementsAre("a"));
  restart_after_power_cut();
  EXPECT_THAT(read(), ElementsAre("a"));
}

// 4: recovery.

TEST_F(Guarantees, AnUnfinishedTailIsCutOffAndKept) {
  open();
  append("a");
  append(filler(50'000, 1));
  commit();
  const auto whole = file(1);
  disk_.kill_process();
  journal_.reset();
  // The last record lost its last 100 bytes.
  auto opened = disk_.open(path(1), io::OpenMode::kReadWrite);
  ASSERT_TRUE((*opened)->truncate(whole.size() - 100));
  ASSERT_TRUE((*opened)->sync());
  open();
  const std::uint64_t kept = kSegmentHeaderBytes + kFrameHeaderBytes + 1;
  EXPECT_EQ(report_.truncated_bytes, whole.size() - 100 - kept);
  EXPECT_EQ(report_.records, 1U);
  EXPECT_TRUE(report_.damage.empty());
  EXPECT_EQ(file(1).size(), kept);
  const auto tail = io::read_file(disk_, path(1) + ".tail");
  ASSERT_TRUE(tail);
  EXPECT_TRUE(
      std::equal(tail->begin(), tail->end(), whole.begin() + static_cast<std::ptrdiff_t>(kept), whole.end() - 100));
  EXPECT_THAT(read(), ElementsAre("a"));
  EXPECT_EQ(append("b"), 2U);
  commit();
  EXPECT_THAT(read(), ElementsAre("a", "b"));
}

TEST_F(Guarantees, DamageBeforeAValidFrameIsNotCutOff) {
  write_blocks();
  forget_settled_mark();
  const std::uint64_t size = file(1).size();
  disk_.flip_bit(path(1), 8 * kBlockBytes + 50, 0);
  open();
  EXPECT_EQ(report_.truncated_bytes, 0U);
  EXPECT_EQ(file(1).size(), size);
  ASSERT_EQ(report_.damage.size(), 1U);
  EXPECT_EQ(report_.records + report_.damage[0].last_lost - report_.damage[0].first_lost + 1, 50U);
  EXPECT_NE(report_.damage[0].where.find(path(1)), std::string::npos);
  EXPECT_EQ(append("next"), 51U);
}

TEST_F(Guarantees, ARecordWhoseEndAloneIsLeftKeepsItsSequence) {
  open();
  append("a");
  append(filler(90'000, 1));
  commit();
  disk_.flip_bit(path(1), kBlockBytes + 5, 0);  // a part in its middle
  disk_.kill_process();
  journal_.reset();
  open();
  EXPECT_EQ(report_.truncated_bytes, 0U);
  ASSERT_EQ(report_.damage.size(), 1U);
  EXPECT_EQ(report_.damage[0].first_lost, 2U);
  EXPECT_EQ(report_.damage[0].last_lost, 2U);
  EXPECT_EQ(append("b"), 3U);
  commit();
  EXPECT_THAT(read(), ElementsAre("a", "b"));
  ASSERT_EQ(damage_.size(), 1U);
  EXPECT_EQ(damage_[0].first_lost, 2U);
  EXPECT_EQ(damage_[0].last_lost, 2U);
}

TEST_F(Guarantees, WithTheSettledMarkEvenTheLastRecordIsMissed) {
  open();
  append("a");
  append("b");
  commit();
  const std::uint64_t at = offset_of(2);
  journal_.reset();  // orderly: the file is known to be whole
  disk_.flip_bit(path(1), at + 3, 0);
  open();
  EXPECT_EQ(report_.truncated_bytes, 0U);
  ASSERT_EQ(report_.damage.size(), 1U);
  EXPECT_EQ(report_.damage[0].first_lost, 2U);
  EXPECT_EQ(append("c"), 3U);
}

TEST_F(Guarantees, DamageInAClosedSegmentIsFoundByReadingNotByOpening) {
  open();
  for (unsigned i = 0; i < 40; ++i) append(filler(10'000, i));
  commit();
  ASSERT_GE(journal_->segments().size(), 2U);
  const Sequence second = journal_->segments()[1].first;
  journal_.reset();
  disk_.flip_bit(path(1), file(1).size() - 10, 0);  // in the last record of the first segment
  open();
  EXPECT_TRUE(report_.damage.empty());
  EXPECT_LT(report_.records, 40U) << "opening read closed segments";
  EXPECT_EQ(read().size(), 39U);
  ASSERT_EQ(damage_.size(), 1U);
  EXPECT_EQ(damage_[0].first_lost, second - 1);
  EXPECT_EQ(damage_[0].last_lost, second - 1);
  read(second);
  EXPECT_TRUE(damage_.empty());
}

TEST_F(Guarantees, ASegmentWithoutAReadableHeaderIsKeptAndItsRangeReported) {
  open();
  for (unsigned i = 0; i < 60; ++i) append(filler(10'000, i));
  commit();
  const auto segments = journal_->segments();
  ASSERT_EQ(segments.size(), 3U);
  journal_.reset();
  disk_.flip_bit(path(segments[1].first), 20, 1);
  disk_.flip_bit(path(segments[1].first), kHeaderCopyOffset + 20, 1);
  open();
  ASSERT_EQ(report_.damage.size(), 1U);
  EXPECT_EQ(report_.damage[0].first_lost, segments[1].first);
  EXPECT_EQ(report_.damage[0].last_lost, segments[1].last);
  EXPECT_TRUE(disk_.exists(path(segments[1].first)));
  EXPECT_EQ(read().size(), 60 - (segments[1].last - segments[1].first + 1));
  ASSERT_EQ(damage_.size(), 1U);
  EXPECT_EQ(damage_[0].last_lost, segments[1].last);
}

TEST_F(Guarantees, SequencesOfAnUnreadableNewestSegmentAreNotGivenOutAgain) {
  open();
  for (int i = 0; i < 10; ++i) append("record");
  commit();
  journal_.reset();
  disk_.flip_bit(path(1), 20, 1);  // too short for a copy of the header
  open();
  ASSERT_EQ(report_.damage.size(), 1U);
  EXPECT_EQ(report_.damage[0].first_lost, 1U);
  EXPECT_GT(append("next"), 10U);
  commit();
  EXPECT_THAT(read(), ElementsAre("next"));
}

TEST_F(Guarantees, AMissingFileIsReportedWithItsRange) {
  open();
  for (unsigned i = 0; i < 60; ++i) append(filler(10'000, i));
  commit();
  const auto segments = journal_->segments();
  journal_.reset();
  ASSERT_TRUE(disk_.remove(path(segments[1].first)));
  open();
  read();
  ASSERT_EQ(damage_.size(), 1U);
  EXPECT_EQ(damage_[0].first_lost, segments[1].first);
  EXPECT_EQ(damage_[0].last_lost, segments[1].last);
}

// 5: a full disk.

TEST_F(Guarantees, AFullDiskLosesNothing) {
  open();
  append("a");
  commit();
  disk_.set_capacity(disk_.used_bytes() + 10);
  append("b");
  auto full = journal_->commit();
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::kFull);
  EXPECT_TRUE(journal_->disk_full());
  EXPECT_EQ(journal_->durable(), 1U);
  append("c");
  EXPECT_FALSE(journal_->commit());
  disk_.set_capacity(UINT64_MAX);
  commit();
  EXPECT_FALSE(journal_->disk_full());
  EXPECT_THAT(read(), ElementsAre("a", "b", "c"));
  restart_after_power_cut();
  EXPECT_THAT(read(), ElementsAre("a", "b", "c"));
}

TEST_F(Guarantees, PushesBackWhenTheBufferIsFullToo) {
  options_.buffer_bytes = 10'000;
  open();
  disk_.set_capacity(0);
  append(filler(6'000, 1));
  EXPECT_FALSE(journal_->commit());
  const auto refused = journal_->append(1, bytes_of(filler(6'000, 2)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kFull);
  EXPECT_EQ(journal_->appended(), 1U);
  disk_.set_capacity(UINT64_MAX);
  commit();
  append(filler(6'000, 2));
  commit();
  EXPECT_EQ(read().size(), 2U);
}

TEST_F(Guarantees, TheReserveIsLeftToThoseWhoMayUseIt) {
  options_.reserve_bytes = 50'000;
  disk_.set_capacity(100'000);
  open();
  append(filler(40'000, 1));
  commit();
  append(filler(40'000, 2));
  auto full = journal_->commit();
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::kFull);
  EXPECT_GE(*disk_.free_bytes(folder_), options_.reserve_bytes);
  // An alarm journal beside it still can.
  Options alarms = options_;
  alarms.may_use_reserve = true;
  auto other = Journal::open(disk_, clock_, "/data/alarms", 9, alarms);
  ASSERT_TRUE(other);
  ASSERT_TRUE((*other)->append(1, bytes_of(filler(40'000, 3))));
  EXPECT_TRUE((*other)->commit());
}

TEST_F(Guarantees, DropOldestLeavesADurableGapRecord) {
  options_.when_full = FullPolicy::kDropOldest;
  options_.segment_bytes = 50'000;
  open();
  for (unsigned i = 0; i < 20; ++i) append(filler(10'000, i));
  commit();
  const auto before = journal_->segments();
  ASSERT_GE(before.size(), 4U);
  disk_.set_capacity(disk_.used_bytes() + 20'000);
  for (unsigned i = 0; i < 6; ++i) append(filler(10'000, 20 + i));
  commit();
  const auto after = journal_->segments();
  EXPECT_GT(after.front().first, before.front().first);
  EXPECT_EQ(after.back().last, journal_->durable());
  restart_after_power_cut();
  std::vector<Gap> gaps;
  Sequence first = 0;
  int records = 0;
  ASSERT_TRUE(journal_->read(1, [&](const Record& record) {
    if (first == 0) first = record.sequence;
    if (const auto gap = decode_gap(record)) {
      gaps.push_back(*gap);
    } else {
      ++records;
    }
    return true;
  }));
  ASSERT_EQ(gaps.size(), 1U);
  EXPECT_EQ(gaps[0].first, 1U);
  EXPECT_EQ(gaps[0].last, first - 1);
  EXPECT_EQ(gaps[0].dropped, clock_.now());
  EXPECT_EQ(records, 26 - static_cast<int>(first - 1));
}

TEST_F(Guarantees, PushBackDropsNothing) {
  options_.segment_bytes = 50'000;
  open();
  for (unsigned i = 0; i < 20; ++i) append(filler(10'000, i));
  commit();
  const auto before = journal_->segments();
  disk_.set_capacity(disk_.used_bytes());
  append("a");
  EXPECT_FALSE(journal_->commit());
  EXPECT_EQ(journal_->segments().size(), before.size());
}

TEST_F(Guarantees, OpensOnAFullDiskAndSettlesLater) {
  open();
  append("a");
  commit();
  disk_.set_capacity(disk_.used_bytes());
  restart_after_kill();
  EXPECT_TRUE(journal_->disk_full());
  EXPECT_THAT(read(), ElementsAre("a"));
  EXPECT_EQ(append("b"), 2U);
  EXPECT_FALSE(journal_->commit());
  disk_.set_capacity(UINT64_MAX);
  commit();
  EXPECT_EQ(journal_->durable(), 2U);
  restart_after_power_cut();
  EXPECT_THAT(read(), ElementsAre("a", "b"));
}

// The appending thread never waits for the disk.

class StuckFile final : public io::File {
 public:
  StuckFile(std::unique_ptr<io::File> file, std::promise<void>& syncing, std::shared_future<void> go)
      : file_(std::move(file)), syncing_(syncing), go_(std::move(go)) {}
  core::Status write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    return file_->write_at(offset, bytes);
  }
  core::Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    return file_->read_at(offset, out);
  }
  [[nodiscard]] core::Result<std::uint64_t> size() const override { return file_->size(); }
  core::Status truncate(std::uint64_t size) override { return file_->truncate(size); }
  core::Status sync() override {
    if (!told_) syncing_.set_value();
    told_ = true;
    go_.wait();
    return file_->sync();
  }

 private:
  std::unique_ptr<io::File> file_;
  std::promise<void>& syncing_;
  std::shared_future<void> go_;
  bool told_ = false;
};

// A disk whose first file's sync does not return until it is told to.
class StuckDisk final : public io::FileSystem {
 public:
  core::Result<std::unique_ptr<io::File>> open(const std::string& path, io::OpenMode mode) override {
    auto file = disk.open(path, mode);
    if (!file || mode != io::OpenMode::kCreate || stuck_) return file;
    stuck_ = true;
    return std::unique_ptr<io::File>(std::make_unique<StuckFile>(std::move(*file), syncing, go.get_future().share()));
  }
  core::Result<std::vector<std::string>> list(const std::string& directory) override { return disk.list(directory); }
  core::Status make_directories(const std::string& directory) override { return disk.make_directories(directory); }
  core::Status rename(const std::string& from, const std::string& to) override { return disk.rename(from, to); }
  core::Status remove(const std::string& path) override { return disk.remove(path); }
  core::Status sync_directory(const std::string& directory) override { return disk.sync_directory(directory); }
  [[nodiscard]] bool exists(const std::string& path) override { return disk.exists(path); }
  core::Result<std::uint64_t> free_bytes(const std::string& directory) override { return disk.free_bytes(directory); }

  io::SimDisk disk{1};
  std::promise<void> syncing;
  std::promise<void> go;

 private:
  bool stuck_ = false;
};

TEST(JournalStuckDisk, AppendGoesOnWhileASyncHangs) {
  StuckDisk disk;
  io::SimClock clock(0);
  auto journal = Journal::open(disk, clock, "/j", 1, Options{.segment_bytes = 20'000});
  ASSERT_TRUE(journal);
  ASSERT_TRUE((*journal)->append(1, bytes_of("a")));
  std::thread committer([&] { EXPECT_TRUE((*journal)->commit()); });
  disk.syncing.get_future().wait();
  // Were append() to wait for the commit, this would never end. It cuts segments, too.
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE((*journal)->append(1, bytes_of(std::string(500, 'x'))));
  EXPECT_EQ((*journal)->durable(), 0U);
  disk.go.set_value();
  committer.join();
  ASSERT_TRUE((*journal)->commit());
  EXPECT_EQ((*journal)->durable(), 1001U);
}

}  // namespace
}  // namespace millwright::journal
