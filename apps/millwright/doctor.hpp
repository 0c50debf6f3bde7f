// Doctor: tries all that a plant's file names, without disturbing a plant that runs: folders, clock, ports, the peers
// of connectors and outputs, and the services that it leans on. It keeps no readings and sends none.
//
// Threads: the caller's. Every peer gets the time that its options allow, one after the other.
#pragma once

#include <string>
#include <vector>

#include "plant_config.hpp"

namespace millwright::app {

struct Finding {
  enum class State { kOk, kWarning, kBad };
  std::string what;  // "data folder", "connector plc", …
  State state = State::kOk;
  std::string detail;
  std::string advice;  // "": nothing to do
};
const char* to_string(Finding::State state);  // "ok", "warning", "bad"

std::vector<Finding> examine(const PlantConfig& config);

}  // namespace millwright::app
