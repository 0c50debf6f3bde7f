// PcaBatch: T² and SPE of many rows of one machine at once, in float32: what a PCA model's two forms give row by row,
// for a small part of the time.
//
// Threads: immutable. Shapes: a column of the same number of values for each sensor. Errors: models that look at rows
// before this one, or that have no T².
#pragma once

#include <span>
#include <vector>

#include "core/result.hpp"
#include "detection/model.hpp"
#include "detection/pca_kernels.hpp"

namespace millwright::detection {

class PcaBatch {
 public:
  // kInvalid unless it is a PCA with a T², without smoothing, drift or lags.
  static core::Result<PcaBatch> from(const Model& model);

  void score(std::span<const float* const> columns, std::span<float> t2, std::span<float> spe,
             const PcaKernels& kernels = best_pca_kernels()) const;

 private:
  PcaCoefficients coefficients_;
};

}  // namespace millwright::detection
