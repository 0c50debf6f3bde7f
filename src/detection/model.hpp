// Model: what training teaches of one kind (PCA, covariance, canonical variates, largest deviation): how raw rows
// become deviations, and the statistics of them as quadratic forms.
//
//   PCA         T² = |Λ^-½ Pᵀx|² over the components, SPE = |P̃ᵀx|² over the other directions. With lags in x this is
//               dynamic PCA (W. Ku, R. H. Storer, C. Georgakis, 1995).
//   covariance  xᵀ S⁻¹ x; of smoothed deviations, whose S is theirs, it is MEWMA (C. A. Lowry and others, 1992).
//   CVA         the past (this row and the lags before) and the future (as many rows after), H = Sff^-½ Sfp Spp^-½ = U
//   Σ Vᵀ:
//               states |V₁ᵀ Spp^-½ x|², residuals |V₂ᵀ Spp^-½ x|² (E. L. Russell, L. H. Chiang, R. D. Braatz, 2000).
//   largest     the greatest (x / spread)².
//
// Threads: immutable. Errors: what cannot be learnt from is refused with the reason: too few rows, a constant sensor,
// a missing value, a singular covariance, more components than the rows have directions.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "detection/deviations.hpp"
#include "detection/moments.hpp"
#include "detection/quadratic_form.hpp"

namespace millwright::detection {

struct ModelStatistic {
  Statistic kind = Statistic::kT2;
  QuadraticForm form;
  double theory_limit = 0;
};

struct Model {
  static core::Result<Model> fit(const ModelOptions& options, std::span<const std::string> sensors, const Matrix& rows,
                                 double false_alarms);
  // The same from moments alone, so that the rows may stay where they were gathered: `gathered` is of raw rows with the
  // lags before them beside them, lag by lag, the newest first, at least as many as the options say. PCA and covariance
  // only, without smoothing and drift, centred by means, spread by deviations, components not by cross-validation.
  static core::Result<Model> fit(const ModelOptions& options, std::span<const std::string> sensors,
                                 const Moments& gathered, double false_alarms);

  Deviations deviations;
  std::vector<ModelStatistic> statistics;  // at least one
  std::size_t components = 0;              // of PCA; states of CVA
};

// Rows at the start that smoothing has not yet settled in, and that are not learnt from.
std::size_t settling_rows(const ModelOptions& options, std::size_t rows);

// How many components reconstruct a left-out sensor of left-out rows best: the sum of squared reconstruction errors
// over five folds of neighbouring rows (S. J. Qin, R. Dunia, 2000; cross-validated). `rows` are deviations.
core::Result<std::size_t> components_by_cross_validation(const Matrix& rows);

}  // namespace millwright::detection
