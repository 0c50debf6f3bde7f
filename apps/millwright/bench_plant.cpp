#include "bench_plant.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <memory>
#include <thread>

#include <fmt/format.h>

#include "asset/load.hpp"
#include "config/document.hpp"
#include "engine/detect_stage.hpp"
#include "engine/health_stage.hpp"
#include "io/sim_disk.hpp"
#include "shipped.hpp"
#include "simulator/fault.hpp"
#include "simulator/machine_simulation.hpp"

namespace millwright::app {
namespace {

using core::DurationNs;
using core::kSecond;
using core::TimeNs;
using simulator::Fault;

constexpr std::array<const char*, 5> kTypes = {"centrifugal-pump", "screw-compressor", "cnc-spindle",
                                               "induction-motor-gearbox", "conveyor"};
constexpr TimeNs kStart = 1'795'248'000 * kSecond;
constexpr DurationNs kStep = kSecond / 2;  // readings come as from a publishing interval of so long
constexpr DurationNs kGrace = 10 * kSecond;
constexpr DurationNs kAfterEffect = 5 * core::kMinute;  // the heat of a worn bearing goes slowly
constexpr DurationNs kSeenMin = 15 * kSecond;           // that a machine must run of a fault for it to be seen
constexpr double kHighRateHz = 100;
constexpr std::size_t kTold = 20;

std::string plant_yaml(std::uint32_t machines) {
  std::string text =
      "assets:\n  enterprise: bench\n  streams: {default: bench, high-rate: bench}\n  sites:\n    - name: site\n"
      "      areas:\n        - name: area\n          lines:\n            - name: line\n              cells:\n"
      "                - name: cell\n                  machines:\n";
  for (std::uint32_t i = 0; i < machines; ++i) {
    text += fmt::format("                    - {{name: machine-{}, type: {}}}\n", i, kTypes[i % kTypes.size()]);
  }
  return text;
}

// The same plant without the sensors above kHighRateHz.
asset::Model without_high_rate(const asset::Model& model) {
  std::vector<asset::Machine> machines(model.machines().begin(), model.machines().end());
  std::vector<asset::Sensor> sensors;
  for (asset::Machine& machine : machines) {
    machine.sensors.clear();
    for (asset::Component& component : machine.components) component.sensors.clear();
  }
  for (asset::Sensor sensor : model.sensors()) {
    if (sensor.rate_hz > kHighRateHz) continue;
    sensor.id = core::SensorId(sensors.size());
    asset::Machine& machine = machines[sensor.machine.value];
    machine.sensors.push_back(sensor.id);
    for (asset::Component& component : machine.components) {
      if (component.name == sensor.component) component.sensors.push_back(sensor.id);
    }
    sensors.push_back(std::move(sensor));
  }
  return {std::move(machines), std::move(sensors)};
}

core::Result<asset::Model> make_plant(const PlantBenchOptions& options) {
  auto document = config::Document::parse(plant_yaml(options.machines), "bench plant");
  if (!document) return core::unexpected(document.error());
  const asset::Model model =
      asset::load(*document, document->root().section("assets"), {"bench"}, {shipped_directory("machine-types")});
  if (auto fit = document->check(); !fit) return core::unexpected(fit.error());
  return options.high_rate ? model : without_high_rate(model);
}

// What was raised on a shard's machines, in order.
struct Raised {
  TimeNs time = 0;  // simulated
  core::MachineId machine;
  core::SensorId sensor;
  std::string component;
  std::string condition;
  std::string message;
};
class RaisedAlarms final : public alarms::SignalSink {
 public:
  std::optional<alarms::Alarm> signal(const alarms::Signal& signal) override {
    if (signal.in_alarm) {
      raised.push_back({now, signal.machine, signal.sensor, signal.component, signal.condition, signal.message});
    }
    return std::nullopt;
  }
  TimeNs now = 0;
  std::vector<Raised> raised;
};

// When a machine began to run, and when it stopped, in turn.
using Changes = std::map<std::string, std::vector<DurationNs>>;

// A shard: its machines, and the stages that judge them.
class Shard {
 public:
  Shard(const asset::Model& model, const pipeline::Pipeline& pipeline, std::size_t number,
        const PlantBenchOptions& options, const std::vector<Fault>& faults, engine::LimitStore& limits,
        core::Metrics& metrics)
      : model_(model),
        health_(model, pipeline, number, detection_, alarms_, metrics),
        detect_(model, pipeline, number, detection_, limits, alarms_, metrics) {
    for (const asset::Machine& machine : model.machines()) {
      if (machine.sensors.empty() || pipeline.shard_of(machine.sensors.front()) != number) continue;
      machines_.emplace_back(model, machine.id, options.seed, kStart);
      for (const Fault& fault : faults) {
        if (fault.machine == machine.name) faults_[machine.id.value].push_back(fault);
      }
    }
  }

  void run(DurationNs duration) {
    for (DurationNs since = kStep; since <= duration; since += kStep) step(since);
  }
  [[nodiscard]] const std::vector<Raised>& raised() const { return alarms_.raised; }
  [[nodiscard]] const Changes& changes() const { return changes_; }
  [[nodiscard]] std::uint64_t readings() const { return readings_; }

 private:
  void step(DurationNs since) {
    alarms_.now = kStart + since;
    for (simulator::MachineSimulation& machine : machines_) {
      // A simulation knows the faults of the next minutes, not of all days: it looks through them at each reading.
      auto& planned = faults_[machine.machine().value];
      while (!planned.empty() && planned.front().start <= since + core::kMinute) {
        machine.add_fault(planned.front());
        planned.pop_front();
      }
      batch_.clear();
      machine.step(alarms_.now, batch_);
      readings_ += batch_.readings();
      auto& changes = changes_[model_.machine(machine.machine()).name];
      if (machine.running() != (changes.size() % 2 == 1)) changes.push_back(since);
      health_.on_batch(batch_);
      detect_.on_batch(batch_);
    }
    health_.on_tick(alarms_.now);
    detect_.on_tick(alarms_.now);
  }

  const asset::Model& model_;
  const engine::DetectionOptions detection_{.rules = {engine::SpcRule{}}};
  RaisedAlarms alarms_;
  engine::HealthStage health_;
  engine::DetectStage detect_;
  std::vector<simulator::MachineSimulation> machines_;
  std::map<std::uint32_t, std::deque<Fault>> faults_;  // to come, by machine
  core::BlockBatch batch_;
  Changes changes_;
  std::uint64_t readings_ = 0;
};

std::vector<Fault> schedule(const asset::Model& model, const PlantBenchOptions& options, DurationNs duration) {
  std::vector<Fault> faults;
  if (!options.faults) return faults;
  simulator::DemoSchedule demo(model, options.seed);
  for (Fault fault = demo.next(); fault.start + fault.duration <= duration; fault = demo.next()) {
    faults.push_back(std::move(fault));
  }
  return faults;
}

// Whether an alarm belongs to a fault of its machine: raised while that lasts, or before it has worn off.
bool during(const Raised& alarm, const Fault& fault, DurationNs grace) {
  const DurationNs since = alarm.time - kStart;
  return since >= fault.start && since <= fault.start + fault.duration + grace;
}

// How long a machine ran, and had settled, while the fault lasted.
DurationNs seen_for(const Fault& fault, const std::vector<DurationNs>& changes) {
  DurationNs seen = 0;
  for (std::size_t i = 0; i < changes.size(); i += 2) {
    const DurationNs settled = changes[i] + engine::DetectionOptions{}.settle;
    const DurationNs stopped = i + 1 < changes.size() ? changes[i + 1] : INT64_MAX;
    seen += std::max<DurationNs>(0, std::min(stopped, fault.start + fault.duration) - std::max(settled, fault.start));
  }
  return seen;
}

// A fault of a whole machine befalls all of its components.
bool names(const Raised& alarm, const Fault& fault, const asset::Model& model) {
  if (fault.sensor.empty()) return !alarm.component.empty();
  return alarm.component == fault.component && alarm.sensor.valid() && model.sensor(alarm.sensor).name == fault.sensor;
}

void score(const std::vector<Fault>& faults, const std::map<std::string, std::vector<const Raised*>>& by_machine,
           const Changes& changes, const asset::Model& model, PlantBenchResult& result) {
  for (const Fault& fault : faults) {
    const asset::Machine& machine = *model.find_machine(fault.machine);
    FaultScore& kind = result.faults[fmt::format("{}, {}", simulator::to_string(fault.kind), machine.type)];
    ++kind.faults;
    std::vector<const Raised*> meant;
    if (const auto found = by_machine.find(fault.machine); found != by_machine.end()) {
      std::copy_if(found->second.begin(), found->second.end(), std::back_inserter(meant),
                   [&](const Raised* alarm) { return during(*alarm, fault, kGrace); });
    }
    if (meant.empty()) {
      if (seen_for(fault, changes.at(fault.machine)) < kSeenMin) {
        ++kind.stood;
      } else if (result.missed.size() < kTold)
        result.missed.push_back(simulator::to_string(fault));
      continue;
    }
    ++kind.detected;
    kind.delays_s.push_back(static_cast<double>(meant.front()->time - kStart - fault.start) * 1e-9);
    if (names(*meant.front(), fault, model)) ++kind.first_right;
    const auto right = [&](const Raised* alarm) { return names(*alarm, fault, model); };
    if (std::any_of(meant.begin(), meant.end(), right)) ++kind.component_right;
  }
}

void count_false_alarms(const std::vector<Fault>& faults, const std::vector<Raised>& raised, const asset::Model& model,
                        PlantBenchResult& result) {
  for (const Raised& alarm : raised) {
    const std::string& machine = model.machine(alarm.machine).name;
    const bool meant = std::any_of(faults.begin(), faults.end(), [&](const Fault& fault) {
      return fault.machine == machine && during(alarm, fault, kAfterEffect);
    });
    if (meant) continue;
    ++result.false_alarms[alarm.condition.substr(alarm.condition.rfind('#') + 1)];
    if (result.examples.size() < kTold) {
      result.examples.push_back(fmt::format("{} {}: {}", core::format_time(alarm.time), machine, alarm.message));
    }
  }
}

}  // namespace

std::uint64_t PlantBenchResult::false_alarm_count() const {
  std::uint64_t count = 0;
  for (const auto& [kind, alarms] : false_alarms) count += alarms;
  return count;
}

core::Result<PlantBenchResult> run_plant_bench(const PlantBenchOptions& options) {
  const auto model = make_plant(options);
  if (!model) return core::unexpected(model.error());
  const auto duration = static_cast<DurationNs>(options.hours * static_cast<double>(core::kHour));
  const std::vector<Fault> faults = schedule(*model, options, duration);

  core::Metrics metrics;
  std::vector<core::MachineId> machine_of;
  for (const asset::Sensor& sensor : model->sensors()) machine_of.push_back(sensor.machine);
  const pipeline::Pipeline pipeline(
      {.shards = options.threads}, machine_of, [] { return kStart; }, metrics);
  io::SimDisk disk(1);
  engine::LimitStore limits(disk, "control-limits.json");
  std::vector<std::unique_ptr<Shard>> shards;
  for (std::size_t i = 0; i < pipeline.shards(); ++i) {
    shards.push_back(std::make_unique<Shard>(*model, pipeline, i, options, faults, limits, metrics));
  }
  const auto began = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (auto& shard : shards) threads.emplace_back([&shard, duration] { shard->run(duration); });
  for (std::thread& thread : threads) thread.join();

  PlantBenchResult result;
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  result.machine_weeks = options.machines * options.hours / (7 * 24);
  std::map<std::string, std::vector<const Raised*>> by_machine;
  for (const auto& shard : shards) {
    result.readings += shard->readings();
    for (const Raised& alarm : shard->raised()) by_machine[model->machine(alarm.machine).name].push_back(&alarm);
    count_false_alarms(faults, shard->raised(), *model, result);
  }
  Changes changes;
  for (const auto& shard : shards) changes.insert(shard->changes().begin(), shard->changes().end());
  score(faults, by_machine, changes, *model, result);
  return result;
}

}  // namespace millwright::app
