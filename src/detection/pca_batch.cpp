#include "detection/pca_batch.hpp"

#include <algorithm>
#include <cmath>

namespace millwright::detection {

core::Result<PcaBatch> PcaBatch::from(const Model& model, const ModelOptions& options) {
  const auto t2 = std::find_if(model.statistics.begin(), model.statistics.end(),
                               [](const ModelStatistic& one) { return one.kind == Statistic::kT2; });
  const bool of_one_row =
      options.lags == 0 && options.smoothing >= 1 && options.drift.ratio <= 0 && options.drift.columns.empty();
  if (t2 == model.statistics.end() || !of_one_row) {
    return core::unexpected(core::ErrorCode::kInvalid,
                            "only a PCA with a T2, without smoothing, drift or lags, is scored in batches");
  }
  PcaBatch out;
  PcaCoefficients& pca = out.coefficients_;
  pca.sensors = model.deviations.sensors();
  for (std::size_t j = 0; j < pca.sensors; ++j) {
    pca.centre.push_back(static_cast<float>(model.deviations.centre()[j]));
    pca.inverse_spread.push_back(static_cast<float>(1 / model.deviations.spread()[j]));
  }
  // T² has the loadings of length 1 divided by the root of their variance.
  const Matrix& scaled = t2->form.matrix();
  pca.components = scaled.rows();
  for (std::size_t k = 0; k < pca.components; ++k) {
    double inverse_variance = 0;
    for (const double v : scaled.row(k)) inverse_variance += v * v;
    pca.inverse_variance.push_back(static_cast<float>(inverse_variance));
    for (const double v : scaled.row(k)) pca.loadings.push_back(static_cast<float>(v / std::sqrt(inverse_variance)));
  }
  return out;
}

void PcaBatch::score(std::span<const float* const> columns, std::span<float> t2, std::span<float> spe,
                     const PcaKernels& kernels) const {
  ASSERT(columns.size() == coefficients_.sensors && t2.size() == spe.size(), "a column for each sensor");
  kernels.score(coefficients_, columns.data(), t2.size(), t2.data(), spe.data());
}

}  // namespace millwright::detection
