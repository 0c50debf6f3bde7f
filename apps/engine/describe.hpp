// What detection calls a sensor in the messages that people read.
#pragma once

#include <string>
#include <string_view>

#include "asset/model.hpp"

namespace millwright::engine {

// "motor current"; of the machine itself: "current".
inline std::string where_is(const asset::Sensor& sensor) {
  return sensor.component.empty() ? sensor.name : sensor.component + " " + sensor.name;
}
inline std::string_view unit_of(const asset::Sensor& sensor) {
  return sensor.unit != nullptr ? std::string_view(sensor.unit->symbol) : std::string_view();
}

}  // namespace millwright::engine
