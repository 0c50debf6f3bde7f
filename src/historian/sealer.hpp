// Sealer: turns closed segments of a shard's journal into column files: readings by series, in order, each once, and
// their roll-ups of 1 s, 1 min and 1 h. Then those segments of the journal go.
//
// A slow sensor's readings go to files of their own and have no roll-ups of 1 s, for they say the same. Each second of
// a series is of one kind or the other: what comes for it later, however quickly, goes where its first readings went.
//
// What comes late (not after all that is sealed of its series) makes the rows of its intervals anew, from all readings
// there are; where those are gone already, what is known of it is added to the old rows.
//
// Threads: the historian's background thread. Memory: some 64 MiB of journal at a time, however much is sealed at once.
#pragma once

#include <functional>
#include <map>
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
  struct Latest {  // of what is sealed of a series
    core::TimeNs time = INT64_MIN;
    bool slow = false;  // its second is kept as readings
  };
  using Rows = std::array<std::vector<RollupRow>, kTiers>;

  std::optional<Span> next_span(Need need) const;
  core::Status survey(const Span& span);
  [[nodiscard]] std::vector<Pass> passes() const;
  core::Status gather(const Span& span, const Pass& pass);
  core::Status write_series(std::span<const BlockRef> blocks);
  void read_blocks(std::span<const BlockRef> blocks);
  core::Result<ColumnWriter*> writer_for(SeriesKey key, Tier tier);
  [[nodiscard]] double deviation_of(SeriesKey key) const;
  core::Status write_readings(SeriesKey key);
  core::Status write_run(SeriesKey key, Tier tier, SeriesRun& run);
  void note_latest(SeriesKey key);
  core::Status sum_up(SeriesKey key);
  void sum_up_new(std::size_t from, std::size_t to, bool slow, Rows& rows);
  core::Status sum_up_late(SeriesKey key, core::TimeNs sealed, std::size_t& done);
  core::Status redo_hour(SeriesKey key, core::TimeNs hour, std::size_t from, std::size_t to);
  void write_again(std::size_t from, std::size_t to, bool whole);
  core::Status read_sealed(SeriesKey key, Tier tier, core::TimeNs from, core::TimeNs to);
  core::Status load_latest();
  template <typename Visitor>
  core::Status each_chunk(Tier tier, Visitor&& visit) const;
  core::Status drop_sealed();

  ShardLog& log_;
  ColumnStore& store_;
  const std::vector<Shelf>& shelves_;
  const Options options_;
  bool latest_loaded_ = false;
  std::unordered_map<SeriesKey, Latest> latest_;

  // Of the span being sealed.
  std::vector<std::uint64_t> bytes_of_;  // by series key
  Written written_;
  std::map<std::pair<std::uint64_t, Tier>, ColumnStore::Draft> drafts_;  // by retention class
  std::vector<std::byte> arena_;
  std::vector<BlockRef> refs_;
  SeriesRun run_;
  SeriesRun part_run_;
  SeriesRun hour_run_;
  bool slow_ = false;               // the series, in this span
  std::vector<std::uint8_t> kept_;  // by reading of run_: whether it is kept as its own second
  Rows rows_;
  std::vector<Reading> readings_;
  std::vector<RollupRow> known_;
  Decoder decoder_;
  DecodedBlock block_;
  ChunkBuilder builder_;
  ColumnReader reader_;
};

}  // namespace millwright::historian
