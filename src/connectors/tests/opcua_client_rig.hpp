// What the OPC UA client's tests run it in: a plant of one machine, whose readings are kept.
//
// Threads: the test's; the pipeline and the client have theirs.
#pragma once

#include <bit>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "connectors/opcua_client.hpp"
#include "core/mutex.hpp"
#include "pipeline/live_stage.hpp"

namespace millwright::connectors {

using core::TimeNs;
using core::ValueType;

inline constexpr TimeNs kStart = 1'700'000'000'000'000'000;  // 2023-11-14

struct Taken {
  core::SensorId sensor;
  TimeNs time = 0;
  std::uint64_t bits = 0;
  core::Quality quality;
};

// Keeps every reading that comes by.
class Collector final : public pipeline::Stage {
 public:
  struct Shared {
    core::Mutex mutex;
    std::vector<Taken> readings GUARDED_BY(mutex);
    std::vector<Taken> past GUARDED_BY(mutex);  // of history
    std::vector<std::pair<std::uint64_t, std::uint64_t>> identities GUARDED_BY(mutex);
  };
  explicit Collector(Shared& shared) : shared_(shared) {}
  void on_batch(core::BlockBatch& batch) override {
    if (batch.purpose == core::BatchPurpose::kStatus) return;
    core::MutexLock lock(shared_.mutex);
    auto& kept = batch.purpose == core::BatchPurpose::kBackfill ? shared_.past : shared_.readings;
    shared_.identities.emplace_back(batch.identity.epoch, batch.identity.sequence);
    for (const core::Block& block : batch.blocks) {
      std::uint32_t i = 0;
      for (const core::QualityRun& run : block.qualities()) {
        for (std::uint32_t k = 0; k < run.count; ++k, ++i) {
          std::uint64_t bits = 0;
          std::memcpy(&bits, block.values + i * core::width(block.type), core::width(block.type));
          kept.push_back({block.sensor, block.time(i), bits, run.quality});
        }
      }
    }
  }

 private:
  Shared& shared_;
};

struct SensorSpec {
  std::string name;
  std::string address;
  ValueType type = ValueType::kFloat64;
};

inline asset::Model make_model(const std::vector<SensorSpec>& specs) {
  asset::Machine machine;
  machine.id = core::MachineId(0U);
  machine.name = "m1";
  machine.path = "acme/lyon/a/l/c/m1";
  std::vector<asset::Sensor> sensors;
  for (const SensorSpec& spec : specs) {
    asset::Sensor sensor;
    sensor.id = core::SensorId(sensors.size());
    sensor.machine = machine.id;
    sensor.name = spec.name;
    sensor.path = machine.path + "/" + spec.name;
    sensor.type = spec.type;
    sensor.source = {"plc", spec.address};
    if (spec.type == ValueType::kState) sensor.states = {{0, "idle"}, {1, "running"}, {7, "down"}};
    machine.sensors.push_back(sensor.id);
    sensors.push_back(std::move(sensor));
  }
  return {{machine}, std::move(sensors)};
}

class Rig {
 public:
  explicit Rig(const std::vector<SensorSpec>& specs)
      : model(make_model(specs)),
        live(specs.size()),
        machines_(specs.size(), core::MachineId(0U)),
        pipeline(
            {.shards = 1, .ring_batches = 1024}, machines_, [this] { return clock.now(); }, metrics) {
    pipeline.add_stage(0, std::make_unique<pipeline::LiveStage>(live));
    pipeline.add_stage(0, std::make_unique<Collector>(shared));
    pipeline.start();
    options.publishing_interval = 20 * core::kMillisecond;
    options.retry_min = 50 * core::kMillisecond;
    options.retry_max = 200 * core::kMillisecond;
    options.bad_node_retry = 200 * core::kMillisecond;
  }
  ~Rig() {
    connector.reset();
    pipeline.stop();
  }

  void connect(const std::string& endpoint) {
    options.endpoint = endpoint;
    connector = make_opcua_client("plc", options, context());
    ASSERT_TRUE(connector->start());
  }
  ConnectorContext context() {
    return {model, pipeline, sources, live, clock, network, metrics, texts, [this](core::SourceId) { return durable; }};
  }
  std::vector<Taken> taken(std::size_t sensor) {
    core::MutexLock lock(shared.mutex);
    std::vector<Taken> out;
    for (const Taken& t : shared.readings) {
      if (t.sensor.value == sensor) out.push_back(t);
    }
    return out;
  }
  std::vector<Taken> past(std::size_t sensor) {
    core::MutexLock lock(shared.mutex);
    std::vector<Taken> out;
    for (const Taken& t : shared.past) {
      if (t.sensor.value == sensor) out.push_back(t);
    }
    return out;
  }
  double gauge(const std::string& name) { return metrics.gauge(name, "", {{"connector", "plc"}}).Value(); }
  template <typename Condition>
  bool eventually(Condition condition, core::DurationNs within = 20 * core::kSecond) {
    const TimeNs deadline = clock.monotonic() + within;
    while (!condition()) {
      if (clock.monotonic() > deadline) return false;
      clock.sleep(5 * core::kMillisecond);
    }
    return true;
  }
  bool connected() {
    return eventually([&] { return connector->status().state == ConnectorState::kConnected; });
  }
  bool arrived(std::size_t sensor, std::size_t count) {
    return eventually([&] { return taken(sensor).size() >= count; });
  }
  core::Quality live_quality(std::size_t sensor) { return live.read(core::SensorId(sensor)).quality; }

  io::RealClock clock;
  io::RealNetwork network;
  core::Metrics metrics;
  core::TextTable texts;
  asset::Model model;
  pipeline::LiveTable live;
  pipeline::Sources sources;
  Collector::Shared shared;

 private:
  std::vector<core::MachineId> machines_;

 public:
  pipeline::Pipeline pipeline;
  OpcUaClientOptions options;
  pipeline::LanePosition durable;
  std::unique_ptr<Connector> connector;
};

inline std::string nsu(std::string_view name) {
  return "nsu=urn:test:plc;s=" + std::string(name);
}
inline std::uint64_t bits(double value) {
  return std::bit_cast<std::uint64_t>(value);
}

}  // namespace millwright::connectors
