// Appending, committing, segments and reading, on a disk that works.
#include <atomic>
#include <cstring>
#include <filesystem>
#include <thread>

#include "core/crc32c.hpp"
#include "io/file_system.hpp"
#include "io/random.hpp"
#include "journal_fixture.hpp"

namespace millwright::journal {
namespace {

using ::testing::ElementsAre;

TEST_F(JournalTest, NumbersFromOneAndReadsInOrder) {
  open();
  EXPECT_EQ(append("a"), 1U);
  EXPECT_EQ(append("b"), 2U);
  EXPECT_EQ(journal_->durable(), 0U);
  EXPECT_EQ(journal_->appended(), 2U);
  commit();
  EXPECT_EQ(journal_->durable(), 2U);
  EXPECT_EQ(append(""), 3U);
  commit();
  EXPECT_THAT(read(), ElementsAre("a", "b", ""));
  EXPECT_THAT(read(2), ElementsAre("b", ""));
  EXPECT_TRUE(read(4).empty());
}

TEST_F(JournalTest, ReadersSeeOnlyWhatIsCommitted) {
  open();
  append("a");
  EXPECT_TRUE(read().empty());
  commit();
  append("b");
  EXPECT_THAT(read(), ElementsAre("a"));
}

TEST_F(JournalTest, SplitsLargeRecords) {
  open();
  std::vector<std::string> texts;
  for (const std::size_t size : {32'600, 32'624, 32'640, 32'752, 32'753, 100'000, 700'000}) {
    texts.push_back(filler(size, static_cast<unsigned>(size)));
    append(texts.back());
    commit();
  }
  EXPECT_TRUE(read() == texts);
  EXPECT_TRUE(damage_.empty());
  restart_after_power_cut();
  EXPECT_TRUE(read() == texts);
}

TEST_F(JournalTest, TakesTheLargestRecordAndRefusesALargerOne) {
  open();
  const std::string largest = filler(kMaxRecordBytes, 3);
  append(largest);  // also larger than the buffer, which is empty
  commit();
  EXPECT_TRUE(read().front() == largest);
  const auto refused = journal_->append(1, bytes_of(largest + "x"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, core::ErrorCode::kInvalid);
}

TEST_F(JournalTest, GoesOnAfterAnOrderlyEnd) {
  open();
  append("a");
  commit();
  journal_.reset();
  open();
  EXPECT_EQ(journal_->durable(), 1U);
  EXPECT_EQ(append("b"), 2U);
  commit();
  journal_.reset();
  open();
  EXPECT_THAT(read(), ElementsAre("a", "b"));
  EXPECT_EQ(report_.segments, 2U);
}

TEST_F(JournalTest, WhatWasNotCommittedIsGone) {
  open();
  append("a");
  commit();
  append("b");
  journal_.reset();
  open();
  EXPECT_THAT(read(), ElementsAre("a"));
  EXPECT_EQ(append("c"), 2U);
}

TEST_F(JournalTest, CutsSegmentsAndBeginsEachWithACheckpoint) {
  open();
  std::vector<Sequence> checkpoints;
  journal_->on_new_segment([&] { checkpoints.push_back(append("checkpoint", 9)); });
  for (int i = 0; i < 30; ++i) {
    append(filler(20'000, 1));
    if (i % 4 == 0) commit();
  }
  commit();
  const auto segments = journal_->segments();
  ASSERT_EQ(segments.size(), checkpoints.size());
  ASSERT_EQ(segments.size(), 3U);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    EXPECT_EQ(segments[i].first, checkpoints[i]);
    EXPECT_EQ(segments[i].closed, i + 1 < segments.size());
    EXPECT_EQ(segments[i].created, clock_.now());
    EXPECT_EQ(segments[i].bytes, file(segments[i].first).size());
    sum += segments[i].bytes;
  }
  EXPECT_EQ(segments.back().last, journal_->durable());
  EXPECT_EQ(journal_->bytes(), sum);
  EXPECT_EQ(read().size(), 30 + checkpoints.size());
}

TEST_F(JournalTest, ACheckpointLargerThanASegmentEndsToo) {
  options_.segment_bytes = 1000;
  open();
  int calls = 0;
  journal_->on_new_segment([&] {
    ++calls;
    append(filler(5000, 2), 9);
    append(filler(5000, 3), 9);
  });
  append("a");
  append("b");
  commit();
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(read().size(), 6U);
}

TEST_F(JournalTest, ReadsOneSegmentFromARecordOn) {
  open();
  for (int i = 0; i < 40; ++i) append(filler(10'000, static_cast<unsigned>(i)));
  commit();
  std::vector<Record> records;
  ASSERT_TRUE(journal_->read(1, [&](const Record& record) {
    records.push_back(record);
    return true;
  }));
  for (const Record& from : records) {
    std::vector<Sequence> rest;
    ASSERT_TRUE(journal_->read_segment(from.segment, from.offset, [&](const Record& record) {
      EXPECT_EQ(text_of(record.payload), filler(10'000, static_cast<unsigned>(record.sequence - 1)));
      rest.push_back(record.sequence);
      return rest.size() < 3;
    }));
    ASSERT_FALSE(rest.empty());
    EXPECT_EQ(rest.front(), from.sequence);
  }
  const auto missing = journal_->read_segment(2, 0, [](const Record&) { return true; });
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, core::ErrorCode::kNotFound);
}

TEST_F(JournalTest, StopsWhenTheVisitorHasEnough) {
  open();
  for (int i = 0; i < 100; ++i) append(filler(10'000, 1));
  commit();
  int seen = 0;
  ASSERT_TRUE(journal_->read(1, [&](const Record&) { return ++seen < 50; }));
  EXPECT_EQ(seen, 50);
}

TEST_F(JournalTest, DropsTheOldestWhateverTheClockSays) {
  open();
  for (int i = 0; i < 30; ++i) {
    clock_.set_wall(clock_.now() - core::kHour);  // the newest segments look the oldest
    append(filler(20'000, 1));
    commit();
  }
  const auto before = journal_->segments();
  ASSERT_EQ(before.size(), 3U);
  ASSERT_TRUE(journal_->drop_oldest());
  EXPECT_FALSE(disk_.exists(path(before[0].first)));
  EXPECT_EQ(journal_->segments().front().first, before[1].first);
  read();
  EXPECT_EQ(sequences_.front(), before[1].first);
  EXPECT_TRUE(damage_.empty());
  ASSERT_TRUE(journal_->drop_oldest());
  const auto none = journal_->drop_oldest();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, core::ErrorCode::kNotFound);
  restart_after_power_cut();
  EXPECT_EQ(journal_->segments().front().first, before[2].first);
}

TEST_F(JournalTest, NeverDropsTheFileThatHoldsTheSequence) {
  open();
  append("a");
  commit();
  journal_.reset();
  open();
  EXPECT_TRUE(journal_->segments().front().closed);
  EXPECT_FALSE(journal_->drop_oldest());
  EXPECT_EQ(append("b"), 2U);
}

TEST_F(JournalTest, ASegmentDroppedWhileReadingIsNoDamage) {
  open();
  for (int i = 0; i < 30; ++i) append(filler(20'000, 1));
  commit();
  bool first = true;
  std::vector<Damage> damage;
  Sequence last = 0;
  ASSERT_TRUE(journal_->read(
      1,
      [&](const Record& record) {
        if (first) {
          EXPECT_TRUE(journal_->drop_oldest());
          EXPECT_TRUE(journal_->drop_oldest());
        }
        first = false;
        last = record.sequence;
        return true;
      },
      [&](const Damage& one) { damage.push_back(one); }));
  EXPECT_TRUE(damage.empty());
  EXPECT_EQ(last, 30U);
}

TEST_F(JournalTest, RefusesAnotherStreamsFolder) {
  open();
  append("a");
  commit();
  journal_.reset();
  const auto other = Journal::open(disk_, clock_, folder_, kTestStream + 1, options_);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, core::ErrorCode::kConflict);
}

TEST_F(JournalTest, RefusesALaterFormat) {
  open();
  append("a");
  commit();
  journal_.reset();
  // A header that is right in itself, of version 2.
  auto bytes = file(1);
  bytes.resize(kSegmentHeaderBytes);
  bytes[8] = std::byte{2};
  const std::uint32_t crc = core::crc32c(std::span(bytes).first(kSegmentHeaderBytes - 4));
  std::memcpy(bytes.data() + kSegmentHeaderBytes - 4, &crc, 4);
  overwrite(1, 0, bytes);
  const auto later = Journal::open(disk_, clock_, folder_, kTestStream, options_);
  ASSERT_FALSE(later);
  EXPECT_EQ(later.error().code, core::ErrorCode::kUnsupported);
}

// On the real file system: one thread appends, one commits, one reads, as in the node.
TEST(JournalThreads, AppendCommitAndReadBesideEachOther) {
  const std::string folder =
      (std::filesystem::temp_directory_path() / ("millwright-journal-" + std::to_string(io::entropy()))).string();
  constexpr Sequence kRecords = 20'000;
  {
    io::RealFileSystem files;
    io::RealClock clock;
    auto opened = Journal::open(files, clock, folder, 1, Options{.segment_bytes = 500'000, .buffer_bytes = 300'000});
    ASSERT_TRUE(opened) << opened.error().message;
    Journal& journal = **opened;
    std::atomic<bool> done{false};
    std::thread appender([&] {
      for (Sequence s = 1; s <= kRecords;) {
        const auto given = journal.append(1, bytes_of(std::string(s % 300, static_cast<char>(s))));
        if (given) {
          EXPECT_EQ(*given, s);
          ++s;
        } else {
          EXPECT_EQ(given.error().code, core::ErrorCode::kFull);
          std::this_thread::yield();
        }
      }
      done = true;
    });
    std::thread committer([&] {
      while (!done) EXPECT_TRUE(journal.commit());
      EXPECT_TRUE(journal.commit());
    });
    Sequence next = 1;
    while (next <= kRecords) {
      const Sequence durable = journal.durable();
      ASSERT_TRUE(journal.read(next, [&](const Record& record) {
        EXPECT_EQ(record.sequence, next);
        EXPECT_EQ(record.payload.size(), next % 300);
        EXPECT_TRUE(record.payload.empty() || record.payload.front() == static_cast<std::byte>(next & 0xFF));
        ++next;
        return true;
      }));
      ASSERT_GT(next, durable);
      std::this_thread::yield();
    }
    appender.join();
    committer.join();
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace millwright::journal
