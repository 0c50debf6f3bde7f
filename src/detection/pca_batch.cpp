#include "detection/pca_batch.hpp"

#include <algorithm>
#include <cmath>

#include "detection/linear_algebra.hpp"

namespace millwright::detection {

namespace {

const ModelStatistic* find(const Model& model, Statistic kind) {
  const auto at = std::find_if(model.statistics.begin(), model.statistics.end(),
                               [&](const ModelStatistic& one) { return one.kind == kind; });
  return at == model.statistics.end() ? nullptr : &*at;
}

// Whether the directions stand at right angles to each other and, with the SPE's, are as many as there are sensors: the
// kernels take the SPE to be what T²'s directions leave.
bool is_whole(const Model& model, const Matrix& t2) {
  const ModelStatistic* spe = find(model, Statistic::kSpe);
  Matrix directions = t2;
  for (std::size_t i = 0; i < directions.rows(); ++i) {
    double square = 0;
    for (const double v : directions.row(i)) square += v * v;
    for (double& v : directions.row(i)) v /= std::sqrt(square);
  }
  if (spe != nullptr) {
    for (std::size_t i = 0; i < spe->form.matrix().rows(); ++i) directions.append(spe->form.matrix().row(i));
    if (directions.rows() != directions.columns()) return false;
  }
  const Matrix angles = product(directions, transposed(directions));
  for (std::size_t i = 0; i < angles.rows(); ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      if (!(std::abs(angles(i, j) - (i == j ? 1 : 0)) < 1e-9)) return false;
    }
  }
  return true;
}

}  // namespace

core::Result<PcaBatch> PcaBatch::from(const Model& model) {
  const ModelStatistic* t2 = find(model, Statistic::kT2);
  if (t2 == nullptr || !model.deviations.of_one_row() || !is_whole(model, t2->form.matrix())) {
    return core::unexpected(core::ErrorCode::kInvalid,
                            "only a PCA with a T2, without smoothing, drift or lags, is scored in batches");
  }
  PcaBatch out;
  PcaCoefficients& pca = out.coefficients_;
  pca.sensors = model.deviations.sensors();
  for (std::size_t j = 0; j < pca.sensors; ++j) {
    pca.centre.push_back(static_cast<float>(model.deviations.learnt().centre[j]));
    pca.inverse_spread.push_back(static_cast<float>(1 / model.deviations.learnt().spread[j]));
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
