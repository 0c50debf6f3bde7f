#include "historian/merger.hpp"

#include <algorithm>

#include "core/log.hpp"

namespace millwright::historian {

using core::Status;

namespace {

// Blocks of fewer readings are worth encoding again together.
constexpr std::uint32_t kFullBlock = 2048;

std::uint64_t bytes_of(const std::vector<ColumnSet::File>& files) {
  std::uint64_t bytes = 0;
  for (const ColumnSet::File& file : files) bytes += file->bytes();
  return bytes;
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
  const core::DurationNs span_max = options_.span_max[static_cast<std::size_t>(tier)];
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
    const Status merged =
        header.tier == Tier::kRaw ? merge_readings(key, same, *draft->writer) : merge_rows(key, same, *draft->writer);
    if (!merged) return merged;
    for (Cursor* cursor : same) {
      if (auto moved = cursor->advance(); !moved) return moved;
    }
  }
  ColumnStore::Change change{.add = {}, .remove = files, .sealed = 0, .written = written};
  change.add.push_back(std::move(*draft));
  return store_.apply(std::move(change));
}

Status Merger::merge_readings(SeriesKey key, std::span<Cursor* const> cursors, ColumnWriter& writer) {
  Aggregate statistics;
  for (const Cursor* cursor : cursors) {
    Aggregate one = cursor->chunk().statistics;
    one.first_time = cursor->chunk().times.low;
    one.last_time = cursor->chunk().times.high;
    combine(statistics, one);
  }
  const auto copied = copy(cursors, writer);
  if (!copied) return core::unexpected(copied.error());
  if (!*copied) {
    run_.clear();
    for (const Cursor* cursor : cursors) {
      if (auto read = reader_.read(cursor->file, cursor->chunk(), run_); !read) return read;
    }
    if (run_.empty()) return {};
    run_.put_in_order();
    builder_.add(run_, writer);
    statistics = run_.statistics();
  }
  return writer.end_chunk(key, statistics);
}

// Full blocks that follow each other in time go over as they are.
core::Result<bool> Merger::copy(std::span<Cursor* const> cursors, ColumnWriter& writer) {
  core::TimeNs before = INT64_MIN;
  std::vector<Directory> directories;
  for (const Cursor* cursor : cursors) {
    auto directory = cursor->file->directory(cursor->chunk());
    if (!directory) return false;  // reading it block by block saves what can be saved
    for (const BlockEntry& block : directory->blocks) {
      if (block.count < kFullBlock || block.times.low <= before) return false;
      before = block.times.high;
    }
    directories.push_back(std::move(*directory));
  }
  for (std::size_t i = 0; i < cursors.size(); ++i) {
    const Status read = cursors[i]->file->read(directories[i].blocks, buffer_,
                                               [&](const BlockEntry& block, std::span<const std::byte> bytes) {
                                                 writer.add_block(bytes, block.count, block.times);
                                               });
    if (!read) return core::unexpected(read.error());
  }
  return true;
}

Status Merger::merge_rows(SeriesKey key, std::span<Cursor* const> cursors, ColumnWriter& writer) {
  rows_.clear();
  for (const Cursor* cursor : cursors) {
    const Status read = reader_.rows(cursor->file, cursor->chunk(), INT64_MIN, INT64_MAX, rows_);
    if (!read) return read;
  }
  fold_rows(rows_);
  return builder_.write(key, rows_, width_of(cursors.front()->file->header().tier), writer);
}

}  // namespace millwright::historian
