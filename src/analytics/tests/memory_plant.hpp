// For tests: a history in memory, by the rules of historian.hpp, and two presses.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "asset/model.hpp"
#include "core/texts.hpp"
#include "historian/follower.hpp"
#include "historian/historian.hpp"

namespace millwright::analytics {

class MemoryHistory final : public historian::Historian {
 public:
  std::unique_ptr<pipeline::Stage> recorder(std::size_t) override { return nullptr; }
  core::Texts& texts() const override { return *texts_; }
  void join(journal::GroupCommit&) override {}
  void stop_waiting() override {}
  pipeline::LanePosition recovered(core::SourceId, std::size_t) const override { return {}; }
  pipeline::LanePosition durable(core::SourceId) const override { return {}; }
  std::unique_ptr<historian::Follower> follow() const override { return nullptr; }
  void start() override {}
  core::Status tidy() override { return {}; }
  Stats stats() const override { return {}; }

  core::Result<std::vector<historian::Reading>> raw(core::SensorId sensor, historian::Range range, std::size_t limit,
                                                    std::optional<core::TimeNs>* next) const override {
    next->reset();
    std::vector<historian::Reading> found;
    const Readings& all = of(sensor);
    for (auto at = all.lower_bound(range.from); at != all.end() && at->first < range.to; ++at) {
      if (found.size() == limit) {
        *next = at->first;
        break;
      }
      found.push_back(at->second);
    }
    return found;
  }
  core::Result<std::vector<historian::Aggregate>> aggregates(core::SensorId sensor, historian::Range range,
                                                             const historian::Intervals& intervals, std::size_t,
                                                             std::optional<core::TimeNs>*) const override {
    std::vector<historian::Aggregate> rows;
    const Readings& all = of(sensor);
    for (auto at = all.lower_bound(range.from); at != all.end() && at->first < range.to; ++at) {
      const core::TimeNs start = intervals.start_of(at->first);
      if (rows.empty() || rows.back().start != start) rows.push_back({.start = start});
      const double value = static_cast<double>(static_cast<std::int64_t>(at->second.bits));  // of states and counters
      historian::add(rows.back(), std::span(&at->first, 1), std::span(&value, 1), at->second.quality);
    }
    return rows;
  }
  core::Result<std::optional<historian::Reading>> before(core::SensorId sensor, core::TimeNs time) const override {
    const Readings& all = of(sensor);
    for (auto at = all.lower_bound(time); at != all.begin();) {
      if (!(--at)->second.quality.is_bad()) return std::optional(at->second);
    }
    return std::optional<historian::Reading>();
  }

  template <typename T>
  void put(core::SensorId sensor, core::TimeNs time, T value, core::Quality quality = core::kGood) {
    readings_[sensor.value][time] = {time, core::to_bits(value), quality};
  }

 private:
  using Readings = std::map<core::TimeNs, historian::Reading>;
  const Readings& of(core::SensorId sensor) const {
    static const Readings kNone;
    const auto at = readings_.find(sensor.value);
    return at == readings_.end() ? kNone : at->second;
  }
  // Behind a pointer, so that a history can be put in the place of another.
  std::unique_ptr<core::TextTable> texts_ = std::make_unique<core::TextTable>();
  std::map<std::uint32_t, Readings> readings_;
};

// press-1 (counters) and press-2 (pieces by production orders) on one line.
inline asset::Model model_of_two() {
  std::vector<asset::Machine> machines;
  std::vector<asset::Sensor> sensors;
  for (const char* name : {"press-1", "press-2"}) {
    asset::Machine machine;
    machine.id = core::MachineId(machines.size());
    machine.name = name;
    machine.hierarchy = {"acme", "lyon", "body", "stamping", "cell-1"};
    machine.path = std::string("acme/lyon/body/stamping/cell-1/") + name;
    machine.time_zone = "Europe/Paris";
    auto oee = std::make_shared<asset::Oee>();
    const auto add = [&](const char* sensor_name, core::ValueType type) {
      asset::Sensor sensor;
      sensor.id = core::SensorId(sensors.size());
      sensor.machine = machine.id;
      sensor.name = sensor_name;
      sensor.path = machine.path + "/" + sensor_name;
      sensor.type = type;
      sensors.push_back(sensor);
      machine.sensors.push_back(sensor.id);
      return sensor.id;
    };
    oee->state = add("state", core::ValueType::kState);
    oee->activities = {{0, asset::Activity::kIdle},
                       {1, asset::Activity::kRunning},
                       {2, asset::Activity::kDown},
                       {3, asset::Activity::kSetup}};
    const core::SensorId good = add("good", core::ValueType::kInt64);
    const core::SensorId total = add("total", core::ValueType::kInt64);
    if (machines.empty()) oee->good = good;
    if (machines.empty()) oee->total = total;
    oee->ideal_cycle = 10 * core::kSecond;
    oee->products = {{"slow", 20 * core::kSecond}};
    machine.oee = std::move(oee);
    machines.push_back(std::move(machine));
  }
  return {std::move(machines), std::move(sensors)};
}

}  // namespace millwright::analytics
