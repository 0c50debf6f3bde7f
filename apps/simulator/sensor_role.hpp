// What a sensor measures, read from its name, unit and type, so that any plant file gets signals that hang together.
#pragma once

#include <cstdint>
#include <optional>

#include "asset/model.hpp"

namespace millwright::simulator {

enum class SensorRole : std::uint8_t {
  kState,
  kGoodCount,
  kScrapCount,
  kRunning,  // a bool
  kSpeed,
  kLoad,
  kTorque,
  kCurrent,
  kVoltage,
  kPower,
  kFlow,
  kSuctionPressure,
  kDischargePressure,
  kAuxiliaryPressure,  // oil, coolant: follows the speed a little
  kBearingTemperature,
  kWindingTemperature,
  kOilTemperature,
  kOtherTemperature,
  kLinearSpeed,
  kTension,
  kVibration,          // acceleration, as a waveform
  kVibrationVelocity,  // RMS
  kGeneric,            // a bounded signal inside the range
};

SensorRole role_of(const asset::Sensor& sensor);

// The code that an enumeration gives a name ("running"), if it has it.
std::optional<std::int64_t> state_code(const asset::Sensor& sensor, std::string_view name);

}  // namespace millwright::simulator
