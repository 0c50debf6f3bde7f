#include "historian/column_format.hpp"

#include <algorithm>
#include <cstring>

#include "core/crc32c.hpp"

namespace millwright::historian {
namespace {

using core::ByteReader;
using core::ByteWriter;
using core::ErrorCode;

constexpr std::string_view kMagic = "MWCOLUMN";
constexpr std::string_view kTailMagic = "MWCOLEND";
constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kBlocksMax = 1ULL << 32;

template <std::size_t N>
std::array<std::byte, N> padded(std::vector<std::byte> bytes) {
  ASSERT(bytes.size() + sizeof(std::uint32_t) <= N, "a fixed part that does not fit");
  bytes.resize(N - sizeof(std::uint32_t));
  ByteWriter(bytes).put(core::crc32c(bytes));
  std::array<std::byte, N> out;
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

bool check_holds(std::span<const std::byte> bytes) {
  if (bytes.size() < sizeof(std::uint32_t)) return false;
  ByteReader in(bytes.last(sizeof(std::uint32_t)));
  return core::crc32c(bytes.first(bytes.size() - sizeof(std::uint32_t))) == in.get<std::uint32_t>();
}

core::Unexpected corrupt(const char* what) {
  return core::unexpected(ErrorCode::kCorrupt, what);
}

}  // namespace

ColumnHeaderBytes encode_column_header(const ColumnHeader& header) {
  std::vector<std::byte> bytes;
  ByteWriter out(bytes);
  out.text(kMagic);
  out.put(kVersion);
  out.put(static_cast<std::uint8_t>(header.tier));
  out.put(header.rank);
  out.put(std::uint16_t{0});
  out.put(header.stream);
  out.put(header.id);
  out.put(header.retention);
  return padded<kColumnHeaderBytes>(std::move(bytes));
}

core::Result<ColumnHeader> decode_column_header(std::span<const std::byte> bytes) {
  ByteReader in(bytes);
  const bool ours = in.text(kMagic.size()) == kMagic;
  const auto version = in.get<std::uint32_t>();
  if (!ours || bytes.size() != kColumnHeaderBytes || !check_holds(bytes)) {
    return corrupt("the file's header fails its check");
  }
  if (version != kVersion) {
    return core::unexpected(ErrorCode::kUnsupported, "a column file of another version: use the version that wrote it");
  }
  ColumnHeader header;
  const auto tier = in.get<std::uint8_t>();
  if (tier >= kTiers) return corrupt("the file's header names a tier that there is not");
  header.tier = static_cast<Tier>(tier);
  header.rank = in.get<std::uint8_t>();
  in.get<std::uint16_t>();
  header.stream = in.get<std::uint64_t>();
  header.id = in.get<std::uint64_t>();
  header.retention = in.get<std::uint64_t>();
  return header;
}

void put_entry(const ChunkEntry& entry, ByteWriter& out) {
  const Aggregate& all = entry.statistics;
  out.put(entry.key);
  out.put(entry.directory_bytes);
  out.put(entry.offset);
  out.put(entry.bytes);
  out.put(all.count);
  out.put(all.bad_count);
  out.put(entry.times.low);
  out.put(entry.times.high);
  for (const double value : {all.min, all.max, all.sum, all.squares, all.first, all.last}) out.put(value);
}

ChunkEntry get_entry(ByteReader& in) {
  ChunkEntry entry;
  Aggregate& all = entry.statistics;
  entry.key = in.get<SeriesKey>();
  entry.directory_bytes = in.get<std::uint32_t>();
  entry.offset = in.get<std::uint64_t>();
  entry.bytes = in.get<std::uint64_t>();
  all.count = in.get<std::uint64_t>();
  all.bad_count = in.get<std::uint64_t>();
  entry.times.low = in.get<core::TimeNs>();
  entry.times.high = in.get<core::TimeNs>();
  for (double* value : {&all.min, &all.max, &all.sum, &all.squares, &all.first, &all.last}) *value = in.get<double>();
  return entry;
}

std::vector<std::byte> encode_directory(SeriesKey key, std::span<const BlockEntry> blocks) {
  std::vector<std::byte> bytes(kChunkHeadBytes);
  ByteWriter out(bytes);
  out.varint(key);
  out.varint(blocks.size());
  core::TimeNs before = 0;
  for (const BlockEntry& block : blocks) {
    out.varint(block.bytes);
    out.put(block.crc);
    out.varint(block.count);
    out.zigzag(
        static_cast<std::int64_t>(static_cast<std::uint64_t>(block.times.low) - static_cast<std::uint64_t>(before)));
    out.varint(static_cast<std::uint64_t>(block.times.high) - static_cast<std::uint64_t>(block.times.low));
    before = block.times.high;
  }
  out.patch(0, static_cast<std::uint32_t>(bytes.size() - kChunkHeadBytes));
  out.patch(4, core::crc32c(std::span(bytes).subspan(kChunkHeadBytes)));
  return bytes;
}

core::Result<Directory> decode_directory(std::span<const std::byte> bytes, std::uint64_t chunk_offset) {
  ByteReader in(bytes);
  const auto length = in.get<std::uint32_t>();
  const auto crc = in.get<std::uint32_t>();
  const auto list_bytes = in.take_span(length);
  if (!in.ok() || core::crc32c(list_bytes) != crc) return corrupt("a chunk's directory fails its check");
  ByteReader list(list_bytes);
  Directory directory;
  directory.bytes = kChunkHeadBytes + length;
  directory.key = static_cast<SeriesKey>(list.varint());
  const std::uint64_t count = list.varint();
  if (!list.ok() || count == 0 || count > length) return corrupt("a chunk's directory lists more than it can");
  directory.blocks.reserve(count);
  std::uint64_t offset = chunk_offset + directory.bytes;
  std::uint64_t before = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    BlockEntry block{.offset = offset, .bytes = 0, .crc = 0, .count = 0, .times = {}};
    block.bytes = static_cast<std::uint32_t>(list.varint());
    block.crc = list.get<std::uint32_t>();
    block.count = static_cast<std::uint32_t>(list.varint());
    const std::uint64_t low = before + static_cast<std::uint64_t>(list.zigzag());
    const std::uint64_t high = low + list.varint();
    block.times = {static_cast<core::TimeNs>(low), static_cast<core::TimeNs>(high)};
    before = high;
    offset += block.bytes;
    directory.blocks.push_back(block);
  }
  if (!list.ok() || list.remaining() != 0) return corrupt("a chunk's directory does not fit its own counts");
  directory.end = offset + (count > 1 ? directory.bytes : 0);
  return directory;
}

std::vector<std::byte> encode_footer(const ColumnFooter& footer) {
  std::vector<std::byte> bytes;
  ByteWriter out(bytes);
  const ColumnSummary& all = footer.summary;
  out.put(footer.index_offset);
  out.put(all.times.low);
  out.put(all.times.high);
  out.put(all.readings);
  out.put(all.chunks);
  out.put(all.written.wall);
  out.put(all.written.age);
  for (const SeriesKey key : footer.first_keys) out.put(key);
  out.put(core::crc32c(bytes));
  return bytes;
}

core::Result<ColumnFooter> decode_footer(std::span<const std::byte> bytes) {
  if (!check_holds(bytes)) return corrupt("the file's footer fails its check");
  ByteReader in(bytes.first(bytes.size() - sizeof(std::uint32_t)));
  ColumnFooter footer;
  ColumnSummary& all = footer.summary;
  footer.index_offset = in.get<std::uint64_t>();
  all.times.low = in.get<core::TimeNs>();
  all.times.high = in.get<core::TimeNs>();
  all.readings = in.get<std::uint64_t>();
  all.chunks = in.get<std::uint64_t>();
  all.written.wall = in.get<core::TimeNs>();
  all.written.age = in.get<core::DurationNs>();
  const std::uint64_t pages = (all.chunks + kEntriesPerPage - 1) / kEntriesPerPage;
  if (!in.ok() || all.chunks > kBlocksMax || in.remaining() != pages * sizeof(SeriesKey)) {
    return corrupt("the file's footer does not fit its own counts");
  }
  for (std::uint64_t i = 0; i < pages; ++i) footer.first_keys.push_back(in.get<SeriesKey>());
  return footer;
}

ColumnTailBytes encode_column_tail(const ColumnTail& tail, const ColumnHeader& header) {
  std::vector<std::byte> bytes;
  ByteWriter out(bytes);
  out.put(tail.footer_offset);
  out.put(tail.footer_bytes);
  out.put(header.id);
  out.text(kTailMagic);
  return padded<kColumnTailBytes>(std::move(bytes));
}

core::Result<ColumnTail> decode_column_tail(std::span<const std::byte> bytes, const ColumnHeader& header) {
  ByteReader in(bytes);
  ColumnTail tail;
  tail.footer_offset = in.get<std::uint64_t>();
  tail.footer_bytes = in.get<std::uint32_t>();
  const auto id = in.get<std::uint64_t>();
  if (bytes.size() != kColumnTailBytes || !check_holds(bytes) || id != header.id ||
      in.text(kTailMagic.size()) != kTailMagic) {
    return corrupt("the file's end fails its check");
  }
  return tail;
}

}  // namespace millwright::historian
