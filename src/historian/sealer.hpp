// Sealer: turns closed segments of a shard's journal into column files: readings by series, in order, each once, and
// their roll-ups of 1 s, 1 min and 1 h. Then those segments of the journal go.
//
// What comes late (not after all that is sealed of its series) makes the rows of its intervals anew, from all readings
// there are; where those are gone already, what is known of it is added to the old rows.
//
// Threads: the historian's background thread. Memory: some 64 MiB of journal at a time, however much is sealed at once.
#pragma once

#include <functional>
#include <unordered_map>
#include <vector>

#include "historian/chunk_builder.hpp"
#include "historian/column_reader.hpp"
#include "historian/shelf.hpp"

namespace millwright::historian {

class Sealer {
 public:
  struct Options {
    // Journal that is sealed at once, for each series: enough that chunks are worth their heads …
    std::uint64_t bytes_per_series = 4 * 1024;
    // … but no more than this.
    std::uint64_t bytes_max = 512ULL << 20;
    std::uint64_t arena_bytes = 64ULL << 20;
    // The class of sensors, kept alike, that a series belongs to; 0: the default.
    std::function<std::uint64_t(SeriesKey)> retention_class;
    // Of the swinging door, by series; 0 or none: all readings are kept.
    std::function<double(SeriesKey)> deviation;
  };
  // `shelves` are all, this shard's among them: a series may have moved between shards.
  Sealer(const std::vector<Shelf>& shelves, std::size_t shard, Options options);

  enum class Need { kEnough, kAll };  // seal once there is enough, or whatever is closed
  // Seals once; false where there is nothing to do yet.
  core::Result<bool> seal(Need need);

 private:
  struct BlockRef {
    SeriesKey key = 0;
    std::uint32_t bytes = 0;
    std::uint64_t at = 0;  // in the arena
    core::TimeNs base = 0;
  };
  struct Span {  // what is sealed at once
    journal::Sequence first = 0;
    journal::Sequence last = 0;
    std::uint64_t bytes = 0;
    std::size_t segments = 0;
  };
  struct Pass {  // series whose blocks are gathered together
    SeriesKey low = 0;
    SeriesKey high = UINT32_MAX;
  };
  using Drafts = std::array<ColumnStore::Draft, kTiers>;

  std::optional<Span> next_span(Need need) const;
  core::Status survey(const Span& span);
  [[nodiscard]] std::vector<Pass> passes() const;
  core::Status gather(const Span& span, const Pass& pass);
  core::Status write_series(std::span<const BlockRef> blocks);
  core::Result<Drafts*> drafts_for(SeriesKey key);
  core::Status sum_up(SeriesKey key);
  core::Status sum_up_late(SeriesKey key, core::TimeNs sealed, std::size_t& done);
  core::Status redo_hour(SeriesKey key, core::TimeNs hour, std::size_t from, std::size_t to);
  core::Status load_latest();
  core::Status drop_sealed();

  ShardLog& log_;
  ColumnStore& store_;
  const std::vector<Shelf>& shelves_;
  const Options options_;
  bool latest_loaded_ = false;
  std::unordered_map<SeriesKey, core::TimeNs> latest_;  // of what is sealed, by series

  // Of the span being sealed.
  std::vector<std::uint64_t> bytes_of_;  // by series key
  Written written_;
  std::unordered_map<std::uint64_t, Drafts> drafts_;  // by retention class
  std::vector<std::byte> arena_;
  std::vector<BlockRef> refs_;
  SeriesRun run_;
  SeriesRun hour_run_;
  std::array<std::vector<RollupRow>, kTiers> rows_;
  std::vector<Reading> readings_;
  std::vector<RollupRow> known_;
  Decoder decoder_;
  DecodedBlock block_;
  ChunkBuilder builder_;
  ColumnReader reader_;
};

}  // namespace millwright::historian
