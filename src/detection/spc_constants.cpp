#include "detection/spc_constants.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <vector>

#include "core/assert.hpp"
#include "core/mutex.hpp"

namespace millwright::detection {
namespace {

core::Mutex mutex;
std::map<std::uint32_t, RangeConstants> known GUARDED_BY(mutex);

double normal_cdf(double x) {
  return 0.5 * std::erfc(-x / std::numbers::sqrt2);
}

struct Moments {
  double mean = 0;
  double square = 0;
};

// Both integrals by the trapezoid rule with `steps` steps.
Moments integrate(std::uint32_t n, int steps) {
  constexpr double kEnd = 8.5;  // beyond it the integrands are below 1e-13 even for n = 1000
  const double step = 2 * kEnd / steps;
  std::vector<double> phi(steps + 1);
  for (int i = 0; i <= steps; ++i) phi[i] = normal_cdf(-kEnd + i * step);

  Moments sum;
  for (int i = 0; i <= steps; ++i) {
    const double below = std::pow(1 - phi[i], n);
    const double diagonal = 1 - std::pow(phi[i], n) - below;
    sum.mean += diagonal;
    sum.square += 0.5 * diagonal;  // the edge of the triangle counts half
    for (int j = i + 1; j <= steps; ++j) {
      sum.square += 1 - std::pow(phi[j], n) - below + std::pow(phi[j] - phi[i], n);
    }
  }
  return {sum.mean * step, 2 * sum.square * step * step};
}

// Along the diagonal the trapezoid rule errs by the step's square; Richardson's extrapolation takes that away.
RangeConstants compute(std::uint32_t n) {
  const Moments coarse = integrate(n, 170);
  const Moments fine = integrate(n, 340);
  const double square = fine.square + (fine.square - coarse.square) / 3;
  return {fine.mean, std::sqrt(std::max(0.0, square - fine.mean * fine.mean))};
}

}  // namespace

RangeConstants range_constants(std::uint32_t n) {
  ASSERT(n >= 2 && n <= kSubgroupMax, "subgroup size out of bounds");
  core::MutexLock lock(mutex);
  const auto found = known.find(n);
  if (found != known.end()) return found->second;
  return known.emplace(n, compute(n)).first->second;
}

double c4(std::uint32_t n) {
  ASSERT(n >= 2, "subgroup size out of bounds");
  return std::sqrt(2.0 / (n - 1)) * std::exp(std::lgamma(n / 2.0) - std::lgamma((n - 1) / 2.0));
}

}  // namespace millwright::detection
