#include "pipeline/pipeline.hpp"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "pipeline/duplicate_filter.hpp"

namespace millwright::pipeline {
namespace {

using core::MachineId;
using core::SensorId;
using core::ValueType;

// Notes what reaches the end of the way, and settles as a recorder would.
class Recorder final : public Stage {
 public:
  explicit Recorder(std::vector<double>& out, std::chrono::milliseconds delay = {}) : out_(out), delay_(delay) {}
  void on_batch(core::BlockBatch& batch) override {
    if (delay_.count() > 0) std::this_thread::sleep_for(delay_);
    for (const auto& block : batch.blocks) {
      for (std::uint32_t i = 0; i < block.count; ++i) out_.push_back(block.as_double(i));
    }
    if (batch.receipt) batch.receipt->settle();
  }

 private:
  std::vector<double>& out_;
  std::chrono::milliseconds delay_;
};

class CountingReceipt final : public core::Receipt {
 public:
  explicit CountingReceipt(std::atomic<int>& settled) : settled_(settled) {}
  void settle() override { ++settled_; }

 private:
  std::atomic<int>& settled_;
};

class PipelineTest : public ::testing::Test {
 protected:
  core::Metrics metrics_;
  const std::vector<MachineId> machine_of_ = {MachineId(0), MachineId(1), MachineId(0)};
  static core::TimeNs now() { return 0; }
};

TEST_F(PipelineTest, KeepsAMachineInOneShardAndSettlesOnceForAllOfThem) {
  Pipeline pipeline({.shards = 2}, machine_of_, now, metrics_);
  EXPECT_EQ(pipeline.shard_of(SensorId(0)), pipeline.shard_of(SensorId(2)));
  EXPECT_NE(pipeline.shard_of(SensorId(0)), pipeline.shard_of(SensorId(1)));
  std::vector<double> seen[2];
  for (std::size_t i = 0; i < 2; ++i) pipeline.add_stage(i, std::make_unique<Recorder>(seen[i]));
  pipeline.start();
  Sources sources;
  Inlet inlet(pipeline, sources.add("plc"));
  std::atomic<int> settled{0};
  for (std::uint32_t s = 0; s < 3; ++s) {
    inlet.batch_for(SensorId(s)).add_reading(SensorId(s), ValueType::kFloat64, double(s), 1, core::kGood, 1);
  }
  EXPECT_EQ(inlet.pending(), 3U);
  EXPECT_TRUE(inlet.submit(1, 1, std::make_shared<CountingReceipt>(settled)));
  pipeline.stop();
  EXPECT_EQ(settled, 1);
  EXPECT_EQ(seen[0], (std::vector<double>{0, 2}));
  EXPECT_EQ(seen[1], (std::vector<double>{1}));
  EXPECT_EQ(pipeline.readings(), 3U);
}

TEST_F(PipelineTest, PushesBackAndLosesNothingInOrder) {
  Pipeline pipeline({.shards = 1, .ring_batches = 2}, machine_of_, now, metrics_);
  std::vector<double> seen;
  pipeline.add_stage(0, std::make_unique<Recorder>(seen, std::chrono::milliseconds(1)));
  pipeline.start();
  Inlet inlet(pipeline, core::SourceId(0));
  for (int i = 0; i < 100; ++i) {
    inlet.batch_for(SensorId(0)).add_reading(SensorId(0), ValueType::kFloat64, double(i), i, core::kGood, i);
    ASSERT_TRUE(inlet.submit(1, i + 1));
  }
  pipeline.stop();
  ASSERT_EQ(seen.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(seen[i], i);
}

TEST_F(PipelineTest, TakesNothingAfterItStopped) {
  Pipeline pipeline({.shards = 1}, machine_of_, now, metrics_);
  pipeline.start();
  pipeline.stop();
  Inlet inlet(pipeline, core::SourceId(0));
  std::atomic<int> settled{0};
  inlet.batch_for(SensorId(0)).add_reading(SensorId(0), ValueType::kFloat64, 1.0, 1, core::kGood, 1);
  EXPECT_FALSE(inlet.submit(1, 1, std::make_shared<CountingReceipt>(settled)));
  EXPECT_EQ(settled, 0);
}

TEST_F(PipelineTest, DropsWhatASourceSendsAgain) {
  Pipeline pipeline({.shards = 1}, machine_of_, now, metrics_);
  std::vector<double> seen;
  const auto recovered = [](core::SourceId) { return LanePosition{.epoch = 5, .sequence = 2}; };
  pipeline.add_stage(0, std::make_unique<DuplicateFilter>(recovered, metrics_));
  pipeline.add_stage(0, std::make_unique<Recorder>(seen));
  pipeline.start();
  Inlet inlet(pipeline, core::SourceId(0));
  std::atomic<int> settled{0};
  const auto send = [&](std::uint64_t epoch, std::uint64_t sequence, double value) {
    inlet.batch_for(SensorId(0)).add_reading(SensorId(0), ValueType::kFloat64, value, 1, core::kGood, 1);
    ASSERT_TRUE(inlet.submit(epoch, sequence, std::make_shared<CountingReceipt>(settled)));
  };
  send(5, 1, 51);
  send(5, 2, 52);
  send(5, 3, 53);
  send(5, 3, 53);
  send(4, 9, 49);
  send(6, 1, 61);
  pipeline.stop();
  EXPECT_EQ(seen, (std::vector<double>{53, 61}));
  EXPECT_EQ(settled, 6);
}

}  // namespace
}  // namespace millwright::pipeline
