// What the journal's tests share: a simulated disk, and short ways to append and to read all.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/clock.hpp"
#include "io/sim_disk.hpp"
#include "journal/format.hpp"
#include "journal/journal.hpp"

namespace millwright::journal {

inline constexpr std::uint64_t kTestStream = 7;

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}
inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class JournalTest : public ::testing::Test {
 protected:
  void open() {
    auto journal = Journal::open(disk_, clock_, folder_, kTestStream, options_, &report_);
    ASSERT_TRUE(journal) << journal.error().message;
    journal_ = std::move(*journal);
  }
  void restart_after_power_cut() {
    disk_.cut_power();
    journal_.reset();
    open();
  }
  void restart_after_kill() {
    disk_.kill_process();
    journal_.reset();
    open();
  }

  Sequence append(std::string_view text, RecordType type = 1) {
    const auto sequence = journal_->append(type, bytes_of(text));
    EXPECT_TRUE(sequence) << sequence.error().message;
    return sequence ? *sequence : 0;
  }
  // `size` bytes that differ from record to record.
  static std::string filler(std::size_t size, unsigned seed) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i * 31 + seed * 17 + i / 251) & 0xFF);
    return text;
  }
  void commit() {
    const auto done = journal_->commit();
    ASSERT_TRUE(done) << done.error().message;
  }

  // Texts of all records from `from` on; damage goes to damage_.
  std::vector<std::string> read(Sequence from = 1) {
    std::vector<std::string> texts;
    sequences_.clear();
    damage_.clear();
    const auto done = journal_->read(
        from,
        [&](const Record& record) {
          texts.push_back(text_of(record.payload));
          sequences_.push_back(record.sequence);
          return true;
        },
        [&](const Damage& damage) { damage_.push_back(damage); });
    EXPECT_TRUE(done) << done.error().message;
    return texts;
  }

  std::string path(Sequence first) const { return folder_ + "/" + segment_name(first); }
  std::vector<std::byte> file(Sequence first) { return *io::read_file(disk_, path(first)); }
  void overwrite(Sequence first, std::uint64_t offset, std::span<const std::byte> bytes) {
    auto opened = disk_.open(path(first), io::OpenMode::kReadWrite);
    ASSERT_TRUE(opened);
    ASSERT_TRUE((*opened)->write_at(offset, bytes));
    ASSERT_TRUE((*opened)->sync());
  }

  io::SimDisk disk_{1};
  io::SimClock clock_{1'700'000'000'000'000'000};
  std::string folder_ = "/data/journal";
  Options options_{.segment_bytes = 200'000, .buffer_bytes = 5'000'000, .reserve_bytes = 0};
  RecoveryReport report_;
  std::unique_ptr<Journal> journal_;
  std::vector<Sequence> sequences_;
  std::vector<Damage> damage_;
};

}  // namespace millwright::journal
