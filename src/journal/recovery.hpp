// What opening a journal finds on disk. Closed segments are known by their headers alone; only the newest is read
// whole, as only it can be unfinished.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "io/file_system.hpp"
#include "journal/format.hpp"
#include "journal/journal.hpp"

namespace millwright::journal {

struct Segment {
  SegmentHeader header;
  bool readable = true;     // false: both copies of its header are damaged
  std::uint64_t bytes = 0;  // that hold records known to be good to read
  Sequence last = 0;        // 0: no record
  bool closed = false;
  // Places where a record begins, for reading from the middle; only of segments written by this process.
  struct Place {
    Sequence sequence;
    std::uint64_t offset;
  };
  std::vector<Place> places;
};

struct Recovered {
  std::vector<Segment> segments;  // oldest first
  Sequence next = 1;
  // Set where the newest segment may not be all on disk, or has a tail to cut off: it must be settled before anything
  // is written after it.
  std::optional<Settled> unsettled;
};

core::Result<Recovered> recover(io::FileSystem& files, const std::string& directory, std::uint64_t stream,
                                RecoveryReport& report);

}  // namespace millwright::journal
