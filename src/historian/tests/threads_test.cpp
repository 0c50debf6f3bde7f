// The whole of it with its real threads: connectors, shards, group commit, queries and retention at once.
#include <chrono>
#include <thread>

#include "historian/tests/historian_fixture.hpp"

namespace millwright::historian {
namespace {

using core::kMillisecond;
using core::TimeNs;
using core::ValueType;

TEST_F(HistorianTest, RecordsAndAnswersFromManyThreads) {
  constexpr std::size_t kShards = 2;
  constexpr int kSenders = 2;
  constexpr std::uint64_t kBatches = 200;
  constexpr std::uint32_t kReadings = 64;
  options_.journal.segment_bytes = 64 * 1024;
  open(kShards);
  recorders_.clear();
  for (std::size_t i = 0; i < kShards; ++i) {
    pipeline_->add_stage(i,
                         std::make_unique<pipeline::DuplicateFilter>(
                             [this, i](core::SourceId source) { return history_->recovered(source, i); }, *metrics_));
    pipeline_->add_stage(i, history_->recorder(i));
  }
  journal::GroupCommit commits(5 * kMillisecond, *metrics_);
  history_->join(commits);
  commits.start();
  pipeline_->start();

  std::atomic<int> sending{kSenders};
  const auto settled = std::make_shared<CountingReceipt>();
  std::vector<std::thread> threads;
  for (int s = 0; s < kSenders; ++s) {
    threads.emplace_back([&, s] {
      const core::SourceId source = sources_->add("sender-" + std::to_string(s));
      pipeline::Inlet inlet(*pipeline_, source);
      for (std::uint64_t sequence = 1; sequence <= kBatches; ++sequence) {
        const TimeNs time = kStart + static_cast<TimeNs>(sequence) * core::kSecond + s;
        for (std::size_t m = 0; m < kMachines; ++m) {
          add_block(inlet.batch_for(temperature(m)), temperature(m), kReadings, time, kMillisecond);
          inlet.batch_for(count(m)).add_reading(count(m), ValueType::kInt64, static_cast<std::int64_t>(sequence), time,
                                                core::kGood, time);
        }
        ASSERT_TRUE(inlet.submit(1, sequence, settled));
        static_cast<void>(history_->durable(source));
      }
      --sending;
    });
  }
  threads.emplace_back([&] {
    while (sending > 0) {
      for (std::size_t m = 0; m < kMachines; ++m) {
        const auto answer = history_->raw(temperature(m), {kStart, INT64_MAX}, 1000, nullptr);
        ASSERT_TRUE(answer);
        ASSERT_TRUE(history_->aggregates(count(m), {kStart, INT64_MAX}, core::kMinute, 100, nullptr));
      }
      static_cast<void>(history_->stats());
      ASSERT_TRUE(history_->tidy());
    }
  });
  for (auto& thread : threads) thread.join();
  while (settled->settled < kSenders * static_cast<int>(kBatches)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  for (std::size_t m = 0; m < kMachines; ++m) {
    EXPECT_EQ(raw(temperature(m)).size(), kSenders * kBatches * kReadings);
    EXPECT_EQ(raw(count(m)).size(), kSenders * kBatches);
  }
  EXPECT_EQ(history_->durable(sources_->add("sender-0")).sequence, kBatches);
  pipeline_->stop();
  commits.stop();
  EXPECT_EQ(settled->settled, kSenders * static_cast<int>(kBatches));
  EXPECT_EQ(history_->stats().readings, kSenders * kBatches * kMachines * (kReadings + 1));
}

}  // namespace
}  // namespace millwright::historian
