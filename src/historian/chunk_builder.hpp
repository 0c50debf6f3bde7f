// ChunkBuilder: from one series' readings or rows to the blocks of a chunk.
//
// Threads: one.
#pragma once

#include <vector>

#include "historian/codec.hpp"
#include "historian/column_writer.hpp"
#include "historian/row_codec.hpp"
#include "historian/series_run.hpp"

namespace millwright::historian {

class ChunkBuilder {
 public:
  // Adds all readings, which are in order, as blocks of like size to the writer's chunk.
  void add(SeriesRun& run, ColumnWriter& writer);
  // The same with rows of the width.
  void add(std::span<const RollupRow> rows, core::DurationNs width, ColumnWriter& writer);
  // The same, and ends the chunk, with what the rows say as its statistics.
  core::Status write(SeriesKey key, std::span<const RollupRow> rows, core::DurationNs width, ColumnWriter& writer);

 private:
  Encoder encoder_;
  RowCodec row_codec_;
  std::vector<std::byte> bytes_;
};

}  // namespace millwright::historian
