// A small plant and a server on it, for the server's tests.
//
// Threads: one.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "opcua/server.hpp"
#include "opcua/tests/test_client.hpp"

namespace millwright::opcua {

using core::TimeNs;
using core::ValueType;

inline constexpr TimeNs kStart = 1'700'000'000'123'456'789;

inline asset::Sensor make_sensor(const asset::Machine& machine, const std::string& component, const std::string& name,
                                 ValueType type) {
  asset::Sensor sensor;
  sensor.machine = machine.id;
  sensor.name = name;
  sensor.component = component;
  sensor.path = machine.path + "/" + (component.empty() ? "" : component + "/") + name;
  sensor.description = "the " + name;
  sensor.type = type;
  return sensor;
}

// pump-1 with a motor (current, speed, fan with rpm) and a state of its own.
inline asset::Model small_plant() {
  asset::Machine pump;
  pump.id = core::MachineId(0U);
  pump.name = "pump-1";
  pump.path = "acme/lyon/utilities/cooling/pumps/pump-1";
  pump.description = "cooling water";
  pump.manufacturer = "Grundfos";
  pump.model = "NK 80";
  pump.serial_number = "SN-77";
  std::vector<asset::Sensor> sensors;
  const auto add = [&](asset::Sensor sensor) {
    sensor.id = core::SensorId(sensors.size());
    pump.sensors.push_back(sensor.id);
    sensors.push_back(std::move(sensor));
  };
  asset::Sensor current = make_sensor(pump, "motor", "current", ValueType::kFloat64);
  current.unit = asset::find_unit("A");
  current.range = {{0, 120}};
  add(current);
  asset::Sensor running = make_sensor(pump, "motor", "running", ValueType::kBool);
  add(running);
  asset::Sensor count = make_sensor(pump, "fan", "turns", ValueType::kInt64);
  add(count);
  asset::Sensor state = make_sensor(pump, "", "state", ValueType::kState);
  state.states = {{0, "idle"}, {2, "running"}, {7, "down"}};
  add(state);
  asset::Sensor temperature = make_sensor(pump, "motor", "temperature", ValueType::kFloat32);
  temperature.unit = asset::find_unit("°C");
  add(temperature);
  add(make_sensor(pump, "motor", "batch", ValueType::kText));
  pump.components = {{"motor", "", "drives it", {}, {}}, {"fan", "motor", "cools the motor", {}, {}}};
  return {{pump}, std::move(sensors)};
}
enum : std::size_t { kCurrent, kRunning, kTurns, kState, kTemperature, kBatch };

template <typename T>
pipeline::LiveValue live_value(T value, ValueType type, TimeNs time, core::Quality quality = core::kGood) {
  pipeline::LiveValue live;
  live.type = type;
  live.quality = quality;
  live.source_time = time;
  live.received = time;
  live.readings = 1;
  std::memcpy(&live.bits, &value, sizeof value);
  return live;
}

class ServerTest : public testing::Test {
 protected:
  ServerTest() : model_(small_plant()), live_(model_.sensors().size()) {}
  void start() {
    server_ = std::make_unique<Server>(options_, model_, live_, texts_, metrics_, parts_);
    const core::Status started = server_->start();
    ASSERT_TRUE(started) << started.error().message;
  }
  void write(std::size_t sensor, const pipeline::LiveValue& value) { live_.write(core::SensorId(sensor), value); }

  ServerOptions options_{.port = 0};
  asset::Model model_;
  pipeline::LiveTable live_;
  core::TextTable texts_;
  core::Metrics metrics_;
  ServerParts parts_;
  std::unique_ptr<Server> server_;
};

inline std::vector<std::string> names(const std::vector<TestClient::Child>& children) {
  std::vector<std::string> out;
  for (const auto& child : children) out.push_back(child.name);
  return out;
}

}  // namespace millwright::opcua
