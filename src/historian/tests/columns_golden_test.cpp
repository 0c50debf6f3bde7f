// A column file of readings, one of roll-ups and the manifest that lists them, as version 1 wrote them: they must be
// read for ever. MILLWRIGHT_UPDATE_GOLDEN writes them anew.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "historian/column_reader.hpp"
#include "historian/tests/historian_fixture.hpp"

namespace millwright::historian {
namespace {

const std::string kGoldenFolder = std::string(MILLWRIGHT_SOURCE_DIR) + "/src/historian/tests/golden/columns_v1/";
const std::string kFolder = "columns";
constexpr std::uint64_t kStream = 7;
constexpr SeriesKey kSeries = 5;
constexpr std::uint32_t kBlock = 100;
constexpr int kBlocks = 3;

core::TimeNs time_of(int i) {
  return kStart + i * core::kSecond;
}
std::int64_t value_of(int i) {
  return i * 37 % 1000;
}

void write_goldens() {
  io::SimDisk disk(1);
  auto store = ColumnStore::open(disk, kFolder, kStream);
  auto raw = (*store)->draft(Tier::kRaw, 0, 2);
  auto minutes = (*store)->draft(Tier::kMinute, 0, 2);
  Encoder encoder;
  SeriesRun run;
  for (int b = 0; b < kBlocks; ++b) {
    std::vector<Reading> readings;
    for (int i = b * 100; i < b * 100 + 100; ++i) {
      readings.push_back({.time = time_of(i), .bits = static_cast<std::uint64_t>(value_of(i)), .quality = core::kGood});
    }
    run.append(core::ValueType::kInt64, readings);
    std::vector<std::int64_t> values;
    for (const Reading& one : readings) values.push_back(static_cast<std::int64_t>(one.bits));
    core::QualityRun good{kBlock, core::kGood};
    core::Block block;
    block.type = core::ValueType::kInt64;
    block.count = kBlock;
    block.start = readings.front().time;
    block.period = core::kSecond;
    block.received = block.start;
    block.values = reinterpret_cast<std::byte*>(values.data());
    block.quality = &good;
    block.quality_runs = 1;
    std::vector<std::byte> bytes;
    encoder.encode(block, block.start, bytes);
    raw->writer->add_block(bytes, kBlock, {readings.front().time, readings.back().time});
  }
  std::vector<RollupRow> rows;
  run.sum_up(0, run.size(), core::kMinute, rows);
  std::vector<std::byte> bytes;
  RowCodec().encode(rows, core::kMinute, bytes);
  minutes->writer->add_block(bytes, static_cast<std::uint32_t>(rows.size()), {time_of(0), time_of(299)});
  ASSERT_TRUE(raw->writer->end_chunk(kSeries, {}));
  ASSERT_TRUE(minutes->writer->end_chunk(kSeries, {}));
  ColumnStore::Change change{.add = {}, .remove = {}, .sealed = 42, .written = {.wall = kStart, .age = core::kHour}};
  change.add.push_back(std::move(*raw));
  change.add.push_back(std::move(*minutes));
  ASSERT_TRUE((*store)->apply(std::move(change)));
  std::filesystem::create_directories(kGoldenFolder);
  const auto listed = disk.list(kFolder).value();
  for (const std::string& name : listed) {
    const auto content = *io::read_file(disk, kFolder + "/" + name);
    std::ofstream(kGoldenFolder + name, std::ios::binary)
        .write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
  }
}

TEST(ColumnsGolden, VersionOneIsRead) {
  if (std::getenv("MILLWRIGHT_UPDATE_GOLDEN") != nullptr) write_goldens();
  io::SimDisk disk(1);
  for (const auto& entry : std::filesystem::directory_iterator(kGoldenFolder)) {
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    ASSERT_TRUE(io::write_file_atomically(disk, kFolder + "/" + entry.path().filename().string(), text));
  }
  const auto store = ColumnStore::open(disk, kFolder, kStream);
  ASSERT_TRUE(store) << store.error().message;
  const auto set = (*store)->set();
  EXPECT_EQ(set->sealed, 42U);
  ASSERT_EQ(set->of(Tier::kRaw).size(), 1U);
  const ColumnSet::File& file = set->of(Tier::kRaw).front();
  EXPECT_EQ(file->damage(), "");
  EXPECT_EQ(file->header().retention, 2U);
  EXPECT_EQ(file->summary().readings, 300U);
  EXPECT_EQ(file->summary().written.age, core::kHour);

  ColumnReader reader;
  std::vector<ColumnReader::Place> places;
  std::vector<Reading> readings;
  ASSERT_TRUE(reader.find(file, kSeries, INT64_MIN, INT64_MAX, places));
  EXPECT_EQ(places.size(), static_cast<std::size_t>(kBlocks));
  for (const auto& place : places) ASSERT_TRUE(reader.read(place, INT64_MIN, INT64_MAX, readings));
  ASSERT_EQ(readings.size(), 300U);
  for (int i = 0; i < 300; ++i) {
    const Reading& one = readings[static_cast<std::size_t>(i)];
    ASSERT_EQ(one.time, time_of(i));
    ASSERT_EQ(static_cast<std::int64_t>(one.bits), value_of(i));
    ASSERT_EQ(one.quality, core::kGood);
  }
  std::vector<RollupRow> rows;
  ASSERT_TRUE(reader.rows(*set, Tier::kMinute, kSeries, INT64_MIN, INT64_MAX, rows));
  std::uint64_t count = 0;
  for (const RollupRow& row : rows) count += row.of.count;
  EXPECT_EQ(count, 300U);
  EXPECT_EQ(rows.front().of.first_time, kStart);
}

}  // namespace
}  // namespace millwright::historian
