// What the historian's tests share: a plant of four machines on a simulated disk and clock, senders that wait for their
// receipts, and restarts of every kind.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "historian/historian.hpp"
#include "io/clock.hpp"
#include "io/random.hpp"
#include "io/sim_disk.hpp"

namespace millwright::historian {

inline constexpr core::TimeNs kStart = 1'795'000'000'000'000'000;
inline constexpr std::size_t kMachines = 4;
inline constexpr std::size_t kSensorsPerMachine = 3;  // temperature, count, state

inline asset::Model test_model(std::size_t machines = kMachines) {
  using core::ValueType;
  std::vector<asset::Machine> all;
  std::vector<asset::Sensor> sensors;
  for (std::size_t m = 0; m < machines; ++m) {
    asset::Machine machine;
    machine.id = core::MachineId(m);
    machine.name = "pump-" + std::to_string(m);
    machine.path = "acme/lyon/utilities/cooling/pumps/" + machine.name;
    const std::pair<const char*, ValueType> kinds[kSensorsPerMachine] = {
        {"temperature", ValueType::kFloat32}, {"count", ValueType::kInt64}, {"state", ValueType::kState}};
    for (const auto& [name, type] : kinds) {
      asset::Sensor sensor;
      sensor.id = core::SensorId(sensors.size());
      sensor.machine = machine.id;
      sensor.name = name;
      sensor.path = machine.path + "/" + name;
      sensor.type = type;
      machine.sensors.push_back(sensor.id);
      sensors.push_back(sensor);
    }
    all.push_back(machine);
  }
  return {std::move(all), std::move(sensors)};
}

inline core::SensorId temperature(std::size_t machine) {
  return core::SensorId(machine * kSensorsPerMachine);
}
inline core::SensorId count(std::size_t machine) {
  return core::SensorId(machine * kSensorsPerMachine + 1);
}

class CountingReceipt final : public core::Receipt {
 public:
  void settle() override { settled.fetch_add(1); }
  std::atomic<int> settled{0};
};

class HistorianTest : public ::testing::Test {
 protected:
  void TearDown() override { close(); }

  void open(std::size_t shards = 1) {
    std::vector<core::MachineId> machine_of;
    for (const asset::Sensor& sensor : model_.sensors()) machine_of.push_back(sensor.machine);
    sources_ = std::make_unique<pipeline::Sources>();
    metrics_ = std::make_unique<core::Metrics>();
    pipeline_ = std::make_unique<pipeline::Pipeline>(
        pipeline::PipelineOptions{.shards = shards}, machine_of, [this] { return clock_.now(); }, *metrics_);
    live_ = std::make_unique<pipeline::LiveTable>(model_.sensors().size());
    options_.directory = "data/history";
    auto opened = Historian::open(model_, *pipeline_, *sources_, *live_, disk_, clock_, options_, *metrics_);
    ASSERT_TRUE(opened) << opened.error().message;
    history_ = std::move(*opened);
    for (std::size_t i = 0; i < shards; ++i) recorders_.push_back(history_->recorder(i));
    source_ = sources_->add("sender");
  }
  void close() {
    recorders_.clear();
    history_.reset();
    pipeline_.reset();
  }
  void restart_after_kill(std::size_t shards = 1) {
    disk_.kill_process();
    close();
    open(shards);
  }
  void restart_after_power_cut(std::size_t shards = 1) {
    disk_.cut_power();
    close();
    open(shards);
  }

  void tick() {
    for (auto& recorder : recorders_) recorder->on_tick(clock_.now());
  }
  // What the group commit does, once.
  void commit() {
    journal::GroupCommit once(core::kSecond, *metrics_);
    history_->join(once);
    once.stop();
  }
  void tick_and_commit() {
    tick();
    commit();
  }

  core::BlockBatch batch(std::uint64_t sequence, std::shared_ptr<core::Receipt> receipt = {}) const {
    core::BlockBatch made;
    made.identity = {.source = source_, .epoch = 1, .sequence = sequence};
    made.receipt = std::move(receipt);
    return made;
  }
  // A block of two-decimal temperatures.
  static void add_block(core::BlockBatch& batch, core::SensorId sensor, std::uint32_t n, core::TimeNs start,
                        core::DurationNs period, float level = 20) {
    core::Block& block = batch.add(sensor, core::ValueType::kFloat32, n, start, period, start + period * n);
    for (std::uint32_t i = 0; i < n; ++i) {
      block.as<float>()[i] = static_cast<float>(std::round((level + static_cast<float>(i % 100) * 0.07F) * 100) / 100);
    }
  }
  void send(std::size_t shard, core::BlockBatch batch) { recorders_.at(shard)->on_batch(batch); }
  // A whole block of a machine in one shard, committed at the end of the caller's doing.
  void record(std::uint64_t sequence, std::uint32_t n, core::TimeNs start, core::DurationNs period = core::kMillisecond,
              core::SensorId sensor = temperature(0)) {
    core::BlockBatch one = batch(sequence);
    add_block(one, sensor, n, start, period);
    send(0, std::move(one));
  }

  std::vector<Reading> raw(core::SensorId sensor, Range range = {INT64_MIN, INT64_MAX}, std::size_t limit = 10'000'000,
                           std::optional<core::TimeNs>* next = nullptr) const {
    auto answer = history_->raw(sensor, range, limit, next);
    EXPECT_TRUE(answer) << answer.error().message;
    return answer ? *answer : std::vector<Reading>{};
  }
  static std::vector<core::TimeNs> times(const std::vector<Reading>& readings) {
    std::vector<core::TimeNs> all;
    for (const Reading& reading : readings) all.push_back(reading.time);
    return all;
  }
  double metric(const std::string& name) const {
    const std::string text = "\n" + metrics_->text();
    const auto at = text.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
  }

  asset::Model model_ = test_model();
  io::SimDisk disk_{20261121};
  io::SimClock clock_{kStart};
  HistorianOptions options_;
  core::SourceId source_;
  std::unique_ptr<core::Metrics> metrics_;
  std::unique_ptr<pipeline::Sources> sources_;
  std::unique_ptr<pipeline::Pipeline> pipeline_;
  std::unique_ptr<pipeline::LiveTable> live_;
  std::unique_ptr<Historian> history_;
  std::vector<std::unique_ptr<pipeline::Stage>> recorders_;
};

}  // namespace millwright::historian
