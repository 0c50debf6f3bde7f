// The PCA benchmark: T² and SPE of rows of one machine, scored in batches on one core.
//
// Units: nanoseconds of processor time an inference (a row of all sensors), the best of several rounds, so that a
// neighbour's load counts little.
#pragma once

#include <cstdint>
#include <string>

#include "core/result.hpp"

namespace millwright::app {

struct PcaOptions {
  std::uint32_t sensors = 50;
  std::uint32_t components = 10;
  std::uint32_t batch = 480;  // rows
};

struct PcaResult {
  double ns_per_inference = 0;
  double ns_portable = 0;         // the same without the processor's vectors
  double ns_row_by_row = 0;       // in float64, as the live way scores a single row
  double largest_difference = 0;  // of the batch's statistics from the rows', as part of the limit
  std::string kernel;
};

core::Result<PcaResult> run_pca(const PcaOptions& options);

}  // namespace millwright::app
