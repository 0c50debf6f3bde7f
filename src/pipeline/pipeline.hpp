// Pipeline: the shards. A machine belongs to one shard, so all of its sensors meet in one thread.
//
//   connector thread:  Inlet inlet(pipeline, source);
//                      auto& batch = inlet.batch_for(sensor);  batch.add_reading(…);  …
//                      inlet.submit(epoch, sequence, receipt);        // waits while a ring is full: back-pressure
//   shard thread:      every stage, in order, for every batch
//
// Threads: construct, add_stage and start from one thread; an Inlet belongs to one connector thread; stop() from any.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "core/block.hpp"
#include "core/bounded_queue.hpp"
#include "core/metrics.hpp"
#include "core/mutex.hpp"
#include "core/result.hpp"
#include "pipeline/stage.hpp"

namespace millwright::pipeline {

// The sources of readings by name: what SourceId indexes. The name is what goes to disk.
class Sources {
 public:
  core::SourceId add(const std::string& name);  // the same name gives the same id
  [[nodiscard]] std::string name(core::SourceId id) const;
  [[nodiscard]] std::size_t size() const;

 private:
  mutable core::Mutex mutex_;
  std::vector<std::string> names_ GUARDED_BY(mutex_);
};

struct PipelineOptions {
  std::size_t shards = 1;
  std::size_t ring_batches = 128;  // capacity of each shard's ring, a power of two
};

class Pipeline {
 public:
  // machine_of[sensor] is the dense machine index of each sensor; machines are spread over the shards in turn.
  // `now` gives UTC for on_tick.
  Pipeline(PipelineOptions options, std::span<const core::MachineId> machine_of, std::function<core::TimeNs()> now,
           core::Metrics& metrics);
  ~Pipeline();

  [[nodiscard]] std::size_t shards() const { return shards_.size(); }
  [[nodiscard]] std::size_t shard_of(core::SensorId sensor) const { return shard_of_[sensor.value]; }
  // Stages run in the order in which they were added. Before start() only.
  void add_stage(std::size_t shard, std::unique_ptr<Stage> stage);
  void start();
  // Takes nothing more in, works off what is in the rings, ends the threads. Inlets get `false` from then on.
  void stop();

  [[nodiscard]] std::uint64_t readings() const;  // taken in since start

 private:
  friend class Inlet;
  struct Shard;
  void run(Shard& shard);

  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<std::uint32_t> shard_of_;
  std::function<core::TimeNs()> now_;
};

// One connector's way in.
class Inlet {
 public:
  // `purpose` of what submit() hands over.
  Inlet(Pipeline& pipeline, core::SourceId source, core::BatchPurpose purpose = core::BatchPurpose::kReadings);

  // The batch that the sensor's readings go to; valid until submit().
  core::BlockBatch& batch_for(core::SensorId sensor);
  // Hands over everything added since the last submit as one (epoch, sequence), split by shard; settles `receipt` once
  // when all of it is durable (at once where nothing was added). Waits while a ring is full. False: the pipeline has
  // stopped, and nothing more will be taken.
  bool submit(std::uint64_t epoch, std::uint64_t sequence, std::shared_ptr<core::Receipt> receipt = {});
  // The same for the connector's word on its sensors: blocks of one reading whose quality alone counts; no identity.
  bool submit_status();
  // Readings added and not yet submitted.
  [[nodiscard]] std::uint64_t pending() const;

 private:
  Pipeline& pipeline_;
  core::SourceId source_;
  core::BatchPurpose purpose_;
  std::vector<std::unique_ptr<core::BlockBatch>> batches_;  // one per shard, empty until needed
};

}  // namespace millwright::pipeline
