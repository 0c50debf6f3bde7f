#include "historian/column_reader.hpp"

#include <algorithm>
#include <cstring>

#include "core/log.hpp"

namespace millwright::historian {
namespace {

using core::ErrorCode;
using core::Status;
using core::TimeNs;

// Damage has been reported where it was found; what else is there is still answered.
bool is_damage(const core::Error& error) {
  return error.code == ErrorCode::kCorrupt;
}

// Readings of a block as an iterator makes them, so that a vector takes them in without being filled with zeros first.
template <typename T>
class ReadingIterator {
 public:
  using iterator_category = std::forward_iterator_tag;
  using value_type = Reading;
  using difference_type = std::ptrdiff_t;
  using pointer = const Reading*;
  using reference = Reading;

  ReadingIterator(const DecodedBlock& block, core::Quality quality, std::uint32_t at)
      : block_(&block), quality_(quality), at_(at) {}
  Reading operator*() const {
    T bits;
    std::memcpy(&bits, block_->values.data() + at_ * sizeof(T), sizeof(T));
    return {.time = block_->time(at_), .bits = bits, .quality = quality_};
  }
  ReadingIterator& operator++() {
    ++at_;
    return *this;
  }
  bool operator==(const ReadingIterator& other) const { return at_ == other.at_; }
  bool operator!=(const ReadingIterator& other) const { return at_ != other.at_; }

 private:
  const DecodedBlock* block_;
  core::Quality quality_;
  std::uint32_t at_;
};

template <typename T>
void take_values(const DecodedBlock& block, std::uint32_t from, std::uint32_t to, core::Quality quality,
                 std::vector<Reading>& readings) {
  readings.insert(readings.end(), ReadingIterator<T>(block, quality, from), ReadingIterator<T>(block, quality, to));
}

}  // namespace

void take_readings(const DecodedBlock& block, TimeNs from, TimeNs to, std::vector<Reading>& readings) {
  // Mostly the whole of an even block lies inside.
  const core::TimeNs first = block.time(0);
  const core::TimeNs last = block.time(block.count - 1);
  const bool inside = block.times.empty() && std::min(first, last) >= from && std::max(first, last) < to;
  std::uint32_t at = 0;
  for (const core::QualityRun& run : block.quality) {
    const std::uint32_t end = at + run.count;
    while (at < end) {
      while (!inside && at < end && (block.time(at) < from || block.time(at) >= to)) ++at;
      std::uint32_t stop = inside ? end : at;
      while (stop < end && block.time(stop) >= from && block.time(stop) < to) ++stop;
      switch (core::width(block.type)) {
        case 8:
          take_values<std::uint64_t>(block, at, stop, run.quality, readings);
          break;
        case 4:
          take_values<std::uint32_t>(block, at, stop, run.quality, readings);
          break;
        default:
          take_values<std::uint8_t>(block, at, stop, run.quality, readings);
      }
      at = stop;
    }
  }
}

void fold_rows(std::vector<RollupRow>& rows) {
  const auto earlier = [](const RollupRow& a, const RollupRow& b) { return a.of.start < b.of.start; };
  const auto not_later = [](const RollupRow& a, const RollupRow& b) { return a.of.start >= b.of.start; };
  if (std::adjacent_find(rows.begin(), rows.end(), not_later) == rows.end()) return;
  if (!std::is_sorted(rows.begin(), rows.end(), earlier)) std::stable_sort(rows.begin(), rows.end(), earlier);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (kept == 0 || rows[kept - 1].of.start != rows[i].of.start) {
      if (kept != i) rows[kept] = rows[i];
      ++kept;
    } else if (rows[i].whole) {
      rows[kept - 1] = rows[i];
    } else {
      combine(rows[kept - 1].of, rows[i].of);
    }
  }
  rows.resize(kept);
}

core::Result<std::vector<BlockEntry>> ColumnReader::blocks(const ColumnSet::File& file, const ChunkEntry& chunk,
                                                           TimeNs from, TimeNs to) {
  auto directory = file->directory(chunk);
  if (!directory) {
    if (!is_damage(directory.error())) return core::unexpected(directory.error());
    core::logger("historian")->error("{}; its readings are left out", directory.error().message);
    return std::vector<BlockEntry>();
  }
  std::erase_if(directory->blocks, [&](const BlockEntry& block) { return !block.times.overlaps(from, to); });
  return std::move(directory->blocks);
}

Status ColumnReader::find(const ColumnSet::File& file, SeriesKey key, TimeNs from, TimeNs to,
                          std::vector<Place>& places) {
  if (!file->summary().times.overlaps(from, to)) return {};
  const auto chunk = file->find(key);
  if (!chunk) return core::unexpected(chunk.error());
  if (!*chunk || !(*chunk)->times.overlaps(from, to)) return {};
  const auto found = blocks(file, **chunk, from, to);
  if (!found) return core::unexpected(found.error());
  for (const BlockEntry& block : *found) places.push_back({file, block});
  return {};
}

Status ColumnReader::read(const Place& place, TimeNs from, TimeNs to, std::vector<Reading>& readings) {
  return place.file->read({&place.block, 1}, buffer_, [&](const BlockEntry& block, std::span<const std::byte> bytes) {
    if (auto decoded = decoder_.decode(bytes, block.times.low, block_); !decoded) {
      core::logger("historian")->error("{}: {}; its block is left out", place.file->path(), decoded.error().message);
      return;
    }
    take_readings(block_, from, to, readings);
  });
}

template <typename Decode>
core::Result<std::span<const std::byte>> ColumnReader::whole(const Place& place, Decode&& decode) {
  std::span<const std::byte> good;
  const Status read = place.file->read({&place.block, 1}, buffer_, [&](const BlockEntry&, auto bytes) {
    if (auto decoded = decode(bytes); decoded) {
      good = bytes;
    } else {
      core::logger("historian")->error("{}: {}; its block is left out", place.file->path(), decoded.error().message);
    }
  });
  if (!read) return core::unexpected(read.error());
  return good;
}

core::Result<std::span<const std::byte>> ColumnReader::read(const Place& place, SeriesRun& run) {
  return whole(place, [&](std::span<const std::byte> bytes) {
    Status decoded = decoder_.decode(bytes, place.block.times.low, block_);
    if (decoded) run.append(block_);
    return decoded;
  });
}

core::Result<std::span<const std::byte>> ColumnReader::rows(const Place& place, std::vector<RollupRow>& rows) {
  return whole(place, [&](std::span<const std::byte> bytes) {
    return row_codec_.decode(bytes, width_of(place.file->header().tier), rows);
  });
}

Status ColumnReader::rows(const ColumnSet::File& file, const ChunkEntry& chunk, TimeNs from, TimeNs to,
                          std::vector<RollupRow>& rows) {
  const core::DurationNs width = width_of(file->header().tier);
  // A row's readings may lie up to a width after its start.
  const TimeNs to_end = to > INT64_MAX - width ? INT64_MAX : to + width;
  const auto found = blocks(file, chunk, from, to_end);
  if (!found) return core::unexpected(found.error());
  const std::size_t had = rows.size();
  const Status read = file->read(*found, buffer_, [&](const BlockEntry&, std::span<const std::byte> bytes) {
    if (auto decoded = row_codec_.decode(bytes, width, rows); !decoded) {
      core::logger("historian")->error("{}: {}; its rows are left out", file->path(), decoded.error().message);
    }
  });
  const auto outside = [&](const RollupRow& row) { return row.of.start < from || row.of.start >= to; };
  rows.erase(std::remove_if(rows.begin() + static_cast<std::ptrdiff_t>(had), rows.end(), outside), rows.end());
  return read;
}

Status ColumnReader::rows(const ColumnSet& set, Tier tier, SeriesKey key, TimeNs from, TimeNs to,
                          std::vector<RollupRow>& rows) {
  const core::DurationNs width = width_of(tier);
  const TimeNs to_end = to > INT64_MAX - width ? INT64_MAX : to + width;
  for (const ColumnSet::File& file : set.of(tier)) {
    if (!file->summary().times.overlaps(from, to_end)) continue;
    const auto chunk = file->find(key);
    if (!chunk) return core::unexpected(chunk.error());
    if (!*chunk || !(*chunk)->times.overlaps(from, to_end)) continue;
    if (auto read = this->rows(file, **chunk, from, to, rows); !read) return read;
  }
  fold_rows(rows);
  return {};
}

}  // namespace millwright::historian
