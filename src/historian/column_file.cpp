#include "historian/column_file.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/crc32c.hpp"
#include "core/log.hpp"

namespace millwright::historian {
namespace {

using core::ErrorCode;
using core::Status;

constexpr std::size_t kPageBytes = kEntriesPerPage * kEntryBytes + sizeof(std::uint32_t);
// Enough for the directory of most chunks, so that walking reads once a chunk.
constexpr std::size_t kWalkBytes = 4096;

}  // namespace

core::Result<std::shared_ptr<const ColumnFile>> ColumnFile::open(io::FileSystem& files, const std::string& path,
                                                                 const ColumnHeader& known) {
  std::shared_ptr<ColumnFile> made(new ColumnFile);
  made->path_ = path;
  auto file = files.open(path, io::OpenMode::kRead);
  if (!file) return core::unexpected(file.error());
  made->file_ = std::move(*file);
  const auto size = made->file_->size();
  if (!size) return core::unexpected(size.error());
  made->bytes_ = *size;
  if (auto read = made->read_header(known); !read) return core::unexpected(read.error());
  if (auto footer = made->read_footer(); !footer) {
    if (footer.error().code != ErrorCode::kCorrupt) return core::unexpected(footer.error());
    made->damage_ += (made->damage_.empty() ? "" : "; ") + footer.error().message;
    made->without_index_ = true;
    const auto chunks = made->rebuilt(footer.error().message);
    if (!chunks) return core::unexpected(chunks.error());
    made->footer_ = {};
    ColumnSummary& all = made->footer_.summary;
    all.written.age = kAgeUnknown;
    all.chunks = (*chunks)->size();
    for (const ChunkEntry& chunk : **chunks) {
      all.times.add(chunk.times);
      all.readings += chunk.statistics.count;
    }
  }
  return std::shared_ptr<const ColumnFile>(std::move(made));
}

std::string ColumnFile::where(std::uint64_t offset, std::uint64_t bytes) const {
  return fmt::format("{}, bytes {} to {}", path_, offset, offset + bytes);
}

Status ColumnFile::read_exactly(std::uint64_t offset, std::span<std::byte> out) const {
  const auto n = file_->read_at(offset, out);
  if (!n) return core::unexpected(n.error());
  if (*n == out.size()) return {};
  return core::unexpected(ErrorCode::kCorrupt, where(offset, out.size()) + ": the file ends before");
}

Status ColumnFile::read_header(const ColumnHeader& known) {
  ColumnHeaderBytes bytes;
  Status read = read_exactly(0, bytes);
  if (read) {
    const auto header = decode_column_header(bytes);
    if (header) {
      header_ = *header;
      return {};
    }
    read = core::unexpected(header.error());
  }
  if (read.error().code != ErrorCode::kCorrupt) return read;
  header_ = known;
  damage_ = where(0, kColumnHeaderBytes) + ": " + read.error().message;
  core::logger("historian")->error("{}; the manifest's is used", damage_);
  return {};
}

Status ColumnFile::read_footer() {
  if (bytes_ < kColumnHeaderBytes + kColumnTailBytes) {
    return core::unexpected(ErrorCode::kCorrupt, path_ + ": shorter than a column file can be");
  }
  ColumnTailBytes end;
  if (auto read = read_exactly(bytes_ - kColumnTailBytes, end); !read) return read;
  const auto tail = decode_column_tail(end, header_);
  if (!tail) return core::unexpected(tail.error().within(where(bytes_ - kColumnTailBytes, kColumnTailBytes)));
  const std::uint64_t footer_end = bytes_ - kColumnTailBytes;
  if (tail->footer_bytes > footer_end || tail->footer_offset != footer_end - tail->footer_bytes) {
    return core::unexpected(ErrorCode::kCorrupt, path_ + ": is longer or shorter than its end says");
  }
  std::vector<std::byte> bytes(tail->footer_bytes);
  if (auto read = read_exactly(tail->footer_offset, bytes); !read) return read;
  auto footer = decode_footer(bytes);
  if (!footer) return core::unexpected(footer.error().within(where(tail->footer_offset, tail->footer_bytes)));
  footer_ = std::move(*footer);
  return {};
}

core::Result<std::vector<ChunkEntry>> ColumnFile::page(std::size_t index) const {
  const std::size_t first = index * kEntriesPerPage;
  const std::size_t count = std::min<std::size_t>(kEntriesPerPage, footer_.summary.chunks - first);
  std::vector<std::byte> bytes(count * kEntryBytes + sizeof(std::uint32_t));
  const std::uint64_t offset = footer_.index_offset + index * kPageBytes;
  if (auto read = read_exactly(offset, bytes); !read) return core::unexpected(read.error());
  core::ByteReader in(bytes);
  std::vector<ChunkEntry> entries;
  for (std::size_t i = 0; i < count; ++i) entries.push_back(get_entry(in));
  if (in.get<std::uint32_t>() != core::crc32c(std::span(bytes).first(count * kEntryBytes))) {
    return core::unexpected(ErrorCode::kCorrupt, where(offset, bytes.size()) + ": the index fails its check");
  }
  for (const ChunkEntry& entry : entries) {
    const bool inside = entry.offset <= bytes_ && entry.bytes <= bytes_ - entry.offset;
    if (inside && entry.directory_bytes <= entry.bytes) continue;
    return core::unexpected(ErrorCode::kCorrupt, where(offset, bytes.size()) + ": the index does not fit the file");
  }
  return entries;
}

// From chunk to chunk, by their directories, as far as those can be read.
core::Result<std::vector<ChunkEntry>> ColumnFile::walk() const {
  std::vector<ChunkEntry> found;
  std::vector<std::byte> bytes;
  std::uint64_t offset = kColumnHeaderBytes;
  while (offset + kChunkHeadBytes < bytes_) {
    bytes.resize(std::min<std::uint64_t>(kWalkBytes, bytes_ - offset));
    if (auto read = read_exactly(offset, bytes); !read) return core::unexpected(read.error());
    const std::uint64_t length = core::ByteReader(bytes).get<std::uint32_t>() + std::uint64_t{kChunkHeadBytes};
    if (length > bytes_ - offset) break;
    if (length > bytes.size()) {
      bytes.resize(length);
      if (auto read = read_exactly(offset, bytes); !read) return core::unexpected(read.error());
    }
    const auto directory = decode_directory(bytes, offset);
    if (!directory || (!found.empty() && found.back().key >= directory->key)) break;
    ChunkEntry entry{.key = directory->key,
                     .directory_bytes = directory->bytes,
                     .offset = offset,
                     .bytes = directory->end - offset,
                     .times = {},
                     .statistics = {}};
    for (const BlockEntry& block : directory->blocks) {
      entry.times.add(block.times);
      entry.statistics.count += block.count;
    }
    found.push_back(entry);
    offset = directory->end;
  }
  return found;
}

core::Result<const std::vector<ChunkEntry>*> ColumnFile::rebuilt(const std::string& damage) const {
  core::MutexLock lock(mutex_);
  if (!walked_) {
    auto found = walk();
    if (!found) return core::unexpected(found.error());
    core::logger("historian")->error("{}; the index is made anew from the chunks", damage);
    walked_ = std::move(*found);
  }
  return &*walked_;
}

core::Result<std::optional<ChunkEntry>> ColumnFile::find(SeriesKey key) const {
  const auto in_list = [&](const std::vector<ChunkEntry>& list) -> std::optional<ChunkEntry> {
    const auto at = std::lower_bound(list.begin(), list.end(), key,
                                     [](const ChunkEntry& entry, SeriesKey wanted) { return entry.key < wanted; });
    return at != list.end() && at->key == key ? std::optional(*at) : std::nullopt;
  };
  std::string damage;
  if (!without_index_) {
    const auto& first = footer_.first_keys;
    const auto after = std::upper_bound(first.begin(), first.end(), key);
    if (after == first.begin()) return std::optional<ChunkEntry>();
    const auto entries = page(static_cast<std::size_t>(after - first.begin()) - 1);
    if (entries) return in_list(*entries);
    if (entries.error().code != ErrorCode::kCorrupt) return core::unexpected(entries.error());
    damage = entries.error().message;
  }
  const auto list = rebuilt(damage);
  if (!list) return core::unexpected(list.error());
  return in_list(**list);
}

core::Result<std::vector<ChunkEntry>> ColumnFile::entries(std::size_t from) const {
  if (from >= footer_.summary.chunks) return std::vector<ChunkEntry>();
  std::string damage;
  if (!without_index_) {
    auto entries = page(from / kEntriesPerPage);
    if (entries) {
      entries->erase(entries->begin(), entries->begin() + static_cast<std::ptrdiff_t>(from % kEntriesPerPage));
      return entries;
    }
    if (entries.error().code != ErrorCode::kCorrupt) return entries;
    damage = entries.error().message;
  }
  const auto list = rebuilt(damage);
  if (!list) return core::unexpected(list.error());
  const std::size_t begin = std::min(from, (*list)->size());
  const std::size_t end = std::min(begin + kEntriesPerPage, (*list)->size());
  return std::vector<ChunkEntry>((*list)->data() + begin, (*list)->data() + end);
}

core::Result<Directory> ColumnFile::directory(const ChunkEntry& chunk) const {
  std::vector<std::byte> bytes(chunk.directory_bytes);
  if (auto read = read_exactly(chunk.offset, bytes); !read) return core::unexpected(read.error());
  auto made = decode_directory(bytes, chunk.offset);
  if (made) return made;
  const std::string lost = where(chunk.offset, chunk.directory_bytes) + ": " + made.error().message;
  if (auto read = read_exactly(chunk.offset + chunk.bytes - chunk.directory_bytes, bytes); !read) {
    return core::unexpected(read.error());
  }
  made = decode_directory(bytes, chunk.offset);
  if (made && made->key == chunk.key) {
    core::logger("historian")->error("{}; its copy is used", lost);
    return made;
  }
  return core::unexpected(ErrorCode::kCorrupt,
                          where(chunk.offset, chunk.bytes) + ": the chunk's directory fails its check");
}

Status ColumnFile::check_spares(const std::function<void(const std::string&)>& damaged) const {
  if (!without_index_) {
    for (std::size_t i = 0; i < footer_.first_keys.size(); ++i) {
      const auto entries = page(i);
      if (entries) continue;
      if (entries.error().code != ErrorCode::kCorrupt) return core::unexpected(entries.error());
      damaged(entries.error().message);
    }
  }
  std::vector<std::byte> bytes;
  for (std::size_t at = 0;;) {
    const auto some = entries(at);
    if (!some) return core::unexpected(some.error());
    if (some->empty()) return {};
    at += some->size();
    for (const ChunkEntry& chunk : *some) {
      bytes.resize(chunk.directory_bytes);
      const auto listed = directory(chunk);
      const bool has_copy = listed && listed->blocks.size() > 1;
      for (const std::uint64_t offset : {chunk.offset, chunk.offset + chunk.bytes - chunk.directory_bytes}) {
        if (!has_copy && offset != chunk.offset) continue;
        if (auto got = read_exactly(offset, bytes); !got) return got;
        if (!decode_directory(bytes, chunk.offset)) {
          damaged(where(offset, chunk.directory_bytes) + ": a chunk's directory fails its check");
        }
      }
    }
  }
}

Status ColumnFile::read(std::span<const BlockEntry> blocks, std::vector<std::byte>& buffer, const BlockVisitor& visitor,
                        const DamageVisitor& damaged) const {
  if (blocks.empty()) return {};
  const std::uint64_t from = blocks.front().offset;
  const std::uint64_t end = std::min(bytes_, blocks.back().offset + blocks.back().bytes);  // it may be cut short
  buffer.resize(end > from ? end - from : 0);
  const auto n = file_->read_at(from, buffer);
  if (!n) return core::unexpected(n.error());
  for (const BlockEntry& block : blocks) {
    const std::uint64_t at = block.offset - from;
    if (at + block.bytes <= *n) {
      const auto bytes = std::span<const std::byte>(buffer).subspan(at, block.bytes);
      if (core::crc32c(bytes) == block.crc) {
        visitor(block, bytes);
        continue;
      }
    }
    const std::string lost = where(block.offset, block.bytes);
    core::logger("historian")->error("{}: a block of {} fails its check and is left out", lost, block.count);
    if (damaged) damaged(block, lost);
  }
  return {};
}

}  // namespace millwright::historian
