// Merger: makes few large column files of many small ones, so that a query opens few and chunks are worth reading.
//
// As a log-structured merge tree does it, by rank: eight files in a row of one rank become one of the next. Readings
// are put in order and re-encoded in full blocks where they are not; rows of one interval become one.
//
// Threads: the historian's background thread. Memory: a chunk's bytes, and the readings or rows of some blocks, or of
// those that overlap. Source: P. O'Neil et al., "The log-structured merge-tree", 1996.
#pragma once

#include <functional>

#include "historian/chunk_builder.hpp"
#include "historian/column_reader.hpp"
#include "historian/column_store.hpp"

namespace millwright::historian {

class Merger {
 public:
  struct Options {
    std::size_t fan_in = 8;
    std::uint64_t bytes_max = 1ULL << 30;  // of a merged file
    // The longest time, by the history's age, that a file of a tier may span: a part of what it is kept. 0: any.
    std::array<core::DurationNs, kTiers> span_max{};
    // Bytes of the disk that a merge may take, before what it merges is gone.
    std::function<std::int64_t()> room;
  };
  Merger(ColumnStore& store, Options options) : store_(store), options_(std::move(options)) {}

  // Merges once; false where there is nothing to merge.
  core::Result<bool> merge();

 private:
  using Files = std::vector<ColumnSet::File>;
  [[nodiscard]] Files next(const ColumnSet& set, Tier tier) const;
  [[nodiscard]] bool fits(const Files& files, Tier tier) const;
  core::Status merge(const Files& files);
  struct Cursor;
  using Place = ColumnReader::Place;
  core::Status merge_series(SeriesKey key, std::span<Cursor* const> cursors, ColumnWriter& writer);
  core::Result<Aggregate> merge_readings(std::span<const Place> places, ColumnWriter& writer);
  core::Result<Aggregate> merge_rows(std::span<const Place> places, ColumnWriter& writer);
  core::Result<bool> copy(SeriesKey key, std::span<Cursor* const> cursors, ColumnWriter& writer);

  ColumnStore& store_;
  const Options options_;
  ColumnReader reader_;
  ChunkBuilder builder_;
  SeriesRun run_;
  std::vector<RollupRow> rows_;
  std::vector<std::byte> buffer_;
};

}  // namespace millwright::historian
