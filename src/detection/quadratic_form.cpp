#include "detection/quadratic_form.hpp"

#include <algorithm>
#include <numeric>

#include "detection/linear_algebra.hpp"

namespace millwright::detection {

QuadraticForm::QuadraticForm(Matrix a, std::size_t sensors, Gather gather)
    : a_(std::move(a)), sensors_(sensors), gather_(gather) {
  ASSERT(sensors_ > 0 && a_.columns() % sensors_ == 0, "each lag has a column for each sensor");
}

double QuadraticForm::value(std::span<const double> x) const {
  double out = 0;
  for (std::size_t i = 0; i < a_.rows(); ++i) {
    const auto row = a_.row(i);
    const double y = std::inner_product(row.begin(), row.end(), x.begin(), 0.0);
    out = gather_ == Gather::kSum ? out + y * y : std::max(out, y * y);
  }
  return out;
}

std::vector<double> QuadraticForm::image(std::span<const double> x) const {
  std::vector<double> y(a_.rows());
  for (std::size_t i = 0; i < a_.rows(); ++i) {
    const auto row = a_.row(i);
    y[i] = std::inner_product(row.begin(), row.end(), x.begin(), 0.0);
  }
  return y;
}

std::vector<double> QuadraticForm::contributions(std::span<const double> x) const {
  const std::vector<double> y = image(x);
  const std::size_t lags = a_.columns() / sensors_;
  std::vector<double> out(sensors_);
  Matrix own(lags, lags);          // ΞᵀMΞ
  std::vector<double> pull(lags);  // ΞᵀMx
  for (std::size_t sensor = 0; sensor < sensors_; ++sensor) {
    for (std::size_t l = 0; l < lags; ++l) {
      pull[l] = 0;
      for (std::size_t i = 0; i < a_.rows(); ++i) pull[l] += a_(i, l * sensors_ + sensor) * y[i];
      for (std::size_t m = 0; m <= l; ++m) {
        double sum = 0;
        for (std::size_t i = 0; i < a_.rows(); ++i) sum += a_(i, l * sensors_ + sensor) * a_(i, m * sensors_ + sensor);
        own(l, m) = own(m, l) = sum;
      }
    }
    const std::vector<double> share = solve(own, pull);
    out[sensor] = std::inner_product(share.begin(), share.end(), pull.begin(), 0.0);
  }
  return out;
}

}  // namespace millwright::detection
