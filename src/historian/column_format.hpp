// Column files: the bytes of header, index and trailer, as docs/format/columns.md describes them. No I/O.
//
// Threads: values and pure functions. Errors: kCorrupt where a check fails, kUnsupported where another version wrote
// it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/bytes.hpp"
#include "core/result.hpp"
#include "core/time.hpp"
#include "historian/aggregate.hpp"
#include "historian/record.hpp"

namespace millwright::historian {

// What a file holds: readings as they came, or what they were in each second, minute or hour. Readings of slow sensors
// are kept apart: they are their own seconds, have no rows of those, and are kept as long.
enum class Tier : std::uint8_t { kRaw = 0, kSecond = 1, kMinute = 2, kHour = 3, kSlow = 4 };
inline constexpr std::size_t kTiers = 5;
inline constexpr std::array<Tier, 3> kRollups{Tier::kSecond, Tier::kMinute, Tier::kHour};
constexpr std::size_t index_of(Tier tier) {
  return static_cast<std::size_t>(tier);
}
constexpr core::DurationNs width_of(Tier tier) {
  constexpr std::array<core::DurationNs, kTiers> kWidths{0, core::kSecond, core::kMinute, core::kHour, 0};
  return kWidths[index_of(tier)];
}
constexpr bool holds_readings(Tier tier) {
  return width_of(tier) == 0;
}

inline constexpr std::uint64_t kColumnHeaderBytes = 64;
inline constexpr std::uint64_t kColumnTailBytes = 32;
inline constexpr std::size_t kEntryBytes = 104;
inline constexpr std::size_t kEntriesPerPage = 64;
inline constexpr std::uint32_t kChunkHeadBytes = 8;

struct ColumnHeader {
  Tier tier = Tier::kRaw;
  std::uint8_t rank = 0;        // merges that it has been through
  std::uint64_t stream = 0;     // of the journal that it was made from
  std::uint64_t id = 0;         // random: tells two files of one name apart
  std::uint64_t retention = 0;  // class of sensors that are kept alike, 0: the default
};
using ColumnHeaderBytes = std::array<std::byte, kColumnHeaderBytes>;
ColumnHeaderBytes encode_column_header(const ColumnHeader& header);
core::Result<ColumnHeader> decode_column_header(std::span<const std::byte> bytes);

// One series' chunk: where it is and what is in it, in the order of keys.
struct ChunkEntry {
  SeriesKey key = 0;
  std::uint32_t directory_bytes = 0;  // of the chunk's head and directory
  std::uint64_t offset = 0;           // in the file
  std::uint64_t bytes = 0;
  Extent times;          // of all readings, also of bad ones
  Aggregate statistics;  // of all readings; `start` and `held` mean nothing here
};
void put_entry(const ChunkEntry& entry, core::ByteWriter& out);
ChunkEntry get_entry(core::ByteReader& in);

// A chunk's own list of its blocks: each block is one frame with a check of its own.
struct BlockEntry {
  std::uint64_t offset = 0;  // in the file
  std::uint32_t bytes = 0;
  std::uint32_t crc = 0;
  std::uint32_t count = 0;  // readings or rows
  Extent times;
};
struct Directory {
  SeriesKey key = 0;
  std::vector<BlockEntry> blocks;
  std::uint32_t bytes = 0;  // its own
  std::uint64_t end = 0;    // of the chunk, in the file
};
// Length, check and list, as they begin the chunk; a chunk of several blocks ends with the same again.
std::vector<std::byte> encode_directory(SeriesKey key, std::span<const BlockEntry> blocks);
// `bytes` begin with a directory; more may follow.
core::Result<Directory> decode_directory(std::span<const std::byte> bytes, std::uint64_t chunk_offset);

// What is known of a file as a whole; at its end.
struct ColumnSummary {
  Extent times;
  std::uint64_t readings = 0;  // or rows
  std::uint64_t chunks = 0;
  Written written;  // of the newest record in it
};
struct ColumnFooter {
  ColumnSummary summary;
  std::uint64_t index_offset = 0;
  std::vector<SeriesKey> first_keys;  // of each index page
};
std::vector<std::byte> encode_footer(const ColumnFooter& footer);
core::Result<ColumnFooter> decode_footer(std::span<const std::byte> bytes);

struct ColumnTail {
  std::uint64_t footer_offset = 0;
  std::uint32_t footer_bytes = 0;
};
using ColumnTailBytes = std::array<std::byte, kColumnTailBytes>;
ColumnTailBytes encode_column_tail(const ColumnTail& tail, const ColumnHeader& header);
core::Result<ColumnTail> decode_column_tail(std::span<const std::byte> bytes, const ColumnHeader& header);

}  // namespace millwright::historian
