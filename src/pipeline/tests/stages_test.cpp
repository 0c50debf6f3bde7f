#include <limits>
#include <thread>

#include <gtest/gtest.h>

#include "pipeline/calibrate.hpp"
#include "pipeline/live_stage.hpp"
#include "pipeline/live_table.hpp"

namespace millwright::pipeline {
namespace {

using core::Block;
using core::BlockBatch;
using core::kSecond;
using core::SensorId;
using core::ValueType;

TEST(LiveTable, IsConsistentUnderAWriter) {
  LiveTable table(1);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::int64_t i = 1; i < 50'000; ++i) {
      table.write(SensorId(0), {.type = ValueType::kInt64,
                                .quality = {static_cast<std::uint32_t>(i)},
                                .source_time = i,
                                .received = i,
                                .bits = static_cast<std::uint64_t>(i),
                                .readings = static_cast<std::uint64_t>(i)});
    }
    done = true;
  });
  while (!done) {
    const LiveValue v = table.read(SensorId(0));
    if (v.source_time == 0) continue;
    ASSERT_EQ(v.as<std::int64_t>(), v.source_time);
    ASSERT_EQ(v.quality.code, static_cast<std::uint32_t>(v.received));
  }
  writer.join();
}

TEST(LiveTable, WaitsForInitialData) {
  LiveTable table(1);
  EXPECT_EQ(table.read(SensorId(0)).quality, core::kBadWaitingForInitialData);
}

TEST(Calibrate, AppliesThePolynomialInDouble) {
  Calibrate stage(std::vector<SensorScale>{{.coefficients = {1, 2, 0.5}, .range = {}}, {}});
  BlockBatch batch;
  batch.add_reading(SensorId(0), ValueType::kFloat32, 4.0F, 0, core::kGood, 0);
  batch.add_reading(SensorId(0), ValueType::kFloat64, -2.0, 0, core::kGood, 0);
  batch.add_reading(SensorId(1), ValueType::kFloat64, 0.1, 0, core::kGood, 0);
  stage.on_batch(batch);
  EXPECT_EQ(batch.blocks[0].as_double(0), 17);
  EXPECT_EQ(batch.blocks[1].as_double(0), -1);
  EXPECT_EQ(batch.blocks[2].as_double(0), 0.1);
}

TEST(Calibrate, MarksWhatIsOutsideTheRange) {
  Calibrate stage(std::vector<SensorScale>{{.coefficients = {}, .range = {{0, 10}}}});
  BlockBatch batch;
  Block& block = batch.add(SensorId(0), ValueType::kFloat32, 4, 0, 1, 0);
  const float values[] = {0, 10, 10.5F, std::numeric_limits<float>::quiet_NaN()};
  std::copy(std::begin(values), std::end(values), block.as<float>().begin());
  stage.on_batch(batch);
  ASSERT_EQ(block.quality_runs, 3U);
  EXPECT_EQ(block.quality[0].count, 2U);
  EXPECT_EQ(block.quality[1].quality, core::kUncertainEuExceeded);
  EXPECT_EQ(block.quality[2].quality, core::kGood);
}

class LiveStageTest : public ::testing::Test {
 protected:
  void reading(double value, core::TimeNs time, core::Quality quality = core::kGood, core::TimeNs received = 0) {
    BlockBatch batch;
    batch.add_reading(SensorId(0), ValueType::kFloat64, value, time, quality, received);
    stage_.on_batch(batch);
  }
  LiveTable live_{1};
  LiveStage stage_{live_};
};

TEST_F(LiveStageTest, KeepsTheNewestBySourceTime) {
  reading(1, 10 * kSecond);
  reading(2, 9 * kSecond);
  EXPECT_EQ(live_.read(SensorId(0)).as<double>(), 1);
  EXPECT_EQ(live_.read(SensorId(0)).readings, 2U);
}

TEST_F(LiveStageTest, AcceptsASourceThatWasSetBack) {
  reading(1, 100 * kSecond, core::kGood, 0);
  reading(2, 9 * kSecond, core::kGood, 6 * kSecond);
  EXPECT_EQ(live_.read(SensorId(0)).as<double>(), 2);
}

TEST_F(LiveStageTest, IsNotFooledByATimeInTheFarFuture) {
  reading(1, 10 * kSecond);
  reading(2, 1'000'000 * kSecond, core::kBadInvalidTimestamp);
  EXPECT_EQ(live_.read(SensorId(0)).quality, core::kBadInvalidTimestamp);
  reading(3, 11 * kSecond);
  EXPECT_EQ(live_.read(SensorId(0)).as<double>(), 3);
  EXPECT_TRUE(live_.read(SensorId(0)).quality.is_good());
}

TEST_F(LiveStageTest, ChangesOnlyTheQualityOnAConnectorsWord) {
  reading(1, 10 * kSecond);
  BlockBatch batch;
  batch.purpose = core::BatchPurpose::kStatus;
  batch.add_reading(SensorId(0), ValueType::kFloat64, 0.0, 0, core::kBadNoCommunication, 0);
  stage_.on_batch(batch);
  const LiveValue now = live_.read(SensorId(0));
  EXPECT_EQ(now.as<double>(), 1);
  EXPECT_EQ(now.source_time, 10 * kSecond);
  EXPECT_EQ(now.quality, core::kBadNoCommunication);
}

TEST_F(LiveStageTest, PassesOverWhatIsSentAfterTheFact) {
  reading(1, 10 * kSecond);
  BlockBatch batch;
  batch.purpose = core::BatchPurpose::kBackfill;
  batch.add_reading(SensorId(0), ValueType::kFloat64, 2.0, 11 * kSecond, core::kBad, 60 * kSecond);
  stage_.on_batch(batch);
  EXPECT_EQ(live_.read(SensorId(0)).as<double>(), 1);
  EXPECT_EQ(live_.read(SensorId(0)).quality, core::kGood);
}

TEST_F(LiveStageTest, RollsUpSecondsOfABlockThatSpansThem) {
  BlockBatch batch;
  Block& block = batch.add(SensorId(0), ValueType::kFloat32, 250, 10 * kSecond, kSecond / 100, 0);
  for (std::uint32_t i = 0; i < 250; ++i) block.as<float>()[i] = static_cast<float>(i);
  const core::QualityRun runs[] = {{110, core::kGood}, {10, core::kBad}, {130, core::kGood}};
  batch.set_runs(block, runs);
  stage_.on_batch(batch);
  const Rollup second = live_.rollup(SensorId(0));
  EXPECT_EQ(second.start, 11 * kSecond);
  EXPECT_EQ(second.count, 90U);
  EXPECT_EQ(second.bad_count, 10U);
  EXPECT_EQ(second.first, 100);
  EXPECT_EQ(second.last, 199);
  EXPECT_EQ(second.min, 100);
  EXPECT_EQ(second.max, 199);
  stage_.on_tick(20 * kSecond);
  EXPECT_EQ(live_.rollup(SensorId(0)).start, 12 * kSecond);
  EXPECT_EQ(live_.rollup(SensorId(0)).count, 50U);
}

}  // namespace
}  // namespace millwright::pipeline
