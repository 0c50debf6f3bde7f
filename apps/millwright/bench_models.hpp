// The models' benchmark: a PCA on every machine, fed with all sensors' readings, as one shard does it: alignment,
// scoring, alarms' decision. Nothing else runs in the thread, so its processor time is the models' alone.
//
// Then every machine's model is replaced while readings come, by another thread, as a deployment does it.
//
// Units: share of a core that the load takes, the best of some rounds; processor time of the longest batch, ms.
#pragma once

#include <cstdint>

#include "core/result.hpp"

namespace millwright::app {

struct ModelsBench {
  std::uint32_t machines = 1000;
  std::uint32_t sensors = 50;
  std::uint32_t rate = 100;   // Hz
  std::uint32_t block = 10;   // readings of a sensor that come together
  std::uint32_t seconds = 5;  // of source time
};

struct ModelsBenchResult {
  double core_share = 0;
  double ns_per_row = 0;
  std::uint64_t rows = 0;  // judged
  double longest_ms = 0;   // of a batch: all sensors of a machine
  double longest_while_replaced_ms = 0;
  std::uint64_t replaced = 0;  // models
};

core::Result<ModelsBenchResult> run_models(const ModelsBench& options);

}  // namespace millwright::app
