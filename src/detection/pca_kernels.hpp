// Kernels: T² and SPE of many rows at once, one set for each kind of processor, chosen at run time. The sets differ in
// rounding alone.
//
// Threads: pure functions. Shapes: a column of `n` values for each sensor. Units: the sensors'. Limits: float32: a SPE
// that is less than 1e-5 of the squared deviation is rounding.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace millwright::detection {

struct PcaCoefficients {
  std::size_t sensors = 0;
  std::size_t components = 0;
  std::vector<float> centre;            // of each sensor
  std::vector<float> inverse_spread;    // of each sensor
  std::vector<float> loadings;          // component by component, a value for each sensor
  std::vector<float> inverse_variance;  // of each component
};

struct PcaKernels {
  const char* name;
  void (*score)(const PcaCoefficients& pca, const float* const* columns, std::size_t n, float* t2, float* spe);
};

// The fastest that this machine has.
const PcaKernels& best_pca_kernels();
// All that were built and that this machine can run, the portable one first.
std::span<const PcaKernels* const> usable_pca_kernels();

}  // namespace millwright::detection
