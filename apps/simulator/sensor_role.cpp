#include "simulator/sensor_role.hpp"

#include <initializer_list>
#include <string_view>

namespace millwright::simulator {
namespace {

bool has_any(std::string_view name, std::initializer_list<std::string_view> parts) {
  for (const std::string_view part : parts) {
    if (name.find(part) != std::string_view::npos) return true;
  }
  return false;
}

SensorRole temperature_role(std::string_view name) {
  if (has_any(name, {"bearing"})) return SensorRole::kBearingTemperature;
  if (has_any(name, {"winding", "stator", "motor"})) return SensorRole::kWindingTemperature;
  if (has_any(name, {"oil", "gear"})) return SensorRole::kOilTemperature;
  return SensorRole::kOtherTemperature;
}

SensorRole pressure_role(std::string_view name) {
  if (has_any(name, {"oil", "coolant", "lubric", "hydraulic"})) return SensorRole::kAuxiliaryPressure;
  if (has_any(name, {"suction", "inlet", "intake"})) return SensorRole::kSuctionPressure;
  return SensorRole::kDischargePressure;
}

}  // namespace

SensorRole role_of(const asset::Sensor& sensor) {
  const std::string_view name = sensor.name;
  const std::string_view unit = sensor.unit != nullptr ? sensor.unit->symbol : "";
  if (sensor.type == core::ValueType::kState) return SensorRole::kState;
  if (sensor.type == core::ValueType::kBool) return SensorRole::kRunning;
  if (has_any(name, {"scrap", "reject"})) return SensorRole::kScrapCount;
  if (has_any(name, {"count", "good", "pieces", "total"})) return SensorRole::kGoodCount;
  const bool acceleration = unit == "m/s²" || unit == "g" || has_any(name, {"acceleration"});
  if (acceleration) return SensorRole::kVibration;
  if (unit == "mm/s" || has_any(name, {"vibration"})) return SensorRole::kVibrationVelocity;
  if (unit == "°C" || has_any(name, {"temperature"})) return temperature_role(name);
  if (unit == "bar" || unit == "kPa" || unit == "MPa" || has_any(name, {"pressure"})) return pressure_role(name);
  if (unit == "rpm" || unit == "1/min") return SensorRole::kSpeed;
  if (has_any(name, {"speed"})) return unit == "m/s" ? SensorRole::kLinearSpeed : SensorRole::kSpeed;
  if (has_any(name, {"tension", "force"})) return SensorRole::kTension;
  if (has_any(name, {"torque"})) return SensorRole::kTorque;
  if (has_any(name, {"current"})) return SensorRole::kCurrent;
  if (has_any(name, {"voltage"})) return SensorRole::kVoltage;
  if (has_any(name, {"power"})) return SensorRole::kPower;
  if (has_any(name, {"flow"})) return SensorRole::kFlow;
  if (has_any(name, {"load"})) return SensorRole::kLoad;
  return SensorRole::kGeneric;
}

std::optional<std::int64_t> state_code(const asset::Sensor& sensor, std::string_view name) {
  for (const auto& [code, text] : sensor.states) {
    if (text == name) return code;
  }
  return std::nullopt;
}

}  // namespace millwright::simulator
