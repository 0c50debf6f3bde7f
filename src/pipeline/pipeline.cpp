#include "pipeline/pipeline.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>

#include "core/assert.hpp"

namespace millwright::pipeline {

using core::BlockBatch;
using std::chrono::steady_clock;
using BatchQueue = core::BoundedQueue<std::unique_ptr<BlockBatch>>;

namespace {

constexpr auto kTick = std::chrono::milliseconds(100);
constexpr std::size_t kSpareBatches = 64;

// One sequence may be spread over several shards; the sender waits for all of them.
class SharedReceipt final : public core::Receipt {
 public:
  SharedReceipt(std::shared_ptr<core::Receipt> whole, int parts) : whole_(std::move(whole)), left_(parts) {}
  void settle() override {
    if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) whole_->settle();
  }

 private:
  std::shared_ptr<core::Receipt> whole_;
  std::atomic<int> left_;
};

}  // namespace

core::SourceId Sources::add(const std::string& name) {
  core::MutexLock lock(mutex_);
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found != names_.end()) return core::SourceId(static_cast<std::size_t>(found - names_.begin()));
  names_.push_back(name);
  return core::SourceId(names_.size() - 1);
}

std::string Sources::name(core::SourceId id) const {
  core::MutexLock lock(mutex_);
  ASSERT(id.value < names_.size(), "unknown source");
  return names_[id.value];
}

std::size_t Sources::size() const {
  core::MutexLock lock(mutex_);
  return names_.size();
}

struct Pipeline::Shard {
  Shard(std::size_t ring_batches, core::Counter& readings_total)
      : ring(ring_batches), spare(kSpareBatches), counted(readings_total) {}
  BatchQueue ring;
  BatchQueue spare;  // emptied batches, whose memory the next ones use
  std::vector<std::unique_ptr<Stage>> stages;
  std::thread thread;
  std::atomic<std::uint64_t> readings{0};
  core::Counter& counted;
};

Pipeline::Pipeline(PipelineOptions options, std::span<const core::MachineId> machine_of,
                   std::function<core::TimeNs()> now, core::Metrics& metrics)
    : now_(std::move(now)) {
  ASSERT(options.shards > 0, "a pipeline needs a shard");
  for (std::size_t i = 0; i < options.shards; ++i) {
    auto& counted = metrics.counter("millwright_pipeline_readings_total", "Readings taken in, by shard",
                                    {{"shard", std::to_string(i)}});
    shards_.push_back(std::make_unique<Shard>(options.ring_batches, counted));
  }
  shard_of_.reserve(machine_of.size());
  for (const core::MachineId machine : machine_of) {
    shard_of_.push_back(static_cast<std::uint32_t>(machine.value % options.shards));
  }
}

Pipeline::~Pipeline() {
  stop();
}

void Pipeline::add_stage(std::size_t shard, std::unique_ptr<Stage> stage) {
  ASSERT(!shards_.at(shard)->thread.joinable(), "stages are added before the start");
  shards_[shard]->stages.push_back(std::move(stage));
}

void Pipeline::start() {
  for (auto& shard : shards_) shard->thread = std::thread([this, &shard = *shard] { run(shard); });
}

void Pipeline::stop() {
  for (auto& shard : shards_) shard->ring.close();
  for (auto& shard : shards_) {
    if (shard->thread.joinable()) shard->thread.join();
  }
}

std::uint64_t Pipeline::readings() const {
  std::uint64_t sum = 0;
  for (const auto& shard : shards_) sum += shard->readings.load(std::memory_order_relaxed);
  return sum;
}

void Pipeline::run(Shard& shard) {
  auto next_tick = steady_clock::now() + kTick;
  for (;;) {
    auto batch = shard.ring.pop(std::max(next_tick - steady_clock::now(), steady_clock::duration::zero()));
    if (batch) {
      if ((*batch)->purpose != core::BatchPurpose::kStatus) {
        const std::uint64_t readings = (*batch)->readings();
        shard.readings.fetch_add(readings, std::memory_order_relaxed);
        shard.counted.Increment(static_cast<double>(readings));
      }
      for (auto& stage : shard.stages) stage->on_batch(**batch);
      (*batch)->clear();
      shard.spare.try_push(*batch);
    }
    if (steady_clock::now() >= next_tick) {
      for (auto& stage : shard.stages) stage->on_tick(now_());
      next_tick = steady_clock::now() + kTick;
    }
    if (!batch && shard.ring.closed() && shard.ring.size() == 0) break;
  }
  for (auto& stage : shard.stages) stage->on_stop();
}

Inlet::Inlet(Pipeline& pipeline, core::SourceId source, core::BatchPurpose purpose)
    : pipeline_(pipeline), source_(source), purpose_(purpose), batches_(pipeline.shards()) {}

BlockBatch& Inlet::batch_for(core::SensorId sensor) {
  const std::size_t shard = pipeline_.shard_of(sensor);
  auto& batch = batches_[shard];
  if (!batch) {
    auto spare = pipeline_.shards_[shard]->spare.try_pop();
    batch = spare ? std::move(*spare) : std::make_unique<BlockBatch>();
  }
  return *batch;
}

std::uint64_t Inlet::pending() const {
  std::uint64_t sum = 0;
  for (const auto& batch : batches_) sum += batch ? batch->readings() : 0;
  return sum;
}

bool Inlet::submit(std::uint64_t epoch, std::uint64_t sequence, std::shared_ptr<core::Receipt> receipt) {
  const auto parts =
      std::count_if(batches_.begin(), batches_.end(), [](const auto& batch) { return batch != nullptr; });
  if (parts == 0) {
    if (receipt) receipt->settle();
    return !pipeline_.shards_.front()->ring.closed();
  }
  if (receipt && parts > 1) receipt = std::make_shared<SharedReceipt>(std::move(receipt), static_cast<int>(parts));
  bool taken = true;
  for (std::size_t shard = 0; shard < batches_.size(); ++shard) {
    auto batch = std::move(batches_[shard]);
    if (!batch) continue;
    batch->purpose = purpose_;
    batch->identity = {source_, epoch, sequence};
    batch->receipt = receipt;
    taken = pipeline_.shards_[shard]->ring.push(batch) && taken;
  }
  return taken;
}

bool Inlet::submit_status() {
  bool taken = true;
  for (std::size_t shard = 0; shard < batches_.size(); ++shard) {
    auto batch = std::move(batches_[shard]);
    if (!batch) continue;
    batch->purpose = core::BatchPurpose::kStatus;
    taken = pipeline_.shards_[shard]->ring.push(batch) && taken;
  }
  return taken;
}

}  // namespace millwright::pipeline
