// ShardLog: one shard's journal with what its checkpoints need: where the sources stand and every series' last reading.
//
// Threads: open(), reset_lanes() and start() before all else; append() and last() from the shard's thread; the rest
// from any.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/mutex.hpp"
#include "core/result.hpp"
#include "historian/codec.hpp"
#include "historian/record.hpp"
#include "historian/settler.hpp"
#include "historian/time_index.hpp"
#include "io/clock.hpp"
#include "io/file_system.hpp"
#include "journal/journal.hpp"

namespace millwright::historian {

// The history's age: time that was seen to pass, whatever the wall clock does. Threads: any.
class AgeClock {
 public:
  AgeClock(const io::Clock& clock, core::DurationNs age) : clock_(clock), age_(age), since_(clock.monotonic()) {}
  [[nodiscard]] core::DurationNs now() const { return age_ + (clock_.monotonic() - since_); }
  [[nodiscard]] Written written() const { return {.wall = clock_.now(), .age = now()}; }

 private:
  const io::Clock& clock_;
  core::DurationNs age_;
  core::TimeNs since_;
};

// Where a shard is below the history's folder, and the identity of its journal and files.
inline std::string shard_folder(std::size_t shard) {
  return "shard-" + std::to_string(shard);
}
constexpr std::uint64_t shard_stream(std::size_t shard) {
  return 0x6d77'6869'7374'0001 + shard;
}

class ShardLog {
 public:
  using Lanes = std::map<SourceKey, pipeline::LanePosition>;

  static core::Result<std::unique_ptr<ShardLog>> open(io::FileSystem& files, const io::Clock& clock,
                                                      const std::string& directory, std::uint64_t stream,
                                                      const journal::Options& options);

  // What was on disk when it was opened.
  [[nodiscard]] const Lanes& recovered_lanes() const { return recovered_lanes_; }
  [[nodiscard]] const Written& newest() const { return newest_; }
  [[nodiscard]] const std::unordered_map<SeriesKey, LastReading>& last_readings() const { return last_; }

  // Lanes that another number of shards left, in place of its own; durable when it returns.
  core::Status reset_lanes(const Lanes& lanes, const AgeClock& age);
  void start(const AgeClock& age);

  // Appends a data record; on success its lanes and times are part of the next checkpoint.
  core::Result<journal::Sequence> append(std::span<const std::byte> payload, std::span<const Lane> lanes,
                                         const Extent& times);
  // A series' last recorded reading, for the recorder to keep up to date; the reference stays good.
  LastReading& last(SeriesKey key) {
    LastReading& known = last_[key];
    series_.store(last_.size(), std::memory_order_relaxed);
    return known;
  }
  // Whether what the journal's oldest segment says of sources and last readings is known to be on disk in a later one.
  // Before that it must stay, though its readings be sealed. From any thread.
  [[nodiscard]] bool may_drop_oldest();
  // Records from `from` on stay in the journal, though they be sealed, until `who` says another or lets go: it has yet
  // to read them (follower.hpp). From any thread.
  void hold(const void* who, journal::Sequence from);
  void let_go(const void* who);
  // The first record that somebody holds; beyond any there is where nobody does. From any thread.
  [[nodiscard]] journal::Sequence held_from() const;
  // How many series were ever recorded here; from any thread.
  [[nodiscard]] std::size_t series() const { return series_.load(std::memory_order_relaxed); }

  journal::Journal& journal() { return *journal_; }
  Settler& settler() { return settler_; }
  [[nodiscard]] const Settler& settler() const { return settler_; }
  TimeIndex& index() { return index_; }

 private:
  explicit ShardLog(std::unique_ptr<journal::Journal> journal) : journal_(std::move(journal)), index_(*journal_) {}
  core::Status recover();
  journal::Sequence recover_checkpoint();
  void recover_data(const journal::Record& record, std::uint64_t newest_segment);
  void begin_segment();
  bool append_or_log(journal::RecordType type, std::span<const std::byte> payload);

  const std::unique_ptr<journal::Journal> journal_;
  Settler settler_;
  TimeIndex index_;
  const AgeClock* age_ = nullptr;

  Lanes lanes_;
  Lanes recovered_lanes_;
  std::unordered_map<SeriesKey, LastReading> last_;
  std::atomic<std::size_t> series_{0};
  Written newest_;
  SegmentStart current_;  // the segment being written: its data records and their times

  struct Checkpoint {
    journal::Sequence first = 0;
    journal::Sequence last = 0;
  };
  mutable core::Mutex mutex_;
  std::map<const void*, journal::Sequence> holds_ GUARDED_BY(mutex_);
  Checkpoint durable_checkpoint_ GUARDED_BY(mutex_);
  std::deque<Checkpoint> checkpoints_ GUARDED_BY(mutex_);  // appended, and maybe not yet on disk

  Decoder decoder_;
  DecodedBlock decoded_;
};

// Takes `block`'s newest reading into `last`, unless that has a later one, or the block's time cannot be right.
void note_last(const core::Block& block, LastReading& last);

}  // namespace millwright::historian
