// TimeIndex: where in one journal the readings of a time may be. Segments by the bounds that the next segment's start
// keeps; inside a segment runs of records of some 64 KiB, found by reading it once, when first asked for.
//
// Threads: all of it from any thread; one builds at a time and others wait. About 100 bytes a run: 32 MB for 20 GB.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "core/mutex.hpp"
#include "core/result.hpp"
#include "historian/record.hpp"
#include "journal/journal.hpp"

namespace millwright::historian {

class TimeIndex {
 public:
  explicit TimeIndex(const journal::Journal& journal) : journal_(journal) {}

  // Neighbouring records of one segment.
  struct Run {
    std::uint64_t segment = 0;
    std::uint64_t offset = 0;     // of the first record
    journal::Sequence first = 0;  // the records' sequences
    journal::Sequence last = 0;
    std::uint64_t bytes = 0;
    Extent times;
    KeyExtent keys;
  };
  // Appends the runs after record `after` that may hold readings of `key` with times in [from, to); committed data
  // only.
  core::Status find(SeriesKey key, core::TimeNs from, core::TimeNs to, journal::Sequence after, std::vector<Run>& found)
      EXCLUDES(mutex_);

  // The history's age when the oldest segment that holds more than records up to `after` was closed; nothing where it
  // is not closed or cannot be told.
  std::optional<core::DurationNs> oldest_closed_age(journal::Sequence after = 0) EXCLUDES(mutex_);

 private:
  struct Segment {
    std::vector<Run> runs;
    journal::Sequence read_to = 0;  // the last record in `runs`, or read
    std::uint64_t read_offset = 0;  // of that record
    bool start_read = false;        // `start` is all there is to know
    std::optional<SegmentStart> start;
  };
  void forget_dropped(const std::vector<journal::SegmentInfo>& infos) REQUIRES(mutex_);
  const std::optional<SegmentStart>& start_of(const journal::SegmentInfo& info) REQUIRES(mutex_);
  core::Status read_on(const journal::SegmentInfo& info, Segment& segment) REQUIRES(mutex_);

  const journal::Journal& journal_;
  core::Mutex mutex_;
  std::map<std::uint64_t, Segment> segments_ GUARDED_BY(mutex_);
};

}  // namespace millwright::historian
