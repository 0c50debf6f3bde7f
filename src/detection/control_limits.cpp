#include "detection/control_limits.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/assert.hpp"

namespace millwright::detection {
namespace {

// The continued fraction of the incomplete beta function, by Lentz's method (NIST DLMF 8.17.22).
double beta_fraction(double x, double a, double b) {
  constexpr double kTiny = 1e-300;
  const auto away_from_zero = [](double v) { return std::abs(v) < kTiny ? kTiny : v; };
  double d = 1 / away_from_zero(1 - (a + b) * x / (a + 1));
  double c = 1;
  double f = d;
  for (int m = 1; m <= 10'000; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away_from_zero(1 + even * d);
    c = away_from_zero(1 + even / c);
    f *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away_from_zero(1 + odd * d);
    c = away_from_zero(1 + odd / c);
    f *= d * c;
    if (std::abs(d * c - 1) < 1e-15) break;
  }
  return f;
}

// I_x(a, b): the distribution function of the beta distribution.
double beta_distribution(double x, double a, double b) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front =
      std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x));
  return x < (a + 1) / (a + b + 2) ? front * beta_fraction(x, a, b) / a : 1 - front * beta_fraction(1 - x, b, a) / b;
}

// Where a rising function passes `wanted`.
template <typename Function>
double bisect(double low, double high, double wanted, Function function) {
  for (int i = 0; i < 200 && low < high; ++i) {
    const double middle = low + (high - low) / 2;
    if (middle == low || middle == high) break;
    (function(middle) < wanted ? low : high) = middle;
  }
  return low + (high - low) / 2;
}

}  // namespace

double normal_quantile(double probability) {
  return bisect(-40, 40, probability, [](double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; });
}

double f_quantile(double probability, double numerator, double denominator) {
  const double a = numerator / 2;
  const double b = denominator / 2;
  const double x = bisect(0, 1, probability, [&](double at) { return beta_distribution(at, a, b); });
  return denominator * x / (numerator * (1 - x));
}

double t2_limit(std::size_t components, std::size_t rows, double alpha) {
  ASSERT(components >= 1 && rows > components, "more rows than components");
  const auto k = static_cast<double>(components);
  const auto n = static_cast<double>(rows);
  return k * (n * n - 1) / (n * (n - k)) * f_quantile(1 - alpha, k, n - k);
}

double spe_limit(std::span<const double> residual_eigenvalues, double alpha) {
  double theta1 = 0;
  double theta2 = 0;
  double theta3 = 0;
  for (const double value : residual_eigenvalues) {
    const double v = std::max(value, 0.0);
    theta1 += v;
    theta2 += v * v;
    theta3 += v * v * v;
  }
  if (theta1 <= 0) return 0;
  const double h0 = 1 - 2 * theta1 * theta3 / (3 * theta2 * theta2);
  const double mean = 1 + theta2 * h0 * (h0 - 1) / (theta1 * theta1);
  const double spread = std::sqrt(2 * theta2) * h0 / theta1;  // has the sign of h0
  const double base = mean + normal_quantile(1 - alpha) * spread;
  if (h0 != 0 && base > 0) return theta1 * std::pow(base, 1 / h0);
  // One eigenvalue above all others: the sum is as good as its chi-square (G. E. P. Box, 1954).
  const double weight = theta2 / theta1;
  const double freedom = theta1 * theta1 / theta2;
  return weight * freedom * f_quantile(1 - alpha, freedom, 1e9);
}

double quantile(std::vector<double>& values, double share) {
  ASSERT(!values.empty() && share >= 0 && share <= 1, "a share of some values");
  const double place = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::ptrdiff_t>(std::floor(place));
  const auto at = values.begin() + below;
  std::nth_element(values.begin(), at, values.end());
  if (at + 1 == values.end()) return *at;
  const double above = *std::min_element(at + 1, values.end());
  return *at + (place - static_cast<double>(below)) * (above - *at);
}

}  // namespace millwright::detection
