#include "prognostics/life_interval.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/assert.hpp"

namespace millwright::prognostics {
namespace {

constexpr std::size_t kBinsMost = 20;
constexpr std::size_t kBinLeast = 50;  // pairs

// The least value that at least `share` of the sorted ones do not exceed.
double quantile_of(const std::vector<double>& sorted, double share) {
  const double place = std::ceil(share * static_cast<double>(sorted.size() + 1)) - 1;
  return sorted[static_cast<std::size_t>(std::clamp(place, 0.0, static_cast<double>(sorted.size() - 1)))];
}

double between(const std::vector<double>& at, const std::vector<double>& values, double x) {
  const auto above = std::upper_bound(at.begin(), at.end(), x);
  if (above == at.begin()) return values.front();
  if (above == at.end()) return values.back();
  const auto i = static_cast<std::size_t>(above - at.begin());
  const double part = (x - at[i - 1]) / (at[i] - at[i - 1]);
  return values[i - 1] + part * (values[i] - values[i - 1]);
}

}  // namespace

LifeInterval LifeInterval::learn(std::span<const double> predicted, std::span<const double> truth, double share) {
  ASSERT(!predicted.empty() && predicted.size() == truth.size(), "a truth for each prediction");
  std::vector<std::size_t> order(predicted.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return predicted[a] < predicted[b]; });
  const std::size_t bins = std::clamp<std::size_t>(order.size() / kBinLeast, 1, kBinsMost);
  LifeInterval out;
  for (std::size_t bin = 0; bin < bins; ++bin) {
    const std::size_t begin = order.size() * bin / bins;
    const std::size_t end = order.size() * (bin + 1) / bins;
    double sum = 0;
    std::vector<double> errors;
    for (std::size_t i = begin; i < end; ++i) {
      sum += predicted[order[i]];
      errors.push_back(truth[order[i]] - predicted[order[i]]);
    }
    std::sort(errors.begin(), errors.end());
    out.at.push_back(sum / static_cast<double>(end - begin));
    out.low.push_back(quantile_of(errors, (1 - share) / 2));
    out.high.push_back(quantile_of(errors, (1 + share) / 2));
  }
  return out;
}

LifeInterval::Bounds LifeInterval::around(double predicted) const {
  return {std::max(0.0, predicted + between(at, low, predicted)),
          std::max(0.0, predicted + between(at, high, predicted))};
}

}  // namespace millwright::prognostics
