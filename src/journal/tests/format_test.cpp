// The bytes themselves, and the golden file that every later version must keep reading and this one must keep writing.
#include "journal/format.hpp"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "core/bytes.hpp"
#include "io/clock.hpp"
#include "io/file_system.hpp"
#include "io/random.hpp"
#include "io/sim_disk.hpp"
#include "journal/journal.hpp"

namespace millwright::journal {
namespace {

constexpr SegmentHeader kHeader{
    .stream = 7, .id = 0x1122334455667788, .first = 41, .created = 1'700'000'000'000'000'000};

TEST(Format, HeaderReadsBack) {
  const auto bytes = encode_header(kHeader);
  const auto read = decode_header(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, kHeader);
}

TEST(Format, HeaderWithAnyBitFlippedFails) {
  for (std::size_t i = 0; i < kSegmentHeaderBytes * 8; ++i) {
    auto bytes = encode_header(kHeader);
    bytes[i / 8] ^= static_cast<std::byte>(1 << (i % 8));
    const auto read = decode_header(bytes);
    ASSERT_FALSE(read) << "bit " << i;
    EXPECT_EQ(read.error().code, core::ErrorCode::kCorrupt);
  }
}

TEST(Format, NamesAreTheFirstSequence) {
  EXPECT_EQ(segment_name(1000), "00000000000003e8.mwj");
  EXPECT_EQ(parse_segment_name("00000000000003e8.mwj"), 1000U);
  EXPECT_FALSE(parse_segment_name("00000000000003E8.mwj"));
  EXPECT_FALSE(parse_segment_name("0000000000000000.mwj"));
  EXPECT_FALSE(parse_segment_name("00000000000003e8.mwj.tail"));
}

TEST(Format, FrameReadsBackAndNoBitMayFlip) {
  Framer framer(kHeader);
  std::vector<std::byte> out;
  const std::string text = "pressure";
  framer.frame(3, 41, std::as_bytes(std::span(text)), out);
  ASSERT_EQ(out.size(), kFrameHeaderBytes + text.size());
  EXPECT_EQ(framer.position(), kSegmentHeaderBytes + out.size());
  const auto frame = parse_frame(out, frame_seed(kHeader));
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->type, 3);
  EXPECT_EQ(frame->sequence, 41U);
  EXPECT_EQ(frame->part, Part::kFull);
  for (std::size_t i = 0; i < out.size() * 8; ++i) {
    auto flipped = out;
    flipped[i / 8] ^= static_cast<std::byte>(1 << (i % 8));
    EXPECT_FALSE(parse_frame(flipped, frame_seed(kHeader))) << "bit " << i;
  }
}

TEST(Format, FrameOfAnotherFileFails) {
  Framer framer(kHeader);
  std::vector<std::byte> out;
  framer.frame(3, 41, {}, out);
  SegmentHeader other = kHeader;
  other.id ^= 1;
  EXPECT_FALSE(parse_frame(out, frame_seed(other)));
  other = kHeader;
  other.stream ^= 1;
  EXPECT_FALSE(parse_frame(out, frame_seed(other)));
}

TEST(Format, LengthBeyondTheBytesIsNotBelieved) {
  Framer framer(kHeader);
  std::vector<std::byte> out;
  framer.frame(3, 41, std::as_bytes(std::span("abc", 3)), out);
  // Exactly sized, so that AddressSanitizer sees a read beyond.
  const std::vector<std::byte> shorter(out.begin(), out.end() - 1);
  EXPECT_FALSE(parse_frame(shorter, frame_seed(kHeader)));
}

TEST(Format, NoFrameCrossesABlockAndTheFirstBlockRepeatsTheHeader) {
  Framer framer(kHeader);
  const HeaderBytes header = encode_header(kHeader);
  std::vector<std::byte> file(header.begin(), header.end());
  const std::vector<std::byte> big(100'000, std::byte{5});
  Sequence sequence = kHeader.first;
  framer.frame(1, sequence++, big, file);
  for (std::size_t size = 32'600; size < 32'780; ++size) {
    framer.frame(1, sequence++, std::span(big).first(size), file);
    ASSERT_EQ(framer.position(), file.size());
  }
  EXPECT_EQ(std::memcmp(file.data() + kHeaderCopyOffset, header.data(), header.size()), 0);
  Sequence next = kHeader.first;
  for (std::uint64_t at = kSegmentHeaderBytes; at < file.size();) {
    const std::uint64_t end = std::min<std::uint64_t>(frames_end(at), file.size());
    if (at + kSmallestFrameRoom > frames_end(at)) {
      at = (at / kBlockBytes + 1) * kBlockBytes;
      continue;
    }
    const auto frame = parse_frame(std::span(file).subspan(at, end - at), frame_seed(kHeader));
    ASSERT_TRUE(frame) << "at " << at;
    EXPECT_EQ(frame->sequence, next);
    if (frame->part == Part::kFull || frame->part == Part::kLast) ++next;
    at += kFrameHeaderBytes + frame->payload.size();
  }
  EXPECT_EQ(next, sequence);
}

TEST(Format, GapReadsBack) {
  const auto bytes = encode_gap(Gap{.first = 3, .last = 90, .dropped = 5});
  const auto gap = decode_gap(Record{.sequence = 91, .type = 0, .payload = bytes});
  ASSERT_TRUE(gap);
  EXPECT_EQ(gap->first, 3U);
  EXPECT_EQ(gap->last, 90U);
  EXPECT_EQ(gap->dropped, 5);
  EXPECT_FALSE(decode_gap(Record{.sequence = 91, .type = 1, .payload = bytes}));
}

TEST(Format, SettledMarkReadsBackAndIsChecked) {
  auto bytes = encode_settled(Settled{.segment = kHeader, .bytes = 500, .next = 44});
  const auto read = decode_settled(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->segment.id, kHeader.id);
  EXPECT_EQ(read->bytes, 500U);
  EXPECT_EQ(read->next, 44U);
  bytes[20] ^= std::byte{1};
  EXPECT_FALSE(decode_settled(bytes));
}

// ---- golden file ----------------------------------------------------------------------------------------------------
// Written once, from these records, with
//   MILLWRIGHT_WRITE_GOLDEN=1 test_journal --gtest_filter=Golden.*
// It is never written again: a new format version gets a file of its own.

const std::string kGoldenName = "0000000000000029.mwj";
const std::string kGoldenPath = std::string(MILLWRIGHT_SOURCE_DIR) + "/src/journal/tests/golden/" + kGoldenName;

struct GoldenRecord {
  RecordType type;
  std::string payload;
};
std::vector<GoldenRecord> golden_records() {
  std::string parts(40'000, '\0');
  for (std::size_t i = 0; i < parts.size(); ++i) parts[i] = static_cast<char>('a' + i % 23);
  const auto gap = encode_gap(Gap{.first = 1, .last = 40, .dropped = 1'700'000'000'000'000'000});
  return {{1, "bearing temperature 71.25"},
          {2, ""},
          {200, parts},
          {0, std::string(reinterpret_cast<const char*>(gap.data()), gap.size())},
          {255, "last"}};
}
std::vector<std::byte> golden_bytes() {
  const HeaderBytes header = encode_header(kHeader);
  std::vector<std::byte> file(header.begin(), header.end());
  Framer framer(kHeader);
  Sequence sequence = kHeader.first;
  for (const auto& record : golden_records()) {
    framer.frame(record.type, sequence++, std::as_bytes(std::span(record.payload)), file);
  }
  return file;
}

TEST(Golden, IsWrittenByteForByte) {
  const auto bytes = golden_bytes();
  if (std::getenv("MILLWRIGHT_WRITE_GOLDEN") != nullptr) {
    std::filesystem::create_directories(std::filesystem::path(kGoldenPath).parent_path());
    std::ofstream(kGoldenPath, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  io::RealFileSystem files;
  const auto stored = io::read_file(files, kGoldenPath);
  ASSERT_TRUE(stored) << stored.error().message;
  EXPECT_TRUE(*stored == bytes) << "the format has changed: give it a new version and a golden file of its own";
}

TEST(Golden, IsReadRecordForRecord) {
  io::RealFileSystem real;
  const auto stored = io::read_file(real, kGoldenPath);
  ASSERT_TRUE(stored);
  io::SimDisk disk(1);
  io::SimClock clock(0);
  ASSERT_TRUE(io::write_file_atomically(disk, "/j/" + kGoldenName, *stored));
  RecoveryReport report;
  auto journal = Journal::open(disk, clock, "/j", 7, {}, &report);
  ASSERT_TRUE(journal);
  EXPECT_TRUE(report.damage.empty());
  EXPECT_EQ(report.truncated_bytes, 0U);
  const auto expected = golden_records();
  std::size_t i = 0;
  ASSERT_TRUE((*journal)->read(1, [&](const Record& record) {
    EXPECT_LT(i, expected.size());
    EXPECT_EQ(record.sequence, 41 + i);
    EXPECT_EQ(record.type, expected[i].type);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(record.payload.data()), record.payload.size()),
              expected[i].payload);
    return ++i < expected.size();
  }));
  EXPECT_EQ(i, expected.size());
  EXPECT_EQ((*journal)->segments().front().created, kHeader.created);
}

}  // namespace
}  // namespace millwright::journal
