#include "detection/linear_algebra.hpp"

#include <cmath>

#include <Eigen/Dense>

namespace millwright::detection {
namespace {

using Dense = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Eigen::Map<const Dense> view(const Matrix& a) {
  return {a.empty() ? nullptr : a.row(0).data(), static_cast<Eigen::Index>(a.rows()),
          static_cast<Eigen::Index>(a.columns())};
}

Matrix copy(const Dense& a) {
  Matrix out(static_cast<std::size_t>(a.rows()), static_cast<std::size_t>(a.cols()));
  if (!out.empty()) std::copy_n(a.data(), a.size(), out.row(0).data());
  return out;
}

}  // namespace

Matrix transposed(const Matrix& a) {
  return copy(view(a).transpose());
}

Matrix product(const Matrix& a, const Matrix& b) {
  ASSERT(a.columns() == b.rows(), "shapes that multiply");
  return copy(view(a) * view(b));
}

core::Result<EigenPairs> eigen_pairs(const Matrix& symmetric) {
  ASSERT(symmetric.rows() == symmetric.columns(), "a square matrix");
  if (!view(symmetric).allFinite()) {
    return core::unexpected(core::ErrorCode::kInvalid, "a covariance of the training rows is not finite");
  }
  const Eigen::SelfAdjointEigenSolver<Dense> solver(view(symmetric));
  if (solver.info() != Eigen::Success) {
    return core::unexpected(core::ErrorCode::kInvalid, "the covariance of the training rows has no eigenvalues");
  }
  const Eigen::VectorXd values = solver.eigenvalues().reverse();
  return EigenPairs{{values.data(), values.data() + values.size()},
                    copy(solver.eigenvectors().transpose().colwise().reverse())};
}

std::size_t rank(const EigenPairs& pairs) {
  const double least = pairs.values.empty() ? 0 : 1e-10 * pairs.values.front();
  std::size_t count = 0;
  while (count < pairs.values.size() && pairs.values[count] > least) ++count;
  return count;
}

Matrix inverse_root(const EigenPairs& pairs, double least) {
  const auto vectors = view(pairs.vectors);
  Eigen::VectorXd scale(vectors.rows());
  for (Eigen::Index i = 0; i < scale.size(); ++i) {
    const double value = pairs.values[static_cast<std::size_t>(i)];
    scale[i] = value > least * pairs.values.front() ? 1 / std::sqrt(value) : 0;
  }
  return copy(vectors.transpose() * scale.asDiagonal() * vectors);
}

std::vector<double> solve(const Matrix& a, std::span<const double> b) {
  const Eigen::Map<const Eigen::VectorXd> right(b.data(), static_cast<Eigen::Index>(b.size()));
  const Eigen::VectorXd x = view(a).completeOrthogonalDecomposition().solve(right);
  return {x.data(), x.data() + x.size()};
}

}  // namespace millwright::detection
