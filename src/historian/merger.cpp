#include "historian/merger.hpp"

#include <algorithm>

#include "core/log.hpp"

namespace millwright::historian {

using core::Status;

namespace {

// Blocks with less than this part of what they may hold are worth encoding again together.
constexpr std::uint32_t kWorthPart = 4;

std::uint64_t bytes_of(const std::vector<ColumnSet::File>& files) {
  std::uint64_t bytes = 0;
  for (const ColumnSet::File& file : files) bytes += file->bytes();
  return bytes;
}

// A block of the series that is merged, and which of the files it is from.
struct Piece {
  ColumnReader::Place place;
  std::size_t file = 0;

  [[nodiscard]] core::TimeNs low() const { return place.block.times.low; }
};

// From pieces in order of time as few as lie apart from all others, and are as much as a block may hold, or one that is
// large enough by itself.
template <typename Iterator>
Iterator end_of_group(Iterator from, Iterator end, std::uint64_t block_max) {
  std::uint64_t count = 0;
  core::TimeNs high = INT64_MIN;
  for (Iterator at = from; at != end; ++at) {
    const bool apart = at != from && at->low() > high;
    if (apart && (count >= block_max || (at == from + 1 && count >= block_max / kWorthPart))) return at;
    count += at->place.block.count;
    high = std::max(high, at->place.block.times.high);
  }
  return end;
}

}  // namespace

// Goes through one file's chunks in order.
struct Merger::Cursor {
  ColumnSet::File file;
  std::vector<ChunkEntry> entries;
  std::size_t at = 0;
  std::size_t next = 0;

  Status load() {
    auto more = file->entries(next);
    if (!more) return core::unexpected(more.error());
    entries = std::move(*more);
    next += entries.size();
    at = 0;
    return {};
  }
  [[nodiscard]] bool done() const { return at == entries.size(); }
  [[nodiscard]] const ChunkEntry& chunk() const { return entries[at]; }
  Status advance() { return ++at == entries.size() ? load() : Status{}; }
};

core::Result<bool> Merger::merge() {
  const auto set = store_.set();
  for (std::size_t tier = 0; tier < kTiers; ++tier) {
    const Files files = next(*set, static_cast<Tier>(tier));
    if (files.empty() || options_.room() < static_cast<std::int64_t>(bytes_of(files))) continue;
    if (auto merged = merge(files); !merged) return core::unexpected(merged.error());
    return true;
  }
  return false;
}

bool Merger::fits(const Files& files, Tier tier) const {
  const std::uint64_t bytes = bytes_of(files);
  const core::DurationNs span = files.back()->summary().written.age - files.front()->summary().written.age;
  const core::DurationNs span_max = options_.span_max[index_of(tier)];
  return bytes <= options_.bytes_max && (span_max == 0 || span <= span_max);
}

// The oldest run of files of one rank and class that is long enough.
Merger::Files Merger::next(const ColumnSet& set, Tier tier) const {
  std::map<std::uint64_t, Files> runs;  // by class
  for (const ColumnSet::File& file : set.of(tier)) {
    Files& run = runs[file->header().retention];
    if (!run.empty() && run.front()->header().rank != file->header().rank) run.clear();
    if (file->summary().written.age == kAgeUnknown) {  // damaged: it stays as it is
      run.clear();
      continue;
    }
    run.push_back(file);
    if (run.size() < options_.fan_in) continue;
    if (fits(run, tier)) return run;
    run.erase(run.begin());
  }
  return {};
}

Status Merger::merge(const Files& files) {
  std::vector<Cursor> cursors;
  Written written;
  for (const ColumnSet::File& file : files) {
    cursors.push_back({.file = file, .entries = {}, .at = 0, .next = 0});
    if (auto loaded = cursors.back().load(); !loaded) return loaded;
    if (file->summary().written.age >= written.age) written = file->summary().written;
  }
  const ColumnHeader& header = files.front()->header();
  const auto rank = static_cast<std::uint8_t>(std::min(header.rank + 1, 255));
  auto draft = store_.draft(header.tier, rank, header.retention);
  if (!draft) return core::unexpected(draft.error());
  std::vector<Cursor*> same;
  for (;;) {
    SeriesKey key = UINT32_MAX;
    for (const Cursor& cursor : cursors) {
      if (!cursor.done()) key = std::min(key, cursor.chunk().key);
    }
    same.clear();
    for (Cursor& cursor : cursors) {
      if (!cursor.done() && cursor.chunk().key == key) same.push_back(&cursor);
    }
    if (same.empty()) break;
    if (auto merged = merge_series(key, same, *draft->writer); !merged) return merged;
    for (Cursor* cursor : same) {
      if (auto moved = cursor->advance(); !moved) return moved;
    }
  }
  ColumnStore::Change change{.add = {}, .remove = files, .sealed = 0, .written = written};
  change.add.push_back(std::move(*draft));
  return store_.apply(std::move(change));
}

// By groups of blocks that no other block lies among.
Status Merger::merge_series(SeriesKey key, std::span<Cursor* const> cursors, ColumnWriter& writer) {
  const bool readings = holds_readings(cursors.front()->file->header().tier);
  if (readings) {
    const auto copied = copy(key, cursors, writer);
    if (!copied) return core::unexpected(copied.error());
    if (*copied) return {};
  }
  std::vector<Piece> pieces;
  std::vector<Place> places;
  for (std::size_t i = 0; i < cursors.size(); ++i) {
    places.clear();
    if (auto found = reader_.find(cursors[i]->file, key, INT64_MIN, INT64_MAX, places); !found) return found;
    for (Place& place : places) pieces.push_back({std::move(place), i});
  }
  std::stable_sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.low() < b.low(); });
  Aggregate statistics;
  for (auto from = pieces.begin(); from != pieces.end();) {
    const auto to = end_of_group(from, pieces.end(), readings ? core::kMaxBlockReadings : kRowsMax);
    std::stable_sort(from, to, [](const Piece& a, const Piece& b) { return a.file < b.file; });
    places.clear();
    for (; from != to; ++from) places.push_back(std::move(from->place));
    const auto merged = readings ? merge_readings(places, writer) : merge_rows(places, writer);
    if (!merged) return core::unexpected(merged.error());
    combine(statistics, *merged);
  }
  return writer.end_chunk(key, statistics);
}

core::Result<Aggregate> Merger::merge_readings(std::span<const Place> places, ColumnWriter& writer) {
  run_.clear();
  for (const Place& place : places) {
    const auto bytes = reader_.read(place, run_);
    if (!bytes) return core::unexpected(bytes.error());
    if (places.size() > 1 || bytes->empty()) continue;
    writer.add_block(*bytes, place.block.count, place.block.times);
    return run_.statistics();
  }
  run_.put_in_order();
  builder_.add(run_, writer);
  return run_.statistics();
}

core::Result<Aggregate> Merger::merge_rows(std::span<const Place> places, ColumnWriter& writer) {
  rows_.clear();
  for (const Place& place : places) {
    const auto bytes = reader_.rows(place, rows_);
    if (!bytes) return core::unexpected(bytes.error());
    if (places.size() > 1 || bytes->empty()) continue;
    writer.add_block(*bytes, place.block.count, place.block.times);
    return total(rows_);
  }
  fold_rows(rows_);
  builder_.add(rows_, width_of(places.front().file->header().tier), writer);
  return total(rows_);
}

// Where all blocks of a series are large enough and follow each other in time, they go over unread.
core::Result<bool> Merger::copy(SeriesKey key, std::span<Cursor* const> cursors, ColumnWriter& writer) {
  core::TimeNs before = INT64_MIN;
  std::vector<Directory> directories;
  Aggregate statistics;
  for (const Cursor* cursor : cursors) {
    auto directory = cursor->file->directory(cursor->chunk());
    if (!directory) return false;  // reading it block by block saves what can be saved
    for (const BlockEntry& block : directory->blocks) {
      if (block.count < core::kMaxBlockReadings / kWorthPart || block.times.low <= before) return false;
      before = block.times.high;
    }
    directories.push_back(std::move(*directory));
    Aggregate one = cursor->chunk().statistics;
    one.first_time = cursor->chunk().times.low;
    one.last_time = cursor->chunk().times.high;
    combine(statistics, one);
  }
  for (std::size_t i = 0; i < cursors.size(); ++i) {
    const Status read = cursors[i]->file->read(directories[i].blocks, buffer_,
                                               [&](const BlockEntry& block, std::span<const std::byte> bytes) {
                                                 writer.add_block(bytes, block.count, block.times);
                                               });
    if (!read) return core::unexpected(read.error());
  }
  if (auto ended = writer.end_chunk(key, statistics); !ended) return core::unexpected(ended.error());
  return true;
}

}  // namespace millwright::historian
