// Reading one series from column files: readings, and rows of the roll-up tiers. Shared by queries, by sealing (for
// what comes late) and by merging.
//
// Threads: any; each caller has a reader of its own. Damage costs its block, is logged, and is never an error.
#pragma once

#include <vector>

#include "historian/codec.hpp"
#include "historian/column_store.hpp"
#include "historian/historian.hpp"
#include "historian/row_codec.hpp"
#include "historian/series_run.hpp"

namespace millwright::historian {

class ColumnReader {
 public:
  // Where blocks are that may hold something of [from, to).
  struct Place {
    ColumnSet::File file;
    BlockEntry block;
  };
  core::Status find(const ColumnSet::File& file, SeriesKey key, core::TimeNs from, core::TimeNs to,
                    std::vector<Place>& places);

  // Appends the readings of a block that lie in [from, to).
  core::Status read(const Place& place, core::TimeNs from, core::TimeNs to, std::vector<Reading>& readings);
  // Appends all that a block holds. Gives its bytes as they are, until the next call; none: it is damaged.
  core::Result<std::span<const std::byte>> read(const Place& place, SeriesRun& run);
  core::Result<std::span<const std::byte>> rows(const Place& place, std::vector<RollupRow>& rows);

  // Appends the rows of a chunk that begin in [from, to).
  core::Status rows(const ColumnSet::File& file, const ChunkEntry& chunk, core::TimeNs from, core::TimeNs to,
                    std::vector<RollupRow>& rows);
  // The same of all files of a tier, brought to one row an interval, in order.
  core::Status rows(const ColumnSet& set, Tier tier, SeriesKey key, core::TimeNs from, core::TimeNs to,
                    std::vector<RollupRow>& rows);

 private:
  template <typename Decode>
  core::Result<std::span<const std::byte>> whole(const Place& place, Decode&& decode);
  core::Result<std::vector<BlockEntry>> blocks(const ColumnSet::File& file, const ChunkEntry& chunk, core::TimeNs from,
                                               core::TimeNs to);

  Decoder decoder_;
  DecodedBlock block_;
  RowCodec row_codec_;
  std::vector<std::byte> buffer_;
};

// Appends a block's readings that lie in [from, to).
void take_readings(const DecodedBlock& block, core::TimeNs from, core::TimeNs to, std::vector<Reading>& readings);

// Brings rows in the order of their files to one row an interval, in order of time: a whole row replaces what came
// before it, others add to it.
void fold_rows(std::vector<RollupRow>& rows);

}  // namespace millwright::historian
