#include "historian/chunk_builder.hpp"

namespace millwright::historian {
namespace {

// Cuts `count` into as few parts of like size as need be.
template <typename Visitor>
void each_part(std::size_t count, std::size_t part_max, Visitor&& visit) {
  const std::size_t parts = (count + part_max - 1) / part_max;
  for (std::size_t i = 0; i < parts; ++i) visit(count * i / parts, count * (i + 1) / parts);
}

}  // namespace

void ChunkBuilder::add(SeriesRun& run, ColumnWriter& writer) {
  each_part(run.size(), core::kMaxBlockReadings, [&](std::size_t from, std::size_t to) {
    const core::Block block = run.block(from, to);
    const Extent times{block.times[0], block.times[block.count - 1]};
    bytes_.clear();
    encoder_.encode(block, times.low, bytes_);
    writer.add_block(bytes_, block.count, times);
  });
}

void ChunkBuilder::add(std::span<const RollupRow> rows, core::DurationNs width, ColumnWriter& writer) {
  each_part(rows.size(), kRowsMax, [&](std::size_t from, std::size_t to) {
    const auto part = rows.subspan(from, to - from);
    Extent times;
    for (const RollupRow& row : part) {
      times.add(row.of.start);
      // A row of bad readings alone has no times of its own.
      if (row.of.count != 0) times.add(row.of.last_time);
    }
    bytes_.clear();
    row_codec_.encode(part, width, bytes_);
    writer.add_block(bytes_, static_cast<std::uint32_t>(part.size()), times);
  });
}

core::Status ChunkBuilder::write(SeriesKey key, std::span<const RollupRow> rows, core::DurationNs width,
                                 ColumnWriter& writer) {
  add(rows, width, writer);
  return writer.end_chunk(key, total(rows));
}

}  // namespace millwright::historian
