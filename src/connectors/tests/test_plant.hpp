// For tests of connectors: a small plant with a pipeline whose last stage stands for the historian. It keeps readings
// as a disk would: what was committed survives the node, what was not is lost with it.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "asset/model.hpp"
#include "connectors/connector.hpp"
#include "core/metrics.hpp"
#include "core/mutex.hpp"
#include "pipeline/duplicate_filter.hpp"
#include "pipeline/live_table.hpp"
#include "pipeline/pipeline.hpp"

namespace millwright::connectors::test {

struct SensorSpec {
  std::string address;
  core::ValueType type = core::ValueType::kFloat32;
  std::string connector = "line";
};

// One machine per sensor, so that sensors spread over the shards.
inline asset::Model make_model(const std::vector<SensorSpec>& specs) {
  std::vector<asset::Machine> machines;
  std::vector<asset::Sensor> sensors;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    asset::Machine machine;
    machine.id = core::MachineId(i);
    machine.name = "m-" + std::to_string(i);
    machine.path = "acme/lyon/hall/line/cell/" + machine.name;
    machine.sensors = {core::SensorId(i)};
    asset::Sensor sensor;
    sensor.id = core::SensorId(i);
    sensor.machine = machine.id;
    sensor.name = "s";
    sensor.path = machine.path + "/s";
    sensor.type = specs[i].type;
    sensor.source = {specs[i].connector, specs[i].address};
    machines.push_back(std::move(machine));
    sensors.push_back(std::move(sensor));
  }
  return {std::move(machines), std::move(sensors)};
}

struct Reading {
  core::TimeNs time = 0;
  double value = 0;
  core::Quality quality;
  bool operator==(const Reading&) const = default;
};

// What outlives a node.
struct Disk {
  mutable core::Mutex mutex;
  std::map<std::uint32_t, std::vector<Reading>> readings GUARDED_BY(mutex);
  // By source and shard: what one shard has is no word on another.
  std::map<std::pair<std::string, std::size_t>, pipeline::LanePosition> positions GUARDED_BY(mutex);

  std::vector<Reading> of(std::uint32_t sensor) const {
    core::MutexLock lock(mutex);
    const auto found = readings.find(sensor);
    return found != readings.end() ? found->second : std::vector<Reading>{};
  }
  pipeline::LanePosition position(const std::string& source, std::size_t shard) const {
    core::MutexLock lock(mutex);
    const auto found = positions.find({source, shard});
    return found != positions.end() ? found->second : pipeline::LanePosition{};
  }
  std::size_t total() const {
    core::MutexLock lock(mutex);
    std::size_t sum = 0;
    for (const auto& [sensor, list] : readings) sum += list.size();
    return sum;
  }
};

// How the last stage behaves; shared by the shards and changed by tests while they run.
struct Behaviour {
  core::Mutex mutex;
  core::Condition changed;
  bool closed GUARDED_BY(mutex) = false;  // batches wait here: the disk is busy
  bool commits GUARDED_BY(mutex) = true;  // otherwise nothing becomes durable
  std::uint64_t status_readings GUARDED_BY(mutex) = 0;
  core::Quality last_status GUARDED_BY(mutex);

  void set_closed(bool value) {
    core::MutexLock lock(mutex);
    closed = value;
    changed.notify_all();
  }
  void set_commits(bool value) {
    core::MutexLock lock(mutex);
    commits = value;
  }
  std::uint64_t statuses() {
    core::MutexLock lock(mutex);
    return status_readings;
  }
};

// Gathers batches and commits them in groups, on every eighth and on every tick, as a journal does.
class Recorder final : public pipeline::Stage {
 public:
  Recorder(Disk& disk, Behaviour& behaviour, const pipeline::Sources& sources, std::size_t shard)
      : disk_(disk), behaviour_(behaviour), sources_(sources), shard_(shard) {}

  void on_batch(core::BlockBatch& batch) override {
    core::MutexLock lock(behaviour_.mutex);
    while (behaviour_.closed) behaviour_.changed.wait(behaviour_.mutex);
    if (batch.purpose == core::BatchPurpose::kStatus) {
      behaviour_.status_readings += batch.readings();
      behaviour_.last_status = batch.blocks.front().quality[0].quality;
      return;
    }
    Pending& pending = pending_.emplace_back();
    pending.identity = batch.identity;
    pending.receipt = batch.receipt;
    for (const core::Block& block : batch.blocks) {
      std::uint32_t i = 0;
      for (const core::QualityRun& run : block.qualities()) {
        for (const std::uint32_t end = i + run.count; i < end; ++i) {
          pending.readings.emplace_back(block.sensor.value, Reading{block.time(i), block.as_double(i), run.quality});
        }
      }
      EXPECT_EQ(i, block.count);
    }
    if (pending_.size() >= 8) commit();
  }
  void on_tick(core::TimeNs) override {
    core::MutexLock lock(behaviour_.mutex);
    commit();
  }

 private:
  struct Pending {
    core::BatchIdentity identity;
    std::shared_ptr<core::Receipt> receipt;
    std::vector<std::pair<std::uint32_t, Reading>> readings;
  };
  void commit() REQUIRES(behaviour_.mutex) {
    if (!behaviour_.commits) return;
    {
      core::MutexLock lock(disk_.mutex);
      for (const Pending& pending : pending_) {
        for (const auto& [sensor, reading] : pending.readings) disk_.readings[sensor].push_back(reading);
        auto& position = disk_.positions[{sources_.name(pending.identity.source), shard_}];
        if (!position.covers(pending.identity.epoch, pending.identity.sequence)) {
          position = {pending.identity.epoch, pending.identity.sequence};
        }
      }
    }
    for (const Pending& pending : pending_) {
      if (pending.receipt) pending.receipt->settle();
    }
    pending_.clear();
  }
  Disk& disk_;
  Behaviour& behaviour_;
  const pipeline::Sources& sources_;
  const std::size_t shard_;
  std::vector<Pending> pending_;
};

// Pipeline and all that a connector needs. Destroying it is a crash or a stop, as the recorder is told to commit or
// not.
class Node {
 public:
  Node(const asset::Model& model, io::Network& network, io::Clock& clock, Disk& disk,
       pipeline::PipelineOptions options = {})
      : live_(model.sensors().size()), disk_(disk), clock_(clock) {
    std::vector<core::MachineId> machines;
    for (const asset::Sensor& sensor : model.sensors()) machines.push_back(sensor.machine);
    pipeline_ = std::make_unique<pipeline::Pipeline>(
        options, machines, [this] { return clock_.now(); }, metrics_);
    // What all shards have.
    const auto durable = [this, shards = options.shards](core::SourceId source) {
      pipeline::LanePosition least = disk_.position(sources_.name(source), 0);
      for (std::size_t shard = 1; shard < shards; ++shard) {
        const auto position = disk_.position(sources_.name(source), shard);
        if (least.covers(position.epoch, position.sequence)) least = position;
      }
      return least;
    };
    for (std::size_t shard = 0; shard < options.shards; ++shard) {
      const auto recovered = [this, shard](core::SourceId source) {
        return disk_.position(sources_.name(source), shard);
      };
      pipeline_->add_stage(shard, std::make_unique<pipeline::DuplicateFilter>(recovered, metrics_));
      pipeline_->add_stage(shard, std::make_unique<Recorder>(disk, behaviour, sources_, shard));
    }
    pipeline_->start();
    context_ = std::make_unique<ConnectorContext>(
        ConnectorContext{model, *pipeline_, sources_, live_, clock, network, metrics_, texts_, durable});
  }
  ~Node() {
    behaviour.set_closed(false);
    pipeline_->stop();
  }

  [[nodiscard]] const ConnectorContext& context() const { return *context_; }
  [[nodiscard]] core::Metrics& metrics() { return metrics_; }
  [[nodiscard]] pipeline::Pipeline& pipeline() { return *pipeline_; }

  Behaviour behaviour;

 private:
  core::Metrics metrics_;
  core::TextTable texts_;
  pipeline::Sources sources_;
  pipeline::LiveTable live_;
  Disk& disk_;
  io::Clock& clock_;
  std::unique_ptr<pipeline::Pipeline> pipeline_;
  std::unique_ptr<ConnectorContext> context_;
};

// Polls, generously: what is waited for is certain to come, or the test fails.
template <typename Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 12'000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

}  // namespace millwright::connectors::test
