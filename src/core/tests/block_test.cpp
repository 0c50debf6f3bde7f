#include "core/block.hpp"

#include <gtest/gtest.h>

namespace millwright::core {
namespace {

TEST(BlockBatch, HoldsReadingsOfEveryType) {
  BlockBatch batch;
  batch.add_reading(SensorId(1), ValueType::kFloat64, 1.5, 100, kGood, 200);
  batch.add_reading(SensorId(2), ValueType::kFloat32, 2.5F, 100, kBad, 200);
  batch.add_reading(SensorId(3), ValueType::kInt64, std::int64_t{-7}, 100, kGood, 200);
  batch.add_reading(SensorId(4), ValueType::kBool, std::uint8_t{1}, 100, kGood, 200);
  batch.add_reading(SensorId(5), ValueType::kState, std::int32_t{3}, 100, kGood, 200);
  ASSERT_EQ(batch.blocks.size(), 5U);
  EXPECT_EQ(batch.readings(), 5U);
  EXPECT_EQ(batch.blocks[0].as_double(0), 1.5);
  EXPECT_EQ(batch.blocks[1].as_double(0), 2.5);
  EXPECT_TRUE(batch.blocks[1].quality[0].quality.is_bad());
  EXPECT_EQ(batch.blocks[2].as_double(0), -7);
  EXPECT_EQ(batch.blocks[3].as_double(0), 1);
  EXPECT_EQ(batch.blocks[4].as_double(0), 3);
}

TEST(BlockBatch, KeepsEarlierBlocksInPlaceAsItGrows) {
  BlockBatch batch;
  std::vector<double*> first;
  for (int i = 0; i < 100; ++i) {
    Block& block = batch.add(SensorId(0), ValueType::kFloat64, kMaxBlockReadings, i, 1, 0);
    block.as<double>()[0] = i;
    block.as<double>()[kMaxBlockReadings - 1] = -i;
  }
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(batch.blocks[i].as<double>()[0], i);
    EXPECT_EQ(batch.blocks[i].as<double>()[kMaxBlockReadings - 1], -i);
  }
}

TEST(BlockBatch, ReusesItsMemoryAfterClear) {
  BlockBatch batch;
  const std::byte* first = batch.add(SensorId(0), ValueType::kFloat32, 10, 0, 1, 0).values;
  batch.clear();
  EXPECT_TRUE(batch.blocks.empty());
  EXPECT_EQ(batch.add(SensorId(0), ValueType::kFloat32, 10, 0, 1, 0).values, first);
}

TEST(BlockBatch, MarksSingleReadingsAndKeepsWorseQualities) {
  BlockBatch batch;
  Block& block = batch.add(SensorId(0), ValueType::kFloat32, 5, 0, 1, 0);
  const QualityRun runs[] = {{3, kGood}, {2, kBad}};
  batch.set_runs(block, runs);
  batch.mark(block, kUncertainEuExceeded, [](std::uint32_t i) { return i == 1 || i == 3; });
  ASSERT_EQ(block.quality_runs, 4U);
  EXPECT_EQ(block.quality[0].count, 1U);
  EXPECT_EQ(block.quality[1].quality, kUncertainEuExceeded);
  EXPECT_EQ(block.quality[2].quality, kGood);
  EXPECT_EQ(block.quality[3].count, 2U);
  EXPECT_EQ(block.quality[3].quality, kBad);
}

TEST(Block, GivesTimesFromPeriodOrList) {
  BlockBatch batch;
  Block& regular = batch.add(SensorId(0), ValueType::kFloat32, 3, 1000, 10, 0);
  EXPECT_EQ(regular.time(2), 1020);
  const TimeNs times[] = {5, 7, 11};
  regular.times = times;
  EXPECT_EQ(regular.time(1), 7);
  EXPECT_EQ(regular.last_time(), 11);
}

}  // namespace
}  // namespace millwright::core
