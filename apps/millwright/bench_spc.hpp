// bench spc: control charts alone, on one core, over the signal of bench ingest.
//
// Threads: the caller's. Time is the thread's own processor time.
#pragma once

#include <cstdint>

namespace millwright::app {

struct SpcBenchOptions {
  std::uint32_t sensors = 1000;
  std::uint32_t block = 100;
  std::uint32_t subgroup_size = 50;
};
struct SpcBenchResult {
  double readings_per_s = 0;
};

SpcBenchResult run_spc_bench(const SpcBenchOptions& options);

}  // namespace millwright::app
