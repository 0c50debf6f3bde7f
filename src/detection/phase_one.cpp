#include "detection/phase_one.hpp"

#include <algorithm>
#include <cmath>

#include "detection/control_limits.hpp"

namespace millwright::detection {
namespace {

constexpr double kSigmaOfMad = 1.4826;  // of a normal distribution
constexpr double kAutocorrelationMax = 0.98;
constexpr double kTrendShare = 0.8;  // of the variance: hardly anything but a trend
constexpr double kTrendT = 4;        // Student's t of the slope
constexpr double kTrendPointsMin = 4;
constexpr double kTrainingsAhead = 10;

// How far a value may lie from the median of `values`, and that median.
struct Gate {
  double median = 0;
  double reach = 0;
};
Gate gate_of(std::vector<double>& values, double floor) {
  Gate gate{.median = quantile(values, 0.5)};
  for (double& value : values) value = std::abs(value - gate.median);
  gate.reach = std::max(PhaseOne::kWild * kSigmaOfMad * quantile(values, 0.5), floor);
  return gate;
}

}  // namespace

void Scatter::add(double x, std::uint32_t count_now) {
  if (count_now == 1) {
    *this = {.mean = x, .m2 = 0, .min = x, .max = x};
    return;
  }
  const double delta = x - mean;
  mean += delta / count_now;
  m2 += delta * (x - mean);
  min = std::min(min, x);
  max = std::max(max, x);
}

double Scatter::deviation(std::uint32_t n) const {
  return n > 1 ? std::sqrt(m2 / (n - 1)) : 0;
}

double Scatter::reach() const {
  return std::max(max - mean, mean - min);
}

void PhaseOne::add(double mean, double spread, core::TimeNs time, double floor) {
  // A source whose clock was set back does not undo what was learnt.
  if (last_time_ != kNever && time > last_time_) elapsed_ += time - last_time_;
  last_time_ = time;
  ++points_;
  gathered_.push_back({mean, spread});
  if (gathered_.size() == kGatheredMax) keep(kGatheredMax / 2, floor);
}

void PhaseOne::finish(double floor) {
  keep(gathered_.size(), floor);
}

// Keeps the oldest `count` of the points gathered, save the wild among them: so judged by all that are gathered.
void PhaseOne::keep(std::size_t count, double floor) {
  if (count == 0) return;
  std::vector<double> means;
  std::vector<double> spreads;
  for (const Point& point : gathered_) {
    means.push_back(point.mean);
    spreads.push_back(point.spread);
  }
  const Gate mean = gate_of(means, floor);
  const Gate spread = gate_of(spreads, floor);
  const auto is_wild = [&](const Point& point) {
    return std::abs(point.mean - mean.median) > mean.reach || point.spread > spread.median + spread.reach;
  };
  const auto wild = std::count_if(gathered_.begin(), gathered_.end(), is_wild);
  // Without any spread at all there is nothing to measure wildness by; and what is frequent is not wild.
  const bool measurable = mean.reach > 0 && spread.reach > 0;
  const bool trim = measurable && static_cast<double>(wild) <= kWildShareMax * static_cast<double>(gathered_.size());
  if (kept_ == 0) ewma_ = ewma_min_ = ewma_max_ = mean.median;
  for (std::size_t i = 0; i < count; ++i) {
    if (!trim || !is_wild(gathered_[i])) keep(gathered_[i]);
  }
  gathered_.erase(gathered_.begin(), gathered_.begin() + static_cast<std::ptrdiff_t>(count));
}

void PhaseOne::keep(const Point& point) {
  const double index = kept_;
  if (kept_ == 0) {
    first_ = point.mean;
  } else {
    steps_squared_ += (point.mean - last_) * (point.mean - last_);
    with_index_ += (point.mean - means_.mean) * (index - index / 2);
  }
  last_ = point.mean;
  ++kept_;
  means_.add(point.mean, kept_);
  spreads_.add(point.spread, kept_);
  ewma_ += lambda_ * (point.mean - ewma_);
  ewma_min_ = std::min(ewma_min_, ewma_);
  ewma_max_ = std::max(ewma_max_, ewma_);
}

double PhaseOne::autocorrelation() const {
  if (kept_ < 3 || means_.m2 <= 0) return 0;
  const double phi = 1 - steps_squared_ / (2 * means_.m2);
  return phi > 2 / std::sqrt(kept_) ? std::min(phi, kAutocorrelationMax) : 0;
}

// The slope by least squares. Its test counts points by what they are worth, as neighbours resemble each other; a trend
// that explains nearly all needs no test, and its smooth rest would not pass one.
bool PhaseOne::drifts(double floor) const {
  if (kept_ < 3 || means_.m2 <= 0) return false;
  const double n = kept_;
  const double index_m2 = n * (n * n - 1) / 12;
  const double slope = with_index_ / index_m2;
  if (std::abs(slope) * (n - 1) * kTrainingsAhead <= floor) return false;
  const double share = with_index_ * with_index_ / (index_m2 * means_.m2);
  if (share > kTrendShare) return true;
  const double rest = means_.m2 * (1 - share);
  const double rest_steps = steps_squared_ - 2 * slope * (last_ - first_) + (n - 1) * slope * slope;
  const double phi = std::clamp(1 - rest_steps / (2 * rest), 0.0, kAutocorrelationMax);
  const double worth = n * (1 - phi) / (1 + phi);
  return worth > kTrendPointsMin && share * (worth - 2) > kTrendT * kTrendT * (1 - share);
}

double PhaseOne::ewma_reach(double centre) const {
  return std::max(ewma_max_ - centre, centre - ewma_min_);
}

void PhaseOne::start_again() {
  const std::uint32_t extensions = extensions_ + 1;
  const double lambda = lambda_;
  *this = {};
  extensions_ = extensions;
  lambda_ = lambda;
}

}  // namespace millwright::detection
