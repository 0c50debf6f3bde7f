// A segment file of any content must open, read, take more records and open again: no crash, nothing out of order,
// nothing new in what was there, and what is committed after it comes back.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include <spdlog/logger.h>

#include "core/assert.hpp"
#include "core/crc32c.hpp"
#include "core/log.hpp"
#include "io/clock.hpp"
#include "io/sim_disk.hpp"
#include "journal/format.hpp"
#include "journal/journal.hpp"

namespace {

using namespace millwright;

// The corpus was written with this stream id, and with 41 (0x29) as the first sequence.
constexpr std::uint64_t kStream = 7;
constexpr journal::Sequence kFirst = 41;
const std::string kFolder = "/j";
const std::string kName = "/0000000000000029.mwj";

std::vector<journal::Sequence> sequences(const journal::Journal& journal) {
  std::vector<journal::Sequence> all;
  const auto read = journal.read(1, [&](const journal::Record& record) {
    ASSERT(all.empty() || record.sequence > all.back(), "a record out of order");
    ASSERT(record.payload.size() <= journal::kMaxRecordBytes, "a record beyond the limit");
    all.push_back(record.sequence);
    const auto again = journal.read_segment(record.segment, record.offset, [&](const journal::Record& same) {
      ASSERT(same.sequence == record.sequence && same.payload.size() == record.payload.size(), "read twice, differs");
      return false;
    });
    ASSERT(again, "read_segment failed");
    return true;
  });
  ASSERT(read, "reading failed");
  return all;
}

// The same bytes with a right header and right checks wherever a frame could be, so that what comes after the checks is
// fuzzed too.
std::vector<std::byte> mended(std::span<const std::byte> input) {
  std::vector<std::byte> file(input.begin(), input.end());
  if (file.size() < journal::kSegmentHeaderBytes) return file;
  const journal::SegmentHeader header{.stream = kStream, .id = 1, .first = kFirst, .created = 0};
  const auto bytes = journal::encode_header(header);
  std::copy(bytes.begin(), bytes.end(), file.begin());
  const std::uint32_t seed = journal::frame_seed(header);
  for (std::size_t at = journal::kSegmentHeaderBytes; at + journal::kFrameHeaderBytes <= file.size();) {
    std::uint16_t length = 0;
    std::memcpy(&length, file.data() + at + 4, sizeof length);
    const std::size_t end = at + journal::kFrameHeaderBytes + length;
    if (end > std::min<std::size_t>(journal::frames_end(at), file.size())) {
      at = (at / journal::kBlockBytes + 1) * journal::kBlockBytes;
      continue;
    }
    const auto crc = core::crc32c(std::span(file).subspan(at + 4, end - at - 4), seed);
    std::memcpy(file.data() + at, &crc, sizeof crc);
    at = end;
  }
  return file;
}

void check(std::span<const std::byte> bytes) {
  io::SimDisk disk(1);
  io::SimClock clock(0);
  ASSERT(io::write_file_atomically(disk, kFolder + kName, bytes), "cannot prepare");
  journal::RecoveryReport report;
  auto opened = journal::Journal::open(disk, clock, kFolder, kStream, {}, &report);
  if (!opened) return;  // another stream or version
  const auto before = sequences(**opened);
  ASSERT(before.size() == report.records, "recovery and reading disagree");
  const auto given = (*opened)->append(1, bytes.first(bytes.size() / 2));
  ASSERT(given, "append failed");
  ASSERT(before.empty() || *given > before.back(), "a sequence given out twice");
  ASSERT((*opened)->commit(), "commit failed");
  disk.cut_power();
  opened->reset();
  opened = journal::Journal::open(disk, clock, kFolder, kStream, {}, &report);
  ASSERT(opened, "cannot open again");
  auto expected = before;
  expected.push_back(*given);
  ASSERT(sequences(**opened) == expected, "other records after a restart");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  core::logger("journal")->set_level(spdlog::level::off);
  const auto bytes = std::as_bytes(std::span(data, size));
  check(bytes);
  check(mended(bytes));
  return 0;
}
