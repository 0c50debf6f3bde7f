#include "journal/scanner.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace millwright::journal {
namespace {

constexpr std::uint64_t kChunkBytes = 32 * kBlockBytes;

core::Result<SegmentHeader> read_header_at(const io::File& file, std::uint64_t offset) {
  HeaderBytes bytes;
  const auto n = file.read_at(offset, bytes);
  if (!n) return core::unexpected(n.error());
  return decode_header(std::span(bytes).first(*n));
}

}  // namespace

core::Result<SegmentHeader> read_header(const io::File& file) {
  auto header = read_header_at(file, 0);
  if (header || header.error().code != core::ErrorCode::kCorrupt) return header;
  auto copy = read_header_at(file, kHeaderCopyOffset);
  return copy || copy.error().code != core::ErrorCode::kCorrupt ? copy : header;
}

SegmentScanner::SegmentScanner(const io::File& file, const SegmentHeader& header, std::string path, std::uint64_t limit)
    : file_(file), header_(header), path_(std::move(path)), limit_(limit), seed_(frame_seed(header)) {}

core::Result<std::span<const std::byte>> SegmentScanner::load(std::uint64_t from, std::uint64_t to) {
  if (from < chunk_from_ || to > chunk_to_) {
    chunk_from_ = from / kBlockBytes * kBlockBytes;
    chunk_.resize(std::min(kChunkBytes, limit_ - chunk_from_));
    chunk_to_ = chunk_from_;
    const auto n = file_.read_at(chunk_from_, chunk_);
    if (!n) return core::unexpected(n.error());
    // A file that is shorter than it should be reads as zeros there, which no frame matches.
    std::fill(chunk_.begin() + static_cast<std::ptrdiff_t>(*n), chunk_.end(), std::byte{0});
    chunk_to_ = chunk_from_ + chunk_.size();
  }
  return std::span<const std::byte>(chunk_).subspan(from - chunk_from_, to - from);
}

core::Result<SegmentScanner::Outcome> SegmentScanner::scan(std::uint64_t offset, Sequence expected,
                                                           const Visitor& visitor, const DamageVisitor& damaged) {
  visitor_ = &visitor;
  damaged_ = &damaged;
  expected_ = expected;
  known_ = expected == 0 ? 0 : expected - 1;
  bad_from_.reset();
  assembly_.open = false;
  std::uint64_t at = std::max(offset, kSegmentHeaderBytes);
  outcome_ = {};
  outcome_.tail = at;
  while (at < limit_ && !outcome_.stopped) {
    const std::uint64_t block_end = (at / kBlockBytes + 1) * kBlockBytes;
    const std::uint64_t room_end = frames_end(at);
    if (at + kSmallestFrameRoom > room_end) {
      at = block_end;
      continue;
    }
    const auto bytes = load(at, std::min(room_end, limit_));
    if (!bytes) return core::unexpected(bytes.error());
    const auto frame = parse_frame(*bytes, seed_);
    if (!frame) {
      bad(at);
      at = block_end;
      continue;
    }
    const std::uint64_t end = at + kFrameHeaderBytes + frame->payload.size();
    take(*frame, at, end);
    at = end;
  }
  if (!outcome_.stopped) report(outcome_.tail, known_);
  outcome_.next = known_ + 1;
  return outcome_;
}

void SegmentScanner::take(const Frame& frame, std::uint64_t at, std::uint64_t end) {
  if (frame.part == Part::kFull || frame.part == Part::kFirst) {
    begin(frame, at, end);
  } else {
    proceed(frame, at, end);
  }
}

void SegmentScanner::begin(const Frame& frame, std::uint64_t at, std::uint64_t end) {
  if (assembly_.open) bad(at);
  if (expected_ != 0 && frame.sequence < expected_) {  // written twice, or out of place: the first one stands
    bad(at);
    outcome_.tail = std::max(outcome_.tail, end);
    return;
  }
  if (bad_from_ || (expected_ != 0 && frame.sequence > expected_)) {
    if (!bad_from_) bad_from_ = at;
    report(at, frame.sequence - 1);
    outcome_.tail = at;
  }
  expected_ = frame.sequence;
  known_ = frame.sequence - 1;
  if (frame.part == Part::kFull) {
    deliver(frame.type, frame.sequence, frame.payload, at, end);
    return;
  }
  assembly_.open = true;
  assembly_.type = frame.type;
  assembly_.sequence = frame.sequence;
  assembly_.offset = at;
  assembly_.payload.assign(frame.payload.begin(), frame.payload.end());
}

void SegmentScanner::proceed(const Frame& frame, std::uint64_t at, std::uint64_t end) {
  const bool fits = assembly_.open && frame.sequence == assembly_.sequence && frame.type == assembly_.type &&
                    assembly_.payload.size() + frame.payload.size() <= kMaxRecordBytes;
  if (!fits) {
    // A part without what came before it: the record is lost, but it was there, and its sequence is not free.
    // Reading that began inside a record has nothing to say about it.
    if (expected_ == 0) return;
    bad(at);
    known_ = std::max(known_, frame.sequence);
    outcome_.tail = end;
    return;
  }
  assembly_.payload.insert(assembly_.payload.end(), frame.payload.begin(), frame.payload.end());
  if (frame.part != Part::kLast) return;
  assembly_.open = false;
  deliver(assembly_.type, assembly_.sequence, assembly_.payload, assembly_.offset, end);
}

void SegmentScanner::deliver(RecordType type, Sequence sequence, std::span<const std::byte> payload, std::uint64_t at,
                             std::uint64_t end) {
  known_ = sequence;
  expected_ = sequence + 1;
  outcome_.tail = end;
  ++outcome_.records;
  const Record record{.sequence = sequence, .type = type, .payload = payload, .segment = header_.first, .offset = at};
  if (!(*visitor_)(record)) outcome_.stopped = true;
}

void SegmentScanner::bad(std::uint64_t at) {
  if (!bad_from_) bad_from_ = assembly_.open ? assembly_.offset : at;
  assembly_.open = false;
}

// The damage that ends at `until` lost the sequences from the expected one to `last_lost`.
void SegmentScanner::report(std::uint64_t until, Sequence last_lost) {
  if (!bad_from_) return;
  const std::uint64_t from = *bad_from_;
  bad_from_.reset();
  if (expected_ != 0 && last_lost < expected_ && until <= from) return;
  Damage damage{.where = fmt::format("{}, bytes {} to {}", path_, from, until),
                .reason = until > from ? "the bytes fail their check" : "records are missing"};
  if (expected_ != 0 && last_lost >= expected_) {
    damage.first_lost = expected_;
    damage.last_lost = last_lost;
  }
  if (*damaged_) (*damaged_)(damage);
  if (expected_ != 0) expected_ = std::max(expected_, last_lost + 1);
}

}  // namespace millwright::journal
