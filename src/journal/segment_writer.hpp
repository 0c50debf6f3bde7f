// SegmentWriter: puts framed pieces into segment files and makes each durable: new file, write, sync, and the whole
// file anew where a write or sync failed.
//
// Threads: one owner. Errors: kFull leaves everything as it was, to be tried again; any other error is final.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "io/file_system.hpp"
#include "journal/format.hpp"
#include "journal/journal.hpp"

namespace millwright::journal {

// Frames that follow each other in one segment, and end with a whole record. One buffer of about kPieceBytes each, so
// that appending never copies what it has.
inline constexpr std::size_t kPieceBytes = 1024 * 1024;
struct Piece {
  SegmentHeader segment;
  std::uint64_t offset = 0;
  Sequence first = 0;
  Sequence last = 0;
  std::vector<std::byte> bytes;
};

class SegmentWriter {
 public:
  SegmentWriter(io::FileSystem& files, std::string directory, const Options& options);

  // Makes pieces of one segment durable, with one sync; pieces come in order. Begins the segment's file where they are
  // its first.
  core::Status write(std::span<const Piece> pieces);
  // Copies the first `bytes` of a segment that a crash may have left unsynced into a file that takes its place, and
  // marks it as settled.
  core::Status settle(const io::File& from, const Settled& settled);
  // Tells the next opening that the current file is all on disk. Not needed for safety; saves a copy then.
  void mark_settled(Sequence next);

  // kFull where `bytes` more would not leave the reserve free.
  core::Status room_for(std::uint64_t bytes);
  [[nodiscard]] std::string path_of(Sequence first) const;

 private:
  core::Status create(const SegmentHeader& header);
  core::Status try_create(const SegmentHeader& header);
  core::Status rewrite(std::span<const Piece> pieces);
  // A durable file under the segment's name that holds its header, `from` up to `bytes`, and `more`.
  core::Result<std::unique_ptr<io::File>> replace(const SegmentHeader& header, const io::File& from,
                                                  std::uint64_t bytes, std::span<const Piece> more);
  core::Status fill(io::File& to, const SegmentHeader& header, const io::File& from, std::uint64_t bytes,
                    std::span<const Piece> more);
  core::Status publish(const std::string& temporary, const std::string& path);

  io::FileSystem& files_;
  std::string directory_;
  Options options_;
  SegmentHeader header_;
  std::unique_ptr<io::File> file_;  // of header_; none before the first piece
  std::uint64_t durable_bytes_ = 0;
  bool suspect_ = false;  // a write or sync of file_ failed: only a new file counts
};

inline constexpr std::string_view kSettledName = "settled";
inline constexpr std::string_view kTemporarySuffix = ".tmp";
inline constexpr std::string_view kTailSuffix = ".tail";

}  // namespace millwright::journal
