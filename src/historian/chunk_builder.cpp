#include "historian/chunk_builder.hpp"

#include <algorithm>

namespace millwright::historian {

void ChunkBuilder::add(SeriesRun& run, ColumnWriter& writer) {
  for (std::size_t from = 0; from < run.size(); from += core::kMaxBlockReadings) {
    const std::size_t to = std::min<std::size_t>(from + core::kMaxBlockReadings, run.size());
    const core::Block block = run.block(from, to);
    const Extent times{block.times[0], block.times[block.count - 1]};
    bytes_.clear();
    encoder_.encode(block, times.low, bytes_);
    writer.add_block(bytes_, block.count, times);
  }
}

core::Status ChunkBuilder::write(SeriesKey key, std::span<const RollupRow> rows, core::DurationNs width,
                                 ColumnWriter& writer) {
  for (std::size_t from = 0; from < rows.size(); from += kRowsMax) {
    const auto part = rows.subspan(from, std::min(kRowsMax, rows.size() - from));
    Extent times;
    for (const RollupRow& row : part) {
      times.add(row.of.start);
      // A row of bad readings alone has no times of its own.
      if (row.of.count != 0) times.add(row.of.last_time);
    }
    bytes_.clear();
    row_codec_.encode(part, width, bytes_);
    writer.add_block(bytes_, static_cast<std::uint32_t>(part.size()), times);
  }
  return writer.end_chunk(key, total(rows));
}

}  // namespace millwright::historian
