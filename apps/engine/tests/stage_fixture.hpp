// What tests of stages share: an alarm sink that keeps what it is told, and the parts of a small model.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "alarms/alarm_manager.hpp"
#include "asset/model.hpp"

namespace millwright::engine {

class NotedAlarms final : public alarms::SignalSink {
 public:
  std::optional<alarms::Alarm> signal(const alarms::Signal& signal) override {
    signals.push_back(signal);
    return std::nullopt;
  }
  // The last word about a condition that is in alarm; its message.
  [[nodiscard]] std::string in_alarm() const {
    return signals.empty() || !signals.back().in_alarm ? "" : signals.back().message;
  }
  std::vector<alarms::Signal> signals;
};

inline asset::Machine pump_1() {
  asset::Machine machine;
  machine.id = core::MachineId(0);
  machine.name = "pump-1";
  machine.path = "a/b/c/d/e/pump-1";
  return machine;
}

// The machine's next sensor: float64 at 10 Hz, from 0 to 100.
inline asset::Sensor& add_sensor(asset::Machine& machine, std::vector<asset::Sensor>& sensors,
                                 const std::string& component, const std::string& name) {
  asset::Sensor& sensor = sensors.emplace_back();
  sensor.id = core::SensorId(sensors.size() - 1);
  sensor.machine = machine.id;
  sensor.name = name;
  sensor.component = component;
  sensor.path = machine.path + "/" + component + "/" + name;
  sensor.rate_hz = 10;
  sensor.range = {0, 100};
  machine.sensors.push_back(sensor.id);
  return sensor;
}
inline asset::Sensor& add_state(asset::Machine& machine, std::vector<asset::Sensor>& sensors) {
  asset::Sensor& state = sensors.emplace_back();
  state.id = core::SensorId(sensors.size() - 1);
  state.machine = machine.id;
  state.name = "state";
  state.path = machine.path + "/state";
  state.type = core::ValueType::kState;
  state.states = {{0, "idle"}, {1, "running"}};
  machine.sensors.push_back(state.id);
  return state;
}

}  // namespace millwright::engine
