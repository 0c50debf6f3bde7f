// bench vibration: what the features of waveforms cost a shard, from the blocks of a batch to the readings added to it.
//
// Threads: the caller's. Time is the thread's own processor time.
#pragma once

#include <cstdint>

#include "core/result.hpp"

namespace millwright::app {

struct VibrationBenchOptions {
  std::uint32_t sensors = 100;
  std::uint32_t rate_hz = 1000;
  std::uint32_t block = 100;  // readings of one sensor that come together
  std::uint32_t window_ms = 1000;
};
struct VibrationBenchResult {
  std::uint32_t features = 0;       // of a sensor
  double us_per_window = 0;         // with the gathering of its readings
  double core_per_100_sensors = 0;  // share of one core
};

core::Result<VibrationBenchResult> run_vibration_bench(const VibrationBenchOptions& options);

}  // namespace millwright::app
