#include "journal/segment_writer.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/log.hpp"

namespace millwright::journal {

using core::ErrorCode;
using core::Status;

namespace {

std::uint64_t size_of(std::span<const Piece> pieces) {
  std::uint64_t sum = 0;
  for (const Piece& piece : pieces) sum += piece.bytes.size();
  return sum;
}

Status write_pieces(io::File& file, std::span<const Piece> pieces) {
  for (const Piece& piece : pieces) {
    if (auto done = file.write_at(piece.offset, piece.bytes); !done) return done;
  }
  return {};
}

}  // namespace

SegmentWriter::SegmentWriter(io::FileSystem& files, std::string directory, const Options& options)
    : files_(files), directory_(std::move(directory)), options_(options) {}

std::string SegmentWriter::path_of(Sequence first) const {
  return directory_ + "/" + segment_name(first);
}

Status SegmentWriter::room_for(std::uint64_t bytes) {
  const auto free = files_.free_bytes(directory_);
  if (!free) return core::unexpected(free.error());
  const std::uint64_t reserve = options_.may_use_reserve ? 0 : options_.reserve_bytes;
  if (*free >= reserve && *free - reserve >= bytes) return {};
  return core::unexpected(
      ErrorCode::kFull,
      fmt::format("journal {}: {} bytes to write, {} free on the disk, of which {} are reserved: make "
                  "room on the disk or keep less history",
                  directory_, bytes, *free, reserve));
}

Status SegmentWriter::write(std::span<const Piece> pieces) {
  const Piece& front = pieces.front();
  const std::uint64_t bytes = size_of(pieces);
  if (!file_ || header_ != front.segment) {
    if (auto room = room_for(bytes + kSegmentHeaderBytes); !room) return room;
    if (auto created = create(front.segment); !created) return created;
  }
  ASSERT(front.offset == durable_bytes_, "a journal piece does not follow the one before it");
  if (suspect_) return rewrite(pieces);
  if (auto room = room_for(bytes); !room) return room;
  Status done = write_pieces(*file_, pieces);
  if (!done && done.error().code == ErrorCode::kFull) return done;  // the same bytes go to the same place next time
  if (done) done = file_->sync();
  if (!done) {
    // What the kernel still holds of this file cannot be trusted, and a second sync would say so of nothing.
    core::logger("journal")->error("{}; writing the segment again into a new file", done.error().message);
    suspect_ = true;
    return rewrite(pieces);
  }
  durable_bytes_ += bytes;
  return {};
}

Status SegmentWriter::create(const SegmentHeader& header) {
  Status done = try_create(header);
  if (done || done.error().code == ErrorCode::kFull) return done;
  core::logger("journal")->error("{}; trying once more with a new file", done.error().message);
  return try_create(header);
}

Status SegmentWriter::try_create(const SegmentHeader& header) {
  const std::string path = path_of(header.first);
  const std::string temporary = path + std::string(kTemporarySuffix);
  if (files_.exists(temporary)) {
    if (auto removed = files_.remove(temporary); !removed) return removed;
  }
  auto file = files_.open(temporary, io::OpenMode::kCreate);
  if (!file) return core::unexpected(file.error());
  Status done = (*file)->write_at(0, encode_header(header));
  if (done) done = (*file)->sync();
  if (done) done = publish(temporary, path);
  if (!done) {
    if (files_.exists(temporary)) static_cast<void>(files_.remove(temporary));
    return done;
  }
  file_ = std::move(*file);
  header_ = header;
  durable_bytes_ = kSegmentHeaderBytes;
  suspect_ = false;
  return {};
}

Status SegmentWriter::publish(const std::string& temporary, const std::string& path) {
  if (auto renamed = files_.rename(temporary, path); !renamed) return renamed;
  return files_.sync_directory(directory_);
}

Status SegmentWriter::rewrite(std::span<const Piece> pieces) {
  auto file = replace(header_, *file_, durable_bytes_, pieces);
  if (!file) return core::unexpected(file.error());
  file_ = std::move(*file);
  durable_bytes_ += size_of(pieces);
  suspect_ = false;
  return {};
}

Status SegmentWriter::settle(const io::File& from, const Settled& settled) {
  if (auto file = replace(settled.segment, from, settled.bytes, {}); !file) return core::unexpected(file.error());
  return io::write_file_atomically(files_, directory_ + "/" + std::string(kSettledName), encode_settled(settled));
}

void SegmentWriter::mark_settled(Sequence next) {
  if (!file_ || suspect_) return;
  const auto size = file_->size();
  if (!size || *size != durable_bytes_) return;
  const Settled settled{.segment = header_, .bytes = durable_bytes_, .next = next};
  const auto written =
      io::write_file_atomically(files_, directory_ + "/" + std::string(kSettledName), encode_settled(settled));
  if (!written) core::logger("journal")->warn("{}; the next start checks the last segment", written.error().message);
}

core::Result<std::unique_ptr<io::File>> SegmentWriter::replace(const SegmentHeader& header, const io::File& from,
                                                               std::uint64_t bytes, std::span<const Piece> more) {
  if (auto room = room_for(bytes + size_of(more)); !room) return core::unexpected(room.error());
  const std::string path = path_of(header.first);
  const std::string temporary = path + std::string(kTemporarySuffix);
  if (files_.exists(temporary)) {
    if (auto removed = files_.remove(temporary); !removed) return core::unexpected(removed.error());
  }
  auto file = files_.open(temporary, io::OpenMode::kCreate);
  if (!file) return core::unexpected(file.error());
  Status done = fill(**file, header, from, bytes, more);
  if (done) done = (*file)->sync();
  if (done) done = publish(temporary, path);
  if (!done) {
    if (files_.exists(temporary)) static_cast<void>(files_.remove(temporary));
    return core::unexpected(done.error());
  }
  return file;
}

Status SegmentWriter::fill(io::File& to, const SegmentHeader& header, const io::File& from, std::uint64_t bytes,
                           std::span<const Piece> more) {
  constexpr std::size_t kCopyBytes = 1024 * 1024;
  if (auto done = to.write_at(0, encode_header(header)); !done) return done;
  std::vector<std::byte> buffer(kCopyBytes);
  for (std::uint64_t at = kSegmentHeaderBytes; at < bytes;) {
    const auto n = from.read_at(at, std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), bytes - at)));
    if (!n) return core::unexpected(n.error());
    if (*n == 0) {
      return core::unexpected(ErrorCode::kIo, fmt::format("{} ends at {} although {} bytes were written",
                                                          path_of(header.first), at, bytes));
    }
    if (auto done = to.write_at(at, std::span(buffer).first(*n)); !done) return done;
    at += *n;
  }
  return write_pieces(to, more);
}

}  // namespace millwright::journal
