#include "prognostics/life_features.hpp"

#include <algorithm>
#include <array>

namespace millwright::prognostics {
namespace {

using detection::Matrix;

constexpr std::array kWeights{0.3, 0.1, 0.04};  // of the newest reading
constexpr std::array<std::size_t, 3> kWindows{15, 30, 60};
constexpr std::size_t kLeastOfSlope = 3;  // cycles

// Exponentially weighted, the weights of the cycles so far scaled to 1: the first cycles count in full.
void smooth(const Matrix& from, std::size_t sensor, double weight, Matrix& out, std::size_t column) {
  double mean = 0;
  double sum = 0;
  for (std::size_t i = 0; i < from.rows(); ++i) {
    mean = (1 - weight) * mean + weight * from(i, sensor);
    sum = (1 - weight) * sum + weight;
    out(i, column) = mean / sum;
  }
}

// Of the least-squares line through the last `window` cycles.
void slope(const Matrix& from, std::size_t sensor, std::size_t window, Matrix& out, std::size_t column) {
  for (std::size_t i = kLeastOfSlope - 1; i < from.rows(); ++i) {
    const std::size_t n = std::min(window, i + 1);
    const double middle = static_cast<double>(n - 1) / 2;
    double across = 0;
    double square = 0;
    for (std::size_t k = 0; k < n; ++k) {
      const double t = static_cast<double>(k) - middle;
      across += t * from(i + 1 - n + k, sensor);
      square += t * t;
    }
    out(i, column) = across / square;
  }
}

}  // namespace

Matrix life_features(std::span<const double> cycles, const Matrix& deviations) {
  const std::size_t sensors = deviations.columns();
  Matrix out(deviations.rows(), 1 + sensors * (kWeights.size() + kWindows.size()));
  for (std::size_t i = 0; i < out.rows(); ++i) out(i, 0) = cycles[i];
  std::size_t column = 1;
  for (std::size_t j = 0; j < sensors; ++j) {
    for (const double weight : kWeights) smooth(deviations, j, weight, out, column++);
    for (const std::size_t window : kWindows) slope(deviations, j, window, out, column++);
  }
  return out;
}

}  // namespace millwright::prognostics
