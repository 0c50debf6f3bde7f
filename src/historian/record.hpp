// The records of history's journals, as docs/format/history.md describes them.
//
// Threads: pure functions and values. Errors: a record that does not parse gives false; the journal has checked its
// bytes already, so that means another version.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/block.hpp"
#include "core/bytes.hpp"
#include "core/quality.hpp"
#include "core/time.hpp"
#include "journal/journal.hpp"
#include "pipeline/duplicate_filter.hpp"

namespace millwright::historian {

inline constexpr journal::RecordType kDataRecord = 1;
inline constexpr journal::RecordType kSegmentStartRecord = 2;
inline constexpr journal::RecordType kCheckpointRecord = 3;

using SeriesKey = std::uint32_t;
using SourceKey = std::uint32_t;

// From the earliest to the latest source time; nothing yet where low > high.
struct Extent {
  core::TimeNs low = INT64_MAX;
  core::TimeNs high = INT64_MIN;
  [[nodiscard]] bool empty() const { return low > high; }
  void add(core::TimeNs time) {
    low = std::min(low, time);
    high = std::max(high, time);
  }
  void add(const Extent& other) {
    low = std::min(low, other.low);
    high = std::max(high, other.high);
  }
  // Whether anything may lie in [from, to).
  [[nodiscard]] bool overlaps(core::TimeNs from, core::TimeNs to) const { return !empty() && low < to && high >= from; }
};

struct KeyExtent {
  SeriesKey low = UINT32_MAX;
  SeriesKey high = 0;
  void add(SeriesKey key) {
    low = std::min(low, key);
    high = std::max(high, key);
  }
  void add(const KeyExtent& other) {
    low = std::min(low, other.low);
    high = std::max(high, other.high);
  }
  [[nodiscard]] bool holds(SeriesKey key) const { return low <= key && key <= high; }
};

// Where a source stands: all its readings up to there are in this record or before.
struct Lane {
  SourceKey source = 0;
  pipeline::LanePosition position;
};

// How time stood when a record was written: by the wall clock, and by the history's own age, which only ever grows by
// time that was seen to pass.
struct Written {
  core::TimeNs wall = 0;
  core::DurationNs age = 0;
};

// ---- data: encoded blocks -------------------------------------------------------------------------------------------

struct DataHeader {
  Written written;  // the wall time is the blocks' base
  Extent times;
  KeyExtent keys;
};

// Appends the record's head to `out`; the blocks follow, each through put_block().
void put_data_head(const DataHeader& header, std::span<const Lane> lanes, std::uint32_t blocks,
                   std::vector<std::byte>& out);
void put_block(SeriesKey key, std::span<const std::byte> encoded, std::vector<std::byte>& out);

// Reads a data record step by step: header, lanes, blocks.
class DataReader {
 public:
  explicit DataReader(std::span<const std::byte> payload);
  [[nodiscard]] bool ok() const { return in_.ok(); }
  [[nodiscard]] const DataHeader& header() const { return header_; }
  // All lanes, before the first next_block().
  template <typename Visit>
  void lanes(Visit&& visit) {
    for (std::uint64_t left = in_.varint(); left > 0 && in_.ok(); --left) {
      const Lane lane = read_lane(in_);
      if (in_.ok()) visit(lane);
    }
    blocks_left_ = in_.varint();
  }
  struct EncodedBlock {
    SeriesKey key = 0;
    std::span<const std::byte> bytes;
  };
  std::optional<EncodedBlock> next_block();

  static Lane read_lane(core::ByteReader& in);

 private:
  core::ByteReader in_;
  DataHeader header_;
  std::uint64_t blocks_left_ = 0;
};

// ---- the first record of a segment: what the one before holds
// ---------------------------------------------------------

struct SegmentStart {
  Written written;
  journal::Sequence first = 0;  // data records of the segment before, 0: none
  journal::Sequence last = 0;
  Extent times;  // of those
};
std::vector<std::byte> encode_segment_start(const SegmentStart& start);
std::optional<SegmentStart> decode_segment_start(const journal::Record& record);

// ---- checkpoint: all that opening must know, in one or more parts
// -----------------------------------------------------

struct LastReading {
  core::TimeNs time = 0;
  core::TimeNs received = 0;
  std::uint64_t bits = 0;
  core::Quality quality;
  core::ValueType type = core::ValueType::kFloat64;
  bool known = false;
};

struct CheckpointPart {
  std::uint32_t part = 0;
  bool final = false;
  std::vector<Lane> lanes;
  std::vector<std::pair<SeriesKey, LastReading>> series;
};
std::vector<std::byte> encode_checkpoint(const CheckpointPart& part);
std::optional<CheckpointPart> decode_checkpoint(const journal::Record& record);

}  // namespace millwright::historian
