// A column file, and a manifest, of any content must open and read, or be refused: no crash, nothing out of order.
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
#include "historian/column_reader.hpp"
#include "historian/column_store.hpp"
#include "io/sim_disk.hpp"

namespace {

using namespace millwright;
using namespace millwright::historian;

const std::string kFolder = "c";

// The bytes before a check of 4 bytes get the check that they need, so that what comes after it is fuzzed too.
void mend(std::vector<std::byte>& file, std::size_t from, std::size_t to) {
  if (to > file.size() || from + sizeof(std::uint32_t) > to) return;
  const std::uint32_t crc = core::crc32c(std::span(file).subspan(from, to - from - sizeof(std::uint32_t)));
  std::memcpy(file.data() + to - sizeof crc, &crc, sizeof crc);
}

// The same for footer and index, where the file's end says that they are.
void mend_index(std::vector<std::byte>& file) {
  if (file.size() < kColumnHeaderBytes + kColumnTailBytes) return;
  const std::size_t end = file.size() - kColumnTailBytes;
  core::ByteReader tail{std::span<const std::byte>(file).subspan(end)};
  const auto footer = tail.get<std::uint64_t>();
  const auto bytes = tail.get<std::uint32_t>();
  if (bytes > end || footer != end - bytes) return;
  mend(file, footer, end);
  core::ByteReader in{std::span<const std::byte>(file).subspan(footer, bytes)};
  auto at = in.get<std::uint64_t>();
  for (int i = 0; i < 3; ++i) in.get<std::uint64_t>();
  for (auto chunks = in.get<std::uint64_t>(); chunks > 0 && at < footer;) {
    const auto here = std::min<std::uint64_t>(chunks, kEntriesPerPage);
    const std::uint64_t to = at + here * kEntryBytes + sizeof(std::uint32_t);
    mend(file, at, to);
    at = to;
    chunks -= here;
  }
}

// The same for directories, and for what they say of their blocks.
void mend_chunks(std::vector<std::byte>& file) {
  for (std::size_t at = kColumnHeaderBytes; at + kChunkHeadBytes < file.size();) {
    const auto rest = std::span(file).subspan(at);
    const std::size_t length = core::ByteReader(rest).get<std::uint32_t>();
    if (length > rest.size() - kChunkHeadBytes) return;
    const std::uint32_t crc = core::crc32c(rest.subspan(kChunkHeadBytes, length));
    std::memcpy(rest.data() + sizeof crc, &crc, sizeof crc);
    auto directory = decode_directory(rest, at);
    if (!directory || directory->end > file.size()) return;
    for (BlockEntry& block : directory->blocks) {
      block.crc = core::crc32c(std::span(file).subspan(block.offset, block.bytes));
    }
    const std::vector<std::byte> again = encode_directory(directory->key, directory->blocks);
    if (again.size() == directory->bytes) std::copy(again.begin(), again.end(), rest.begin());
    at = directory->end;
  }
}

void read_all(const ColumnSet::File& file) {
  ColumnReader reader;
  std::vector<RollupRow> rows;
  std::vector<Reading> readings;
  std::size_t chunks = 0;
  for (std::size_t at = 0; chunks < 1000;) {
    const auto entries = file->entries(at);
    if (!entries || entries->empty()) break;
    at += entries->size();
    for (const ChunkEntry& entry : *entries) {
      ++chunks;
      std::vector<ColumnReader::Place> places;
      static_cast<void>(reader.find(file, entry.key, INT64_MIN, INT64_MAX, places));
      for (const auto& place : places) static_cast<void>(reader.read(place, INT64_MIN, INT64_MAX, readings));
      static_cast<void>(reader.rows(file, entry, INT64_MIN, INT64_MAX, rows));
    }
  }
}

void check(io::SimDisk& disk, std::span<const std::byte> bytes) {
  ASSERT(io::write_file_atomically(disk, kFolder + "/any", bytes), "cannot prepare");
  for (const Tier tier : {Tier::kRaw, Tier::kMinute}) {
    if (const auto file = ColumnFile::open(disk, kFolder + "/any", {.tier = tier})) read_all(*file);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  core::logger("historian")->set_level(spdlog::level::off);
  const auto input = std::as_bytes(std::span(data, size));
  io::SimDisk disk(1);
  check(disk, input);
  std::vector<std::byte> file(input.begin(), input.end());
  mend(file, 0, kColumnHeaderBytes);
  if (file.size() > kColumnTailBytes) mend(file, file.size() - kColumnTailBytes, file.size());
  check(disk, file);
  mend_chunks(file);
  mend_index(file);
  check(disk, file);
  std::vector<std::byte> manifest(input.begin(), input.end());
  mend(manifest, 0, manifest.size());
  for (const std::span<const std::byte> bytes : {input, std::span<const std::byte>(manifest)}) {
    ASSERT(io::write_file_atomically(disk, kFolder + "/" + std::string(ColumnStore::kManifest), bytes),
           "cannot prepare");
    static_cast<void>(ColumnStore::open(disk, kFolder, 7));
  }
  return 0;
}
