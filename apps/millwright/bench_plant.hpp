// bench plant: how often detection cries wolf, and what it finds. Simulated machines of the shipped types, without a
// network and faster than real time, go through the stages of the live way: sensor health, then control charts.
//
// Threads: one a shard, as live. Time: simulated; the same seed gives the same result whatever the number of threads.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/result.hpp"

namespace millwright::app {

struct PlantBenchOptions {
  std::uint32_t machines = 100;
  double hours = 24;
  std::uint64_t seed = 1;
  std::uint32_t threads = 2;
  bool faults = false;     // the demo's schedule: another fault every minute, 40 s each
  bool high_rate = false;  // with the sensors above 100 Hz
};

struct FaultScore {
  std::uint64_t faults = 0;
  // An alarm of the machine while the fault lasted, or in the 10 s after.
  std::uint64_t detected = 0;
  // None, and the machine ran settled for less than 15 s of it.
  std::uint64_t stood = 0;
  // One of those alarms names the component, and the sensor where the fault is a sensor's; and already the first does.
  std::uint64_t component_right = 0;
  std::uint64_t first_right = 0;
  std::vector<double> delays_s;  // to the first alarm
};

struct PlantBenchResult {
  double machine_weeks = 0;
  std::uint64_t readings = 0;
  double seconds = 0;                                 // of this machine's time
  std::map<std::string, std::uint64_t> false_alarms;  // but of faults, by what the condition ends in
  std::map<std::string, FaultScore> faults;           // by "kind, machine type"
  std::vector<std::string> missed;                    // the first of them, as text
  std::vector<std::string> examples;                  // of false alarms

  [[nodiscard]] std::uint64_t false_alarm_count() const;
};

core::Result<PlantBenchResult> run_plant_bench(const PlantBenchOptions& options);

}  // namespace millwright::app
