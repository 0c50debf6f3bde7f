// A journal on a disk that loses power, kills its process, fails its syncs, fills up and flips bits, from a seed.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "core/log.hpp"
#include "environment.hpp"
#include "io/clock.hpp"
#include "io/random.hpp"
#include "io/sim_disk.hpp"
#include "journal/journal.hpp"

namespace millwright::journal {
namespace {

constexpr std::uint64_t kStream = 0x51;
const std::string kFolder = "/journal";

class Simulation {
 public:
  Simulation(std::uint64_t seed, FullPolicy policy, bool flips)
      : random_(seed), disk_(seed ^ 0xD15C), clock_(1'000'000'000), flips_(flips) {
    options_.segment_bytes = 40'000 + random_.below(100'000);
    options_.buffer_bytes = 60'000 + random_.below(200'000);
    options_.reserve_bytes = 10'000;
    options_.when_full = policy;
    open();
  }

  void run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) step();
    if (::testing::Test::HasFailure()) return;
    disk_.set_capacity(UINT64_MAX);
    disk_.fail_syncs(0);
    crash(true);
  }

 private:
  void step() {
    const std::uint64_t dice = random_.below(100);
    if (dice < 55) return append();
    if (dice < 85) return commit();
    if (dice < 88) return crash(true);
    if (dice < 91) return crash(false);
    if (dice < 93) return disk_.fail_syncs(static_cast<int>(1 + random_.below(3)));
    if (dice < 96) return fill_or_empty_disk();
    if (dice < 98) return drop_oldest();
    if (flips_) flip();
  }

  // The bytes of a record follow from its number, so nothing invented can pass.
  static std::vector<std::byte> payload(std::uint64_t number, std::size_t size) {
    std::vector<std::byte> bytes(size);
    io::Random random(number);
    for (std::byte& b : bytes) b = static_cast<std::byte>(random.next());
    return bytes;
  }

  void append() {
    const std::uint64_t shape = random_.below(10);
    const std::size_t size = shape < 7 ? random_.below(300) : shape < 9 ? random_.below(9'000) : random_.below(90'000);
    const std::uint64_t number = ++numbers_;
    const auto bytes = payload(number, size);
    const auto given = journal_->append(static_cast<RecordType>(1 + number % 200), bytes);
    if (!given) {
      EXPECT_TRUE(given.error().code == core::ErrorCode::kFull || given.error().code == core::ErrorCode::kIo);
      if (given.error().code == core::ErrorCode::kIo) crash(false);  // as a supervisor would
      return;
    }
    EXPECT_EQ(*given, journal_->appended());
    // The numbers of what a crash lost are given out again, or left out; what was there before is forgotten.
    written_.erase(written_.lower_bound(*given), written_.end());
    written_[*given] = Written{.number = number, .size = size};
  }

  void commit() {
    const auto done = journal_->commit();
    if (done) {
      EXPECT_EQ(journal_->durable(), journal_->appended());
      EXPECT_FALSE(journal_->disk_full());
      acknowledged_ = journal_->durable();
      if (random_.below(8) == 0) verify("beside the writer");
      return;
    }
    if (done.error().code == core::ErrorCode::kFull) {
      EXPECT_TRUE(journal_->disk_full());
      acknowledged_ = std::max(acknowledged_, journal_->durable());
      return;
    }
    EXPECT_EQ(done.error().code, core::ErrorCode::kIo);
    acknowledged_ = std::max(acknowledged_, journal_->durable());
    EXPECT_FALSE(journal_->append(1, {}));
    crash(false);
  }

  void crash(bool power) {
    acknowledged_ = std::max(acknowledged_, journal_->durable());
    if (power) {
      disk_.cut_power();
    } else {
      disk_.kill_process();
    }
    journal_.reset();
    open();
    if (!::testing::Test::HasFailure()) verify(power ? "after a power cut" : "after a kill");
  }

  void open() {
    disk_.fail_syncs(0);
    RecoveryReport report;
    auto journal = Journal::open(disk_, clock_, kFolder, kStream, options_, &report);
    ASSERT_TRUE(journal) << journal.error().message;
    journal_ = std::move(*journal);
    if (!flips_) {
      EXPECT_TRUE(report.damage.empty()) << report.damage.front().where << ": " << report.damage.front().reason;
      EXPECT_GE(journal_->appended(), acknowledged_);
    }
    journal_->on_new_segment([this] {
      const std::uint64_t number = ++numbers_;
      const auto bytes = payload(number, 100);
      const auto given = journal_->append(250, bytes);
      ASSERT_TRUE(given);
      written_.erase(written_.lower_bound(*given), written_.end());
      written_[*given] = Written{.number = number, .size = 100, .checkpoint = true};
    });
  }

  void fill_or_empty_disk() {
    if (random_.below(2) == 0) {
      disk_.set_capacity(UINT64_MAX);
    } else {
      disk_.set_capacity(disk_.used_bytes() + random_.below(60'000));
    }
  }

  void drop_oldest() {
    const auto before = journal_->segments();
    if (before.size() < 3) return;
    ASSERT_TRUE(journal_->drop_oldest());
    EXPECT_EQ(journal_->segments().front().first, before[1].first);
  }

  void flip() {
    const auto segments = journal_->segments();
    if (segments.empty()) return;
    const auto& segment = segments[random_.below(segments.size())];
    char name[32];
    std::snprintf(name, sizeof name, "/%016llx.mwj", static_cast<unsigned long long>(segment.first));
    disk_.flip_bit(kFolder + name, random_.below(segment.bytes), static_cast<int>(random_.below(8)));
    ++flipped_;
  }

  struct Range {
    Sequence first;
    Sequence last;
  };

  // Every acknowledged record is there, once, in order, as it was written, unless it was dropped as the oldest or is
  // within a range that is reported as damaged.
  void verify(const char* when) {
    SCOPED_TRACE(when);
    const auto segments = journal_->segments();
    const Sequence oldest = segments.empty() ? 1 : segments.front().first;
    std::vector<Range> lost;
    std::map<Sequence, bool> seen;
    Sequence last = 0;
    const auto read = journal_->read(
        1,
        [&](const Record& record) {
          EXPECT_GT(record.sequence, last) << "out of order";
          last = record.sequence;
          seen[record.sequence] = true;
          check(record);
          return !::testing::Test::HasFailure();
        },
        [&](const Damage& damage) {
          if (damage.last_lost != 0) lost.push_back({damage.first_lost, damage.last_lost});
        });
    ASSERT_TRUE(read) << read.error().message;
    if (flipped_ == 0) {
      EXPECT_TRUE(lost.empty());
    }
    // A flip in what was written last looks like an unfinished write: with flips the end may move back.
    const Sequence end = flips_ ? std::min(acknowledged_, journal_->durable()) : acknowledged_;
    for (Sequence s = oldest; s <= end; ++s) {
      if (seen.contains(s)) continue;
      bool told = false;
      for (const Range& range : lost) told = told || (s >= range.first && s <= range.last);
      EXPECT_TRUE(told) << "acknowledged record " << s << " is lost, and nobody said so";
      if (!told) return;
    }
    if (flips_) acknowledged_ = std::min(acknowledged_, journal_->appended());
  }

  void check(const Record& record) {
    if (record.type == 0) {
      EXPECT_TRUE(decode_gap(record));
      return;
    }
    const auto found = written_.find(record.sequence);
    ASSERT_TRUE(found != written_.end()) << "record " << record.sequence << " was never written";
    const auto& written = found->second;
    const auto bytes = payload(written.number, written.size);
    EXPECT_EQ(record.type, written.checkpoint ? 250 : static_cast<RecordType>(1 + written.number % 200));
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), record.payload.begin(), record.payload.end()))
        << "record " << record.sequence << " has another's bytes";
    if (record.sequence == record.segment) {
      EXPECT_TRUE(written.checkpoint) << "no checkpoint at " << record.sequence;
    }
  }

  struct Written {
    std::uint64_t number = 0;
    std::size_t size = 0;
    bool checkpoint = false;
  };

  io::Random random_;
  io::SimDisk disk_;
  io::SimClock clock_;
  Options options_;
  bool flips_;
  int flipped_ = 0;
  std::uint64_t numbers_ = 0;
  Sequence acknowledged_ = 0;
  std::map<Sequence, Written> written_;
  std::unique_ptr<Journal> journal_;
};

class JournalSimulation : public ::testing::Test {
 protected:
  void SetUp() override { core::logger("journal")->set_level(spdlog::level::off); }

  static void run(FullPolicy policy, bool flips) {
    const std::uint64_t first = sim::from_environment("MILLWRIGHT_SIM_SEED", 1);
    const std::uint64_t seeds = sim::from_environment("MILLWRIGHT_SIM_SEEDS", 40);
    for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
      Simulation simulation(seed, policy, flips);
      simulation.run(400);
      if (HasFailure()) {
        ADD_FAILURE() << "repeat with MILLWRIGHT_SIM_SEED=" << seed << " MILLWRIGHT_SIM_SEEDS=1";
        return;
      }
    }
  }
};

TEST_F(JournalSimulation, KeepsWhatItAcknowledged) {
  run(FullPolicy::kPushBack, false);
}
TEST_F(JournalSimulation, DropsTheOldestOnlyWhenFull) {
  run(FullPolicy::kDropOldest, false);
}
TEST_F(JournalSimulation, TellsOfEveryFlippedBit) {
  run(FullPolicy::kPushBack, true);
}

}  // namespace
}  // namespace millwright::journal
