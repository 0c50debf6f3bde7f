// The journal's bytes: segment header, frames, the settled mark, the gap record. No I/O. The page with the layout and
// its arithmetic is docs/format/journal.md; both change together, with the version.
//
// Threads: values and pure functions; a Framer has one owner. Units: bytes from the start of the segment file.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"
#include "journal/journal.hpp"

namespace millwright::journal {

inline constexpr std::uint32_t kFormatVersion = 1;
inline constexpr std::uint64_t kBlockBytes = 32 * 1024;
inline constexpr std::uint64_t kSegmentHeaderBytes = 64;
inline constexpr std::uint64_t kFrameHeaderBytes = 16;
// Beyond any journal's life; a higher one in a file is damage, so that counting never wraps.
inline constexpr Sequence kMaxSequence = Sequence{1} << 62;
// A block with less room than this is zero padded to its end.
inline constexpr std::uint64_t kSmallestFrameRoom = kFrameHeaderBytes + 1;
// The last bytes of the first block repeat the segment header: one bad sector must not cost the segment.
inline constexpr std::uint64_t kHeaderCopyOffset = kBlockBytes - kSegmentHeaderBytes;

struct SegmentHeader {
  std::uint64_t stream = 0;
  std::uint64_t id = 0;  // random: tells two files of one name apart
  Sequence first = 0;
  core::TimeNs created = 0;
  bool operator==(const SegmentHeader&) const = default;
};
using HeaderBytes = std::array<std::byte, kSegmentHeaderBytes>;
HeaderBytes encode_header(const SegmentHeader& header);
// kCorrupt where the check fails, kUnsupported where another version wrote it.
core::Result<SegmentHeader> decode_header(std::span<const std::byte> bytes);

// What the CRC of every frame starts from, so that a frame of another file never passes.
std::uint32_t frame_seed(const SegmentHeader& header);

// "00000000000003e8.mwj"
std::string segment_name(Sequence first);
std::optional<Sequence> parse_segment_name(std::string_view name);

enum class Part : std::uint8_t { kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

struct Frame {
  RecordType type = 0;
  Part part = Part::kFull;
  Sequence sequence = 0;
  std::span<const std::byte> payload;
};
// The frame at the start of `bytes`, which end where the block's frames do; nothing where it fails its check.
std::optional<Frame> parse_frame(std::span<const std::byte> bytes, std::uint32_t seed);

// The end of the room for frames in the block that holds `offset`.
constexpr std::uint64_t frames_end(std::uint64_t offset) {
  return offset < kBlockBytes ? kHeaderCopyOffset : (offset / kBlockBytes + 1) * kBlockBytes;
}

// Turns records into frames at the right places of one segment.
class Framer {
 public:
  explicit Framer(const SegmentHeader& header) : header_(header), seed_(frame_seed(header)) {}
  // Appends the frames to `out`, whose end is at position() in the file.
  void frame(RecordType type, Sequence sequence, std::span<const std::byte> payload, std::vector<std::byte>& out);
  [[nodiscard]] std::uint64_t position() const { return position_; }
  [[nodiscard]] const SegmentHeader& header() const { return header_; }

 private:
  void end_block(std::vector<std::byte>& out);
  void put_frame(RecordType type, Part part, Sequence sequence, std::span<const std::byte> payload,
                 std::vector<std::byte>& out);
  SegmentHeader header_;
  std::uint32_t seed_;
  std::uint64_t position_ = kSegmentHeaderBytes;
};

// Kept beside the newest segment once all of it is known to be on disk and nothing more will be written to it.
struct Settled {
  SegmentHeader segment;
  std::uint64_t bytes = 0;
  Sequence next = 0;
};
std::vector<std::byte> encode_settled(const Settled& settled);
std::optional<Settled> decode_settled(std::span<const std::byte> bytes);

std::vector<std::byte> encode_gap(const Gap& gap);

}  // namespace millwright::journal
