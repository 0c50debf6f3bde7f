#include "journal/format.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "core/bytes.hpp"
#include "core/crc32c.hpp"

namespace millwright::journal {
namespace {

using core::ByteReader;
using core::ByteWriter;
using core::ErrorCode;

constexpr std::string_view kHeaderMagic = "MWJOURNL";
constexpr std::string_view kSettledMagic = "MWJS";
constexpr std::string_view kSuffix = ".mwj";
constexpr std::size_t kNameDigits = 16;
constexpr std::uint8_t kGapVersion = 1;

}  // namespace

HeaderBytes encode_header(const SegmentHeader& header) {
  std::vector<std::byte> bytes;
  ByteWriter out(bytes);
  out.text(kHeaderMagic);
  out.put(kFormatVersion);
  out.put(static_cast<std::uint32_t>(kBlockBytes));
  out.put(header.stream);
  out.put(header.id);
  out.put(header.first);
  out.put(header.created);
  bytes.resize(kSegmentHeaderBytes - sizeof(std::uint32_t));
  out.put(core::crc32c(bytes));
  HeaderBytes fixed;
  std::copy(bytes.begin(), bytes.end(), fixed.begin());
  return fixed;
}

core::Result<SegmentHeader> decode_header(std::span<const std::byte> bytes) {
  if (bytes.size() < kSegmentHeaderBytes) return core::unexpected(ErrorCode::kCorrupt, "the file ends in its header");
  bytes = bytes.first(kSegmentHeaderBytes);
  ByteReader in(bytes);
  const bool magic = in.text(kHeaderMagic.size()) == kHeaderMagic;
  const auto version = in.get<std::uint32_t>();
  const auto block = in.get<std::uint32_t>();
  SegmentHeader header;
  header.stream = in.get<std::uint64_t>();
  header.id = in.get<std::uint64_t>();
  header.first = in.get<std::uint64_t>();
  header.created = in.get<std::int64_t>();
  const auto covered = bytes.first(kSegmentHeaderBytes - sizeof(std::uint32_t));
  const auto crc = ByteReader(bytes.subspan(covered.size())).get<std::uint32_t>();
  if (!magic || crc != core::crc32c(covered)) {
    return core::unexpected(ErrorCode::kCorrupt, "the segment header fails its check");
  }
  if (version != kFormatVersion || block != kBlockBytes) {
    return core::unexpected(ErrorCode::kUnsupported,
                            fmt::format("written in journal format {} with blocks of {} bytes; this program reads "
                                        "format {}: use the version that wrote it",
                                        version, block, kFormatVersion));
  }
  return header;
}

std::uint32_t frame_seed(const SegmentHeader& header) {
  std::array<std::byte, 16> identity;
  std::memcpy(identity.data(), &header.stream, 8);
  std::memcpy(identity.data() + 8, &header.id, 8);
  return core::crc32c(identity);
}

std::string segment_name(Sequence first) {
  return fmt::format("{:016x}{}", first, kSuffix);
}

std::optional<Sequence> parse_segment_name(std::string_view name) {
  if (name.size() != kNameDigits + kSuffix.size() || !name.ends_with(kSuffix)) return std::nullopt;
  Sequence first = 0;
  for (const char c : name.substr(0, kNameDigits)) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'a' || c > 'f')) return std::nullopt;
    first = (first << 4) | static_cast<Sequence>(digit ? c - '0' : c - 'a' + 10);
  }
  if (first == 0 || first > kMaxSequence) return std::nullopt;
  return first;
}

std::optional<Frame> parse_frame(std::span<const std::byte> bytes, std::uint32_t seed) {
  if (bytes.size() < kFrameHeaderBytes) return std::nullopt;
  ByteReader in(bytes);
  const auto crc = in.get<std::uint32_t>();
  const auto length = in.get<std::uint16_t>();
  Frame frame;
  frame.type = in.get<std::uint8_t>();
  const auto part = in.get<std::uint8_t>();
  frame.sequence = in.get<std::uint64_t>();
  // Before the CRC over `length` bytes is taken, the length must fit the block.
  if (length > bytes.size() - kFrameHeaderBytes) return std::nullopt;
  if (part < static_cast<std::uint8_t>(Part::kFull) || part > static_cast<std::uint8_t>(Part::kLast)) {
    return std::nullopt;
  }
  const auto covered = bytes.subspan(sizeof crc, kFrameHeaderBytes - sizeof crc + length);
  if (core::crc32c(covered, seed) != crc) return std::nullopt;
  if (frame.sequence == 0 || frame.sequence > kMaxSequence) return std::nullopt;
  frame.part = static_cast<Part>(part);
  frame.payload = bytes.subspan(kFrameHeaderBytes, length);
  return frame;
}

void Framer::end_block(std::vector<std::byte>& out) {
  const std::uint64_t end = frames_end(position_);
  out.resize(out.size() + (end - position_));
  position_ = end;
  if (end != kHeaderCopyOffset) return;
  const HeaderBytes copy = encode_header(header_);
  out.insert(out.end(), copy.begin(), copy.end());
  position_ += copy.size();
}

void Framer::put_frame(RecordType type, Part part, Sequence sequence, std::span<const std::byte> payload,
                       std::vector<std::byte>& out) {
  std::array<std::byte, kFrameHeaderBytes> head;
  const auto length = static_cast<std::uint16_t>(payload.size());
  std::memcpy(head.data() + 4, &length, 2);
  head[6] = static_cast<std::byte>(type);
  head[7] = static_cast<std::byte>(part);
  std::memcpy(head.data() + 8, &sequence, 8);
  const std::uint32_t crc = core::crc32c(payload, core::crc32c(std::span(head).subspan(4), seed_));
  std::memcpy(head.data(), &crc, 4);
  out.insert(out.end(), head.begin(), head.end());
  out.insert(out.end(), payload.begin(), payload.end());
  position_ += kFrameHeaderBytes + payload.size();
}

void Framer::frame(RecordType type, Sequence sequence, std::span<const std::byte> payload,
                   std::vector<std::byte>& out) {
  bool first = true;
  do {
    if (frames_end(position_) - position_ < kSmallestFrameRoom) end_block(out);
    const std::uint64_t room = frames_end(position_) - position_ - kFrameHeaderBytes;
    const std::size_t n = std::min<std::size_t>(room, payload.size());
    const bool last = n == payload.size();
    const Part part = first ? (last ? Part::kFull : Part::kFirst) : (last ? Part::kLast : Part::kMiddle);
    put_frame(type, part, sequence, payload.first(n), out);
    payload = payload.subspan(n);
    first = false;
  } while (!payload.empty());
}

std::vector<std::byte> encode_settled(const Settled& settled) {
  std::vector<std::byte> bytes;
  ByteWriter out(bytes);
  out.text(kSettledMagic);
  out.put(kFormatVersion);
  out.put(settled.segment.stream);
  out.put(settled.segment.id);
  out.put(settled.segment.first);
  out.put(settled.bytes);
  out.put(settled.next);
  out.put(core::crc32c(bytes));
  return bytes;
}

std::optional<Settled> decode_settled(std::span<const std::byte> bytes) {
  ByteReader in(bytes);
  const bool magic = in.text(kSettledMagic.size()) == kSettledMagic;
  const auto version = in.get<std::uint32_t>();
  Settled settled;
  settled.segment.stream = in.get<std::uint64_t>();
  settled.segment.id = in.get<std::uint64_t>();
  settled.segment.first = in.get<std::uint64_t>();
  settled.bytes = in.get<std::uint64_t>();
  settled.next = in.get<std::uint64_t>();
  const std::size_t covered = in.position();
  const auto crc = in.get<std::uint32_t>();
  if (!magic || version != kFormatVersion || !in.ok() || in.remaining() != 0) return std::nullopt;
  if (crc != core::crc32c(bytes.first(covered))) return std::nullopt;
  return settled;
}

std::vector<std::byte> encode_gap(const Gap& gap) {
  std::vector<std::byte> bytes;
  ByteWriter out(bytes);
  out.put(kGapVersion);
  out.put(gap.first);
  out.put(gap.last);
  out.put(gap.dropped);
  return bytes;
}

std::optional<Gap> decode_gap(const Record& record) {
  if (record.type != 0) return std::nullopt;
  ByteReader in(record.payload);
  const auto version = in.get<std::uint8_t>();
  Gap gap;
  gap.first = in.get<std::uint64_t>();
  gap.last = in.get<std::uint64_t>();
  gap.dropped = in.get<std::int64_t>();
  if (!in.ok() || version != kGapVersion) return std::nullopt;
  return gap;
}

}  // namespace millwright::journal
