// Journal: an append-only log of records in segment files, for whoever must not forget: history, alarms, catalogue.
// Format: docs/format/journal.md. Guarantees 1 to 6 of the design are tested in tests/ and tests/sim.
//
//   append() frames a record into memory; commit() writes and syncs all that was appended and is what makes it durable.
//   A GroupCommit (group_commit.hpp) calls commit() for many journals every 100 ms.
//
// Threads: append() by one thread, which never waits for the disk; commit() by one other; all the rest from any.
// Destroying a journal does not commit: what was appended and not committed is gone, as in a crash.
// Errors: append() fails with kFull while the disk is full and the buffer is at its limit (back-pressure: try again),
// kIo for good after the journal has stopped. Limits: a record has at most kMaxRecordBytes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"
#include "io/clock.hpp"
#include "io/file_system.hpp"

namespace millwright::journal {

inline constexpr std::uint32_t kMaxRecordBytes = 16 * 1024 * 1024;

using RecordType = std::uint8_t;  // the owner's; 0 is the journal's own
using Sequence = std::uint64_t;   // of a record within its journal, from 1, without gaps

enum class FullPolicy {
  kPushBack,    // append() fails until there is room
  kDropOldest,  // the oldest closed segments go, with a durable gap record
};

struct Options {
  std::uint64_t segment_bytes = 64 * 1024 * 1024;  // a new file once a segment is this long
  std::uint64_t buffer_bytes = 32 * 1024 * 1024;   // appended and not yet written; then append() pushes back
  std::uint64_t reserve_bytes = 4 * 1024 * 1024;   // kept free on the disk for whoever may write when it is full
  bool may_use_reserve = false;                    // catalogue, alarms and audit may
  FullPolicy when_full = FullPolicy::kPushBack;
};

// What recovery found. Ranges are of sequences; `where` names file and byte offsets.
struct Damage {
  std::string where;
  Sequence first_lost = 0;  // 0: unknown
  Sequence last_lost = 0;
  std::string reason;
};
struct RecoveryReport {
  std::uint64_t segments = 0;
  std::uint64_t records = 0;          // read and checked
  std::uint64_t truncated_bytes = 0;  // an unfinished tail; a copy is kept beside as <segment>.tail
  std::vector<Damage> damage;         // anywhere else: skipped, kept, reported
};

struct Record {
  Sequence sequence = 0;
  RecordType type = 0;
  std::span<const std::byte> payload;  // valid inside the visitor only
  std::uint64_t segment = 0;           // first sequence of its segment: which file
  std::uint64_t offset = 0;            // of its first frame in that file
};
// What kDropOldest dropped, as a record of type 0 in the journal itself. Visitors get these too.
struct Gap {
  Sequence first = 0;
  Sequence last = 0;
  core::TimeNs dropped = 0;
};
std::optional<Gap> decode_gap(const Record& record);

// False stops the reading.
using Visitor = std::function<bool(const Record&)>;

struct SegmentInfo {
  Sequence first = 0;  // names the segment
  Sequence last = 0;   // 0 while it is empty
  std::uint64_t bytes = 0;
  core::TimeNs created = 0;
  bool closed = false;
};

class Journal {
 public:
  // Opens or creates the journal in `directory`, recovering it. `stream` is its identity, checked against the files'.
  static core::Result<std::unique_ptr<Journal>> open(io::FileSystem& files, const io::Clock& clock,
                                                     std::string directory, std::uint64_t stream, Options options,
                                                     RecoveryReport* report = nullptr);
  virtual ~Journal() = default;

  virtual core::Result<Sequence> append(RecordType type, std::span<const std::byte> payload) = 0;
  // Called at the start of each new segment, in the appending thread, to append what makes it readable by itself
  // (checkpoints). Set before the first append().
  virtual void on_new_segment(std::function<void()> checkpoint) = 0;

  // Writes and syncs what was appended before the call. On kFull nothing is lost: it stays in memory for the next call.
  virtual core::Status commit() = 0;
  [[nodiscard]] virtual Sequence durable() const = 0;   // the last sequence known to be on disk
  [[nodiscard]] virtual Sequence appended() const = 0;  // the last sequence given out
  [[nodiscard]] virtual bool disk_full() const = 0;

  // Reads records from `from` on, in order, what is committed only; skips damage and tells `damaged` of it.
  virtual core::Status read(Sequence from, const Visitor& visitor,
                            const std::function<void(const Damage&)>& damaged = {}) const = 0;
  // Reads one segment from a record's offset on (0: its start) to its end.
  virtual core::Status read_segment(std::uint64_t segment, std::uint64_t offset, const Visitor& visitor) const = 0;
  [[nodiscard]] virtual std::vector<SegmentInfo> segments() const = 0;
  // Removes the oldest closed segment, as retention asks. kNotFound where none is closed, or where it is the only
  // one: the newest file holds the sequence's place.
  virtual core::Status drop_oldest() = 0;
  // Bytes on disk.
  [[nodiscard]] virtual std::uint64_t bytes() const = 0;
};

}  // namespace millwright::journal
