#include "detection/deviations.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "core/text.hpp"
#include "detection/control_limits.hpp"

namespace millwright::detection {
namespace {

using core::ErrorCode;
using core::unexpected;

// Beyond, squares of what is learnt would not be finite; no sensor means it.
bool is_reading(double value) {
  return std::abs(value) < 1e100;
}

double median(std::vector<double> values) {
  return quantile(values, 0.5);
}

double mean(std::span<const double> values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

double deviation(std::span<const double> values, double centre) {
  double sum = 0;
  for (const double v : values) sum += (v - centre) * (v - centre);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

// What one row adds to the next, as a standard deviation of the noise.
double step_deviation(std::span<const double> values) {
  double sum = 0;
  for (std::size_t i = 1; i < values.size(); ++i) sum += (values[i] - values[i - 1]) * (values[i] - values[i - 1]);
  return std::sqrt(sum / (2 * static_cast<double>(values.size() - 1)));
}

double spread_of(Spread kind, const std::vector<double>& values, double centre) {
  const double whole = deviation(values, centre);
  if (kind == Spread::kDeviation) return whole;
  if (kind == Spread::kSteps) return step_deviation(values);
  std::vector<double> distances(values.size());
  std::transform(values.begin(), values.end(), distances.begin(), [&](double v) { return std::abs(v - centre); });
  return std::max(1.4826 * median(std::move(distances)), whole / 5);
}

bool wanders(const DriftOptions& options, const std::string& sensor, std::span<const double> values) {
  const auto& named = options.columns;
  if (std::find(named.begin(), named.end(), sensor) != named.end()) return true;
  if (options.ratio <= 0 || values.size() < 2 * options.block) return false;
  std::vector<double> levels;
  for (std::size_t at = 0; at + options.block <= values.size(); at += options.block) {
    const auto block = values.subspan(at, options.block);
    levels.push_back(median({block.begin(), block.end()}));
  }
  return deviation(levels, mean(levels)) > options.ratio * step_deviation(values);
}

core::Result<std::vector<double>> column_of(const Matrix& rows, std::size_t column, std::string_view sensor) {
  std::vector<double> values(rows.rows());
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    values[i] = rows(i, column);
    if (!is_reading(values[i])) {
      return unexpected(ErrorCode::kInvalid,
                        fmt::format("training row {}: '{}' has no value there; train on rows that are whole, or leave "
                                    "the sensor out",
                                    i + 1, sensor));
    }
  }
  return values;
}

}  // namespace

core::Result<Deviations> Deviations::learn(const ModelOptions& options, std::span<const std::string> sensors,
                                           const Matrix& rows) {
  ASSERT(rows.columns() == sensors.size(), "a name for each column");
  for (const std::string& name : options.drift.columns) {
    if (std::find(sensors.begin(), sensors.end(), name) != sensors.end()) continue;
    const std::vector<std::string_view> known(sensors.begin(), sensors.end());
    return unexpected(ErrorCode::kInvalid,
                      fmt::format("drift names '{}', which is no sensor{}", name, core::did_you_mean(name, known)));
  }
  Learnt learnt;
  learnt.smoothing = options.smoothing;
  learnt.lags = options.lags;
  for (std::size_t j = 0; j < sensors.size(); ++j) {
    const auto values = column_of(rows, j, sensors[j]);
    if (!values) return unexpected(values.error());
    const auto [low, high] = std::minmax_element(values->begin(), values->end());
    const double centre = options.centre == Centre::kMean ? mean(*values) : median(*values);
    const double spread = spread_of(options.spread, *values, centre);
    if (*low == *high || spread <= 1e-12 * std::abs(centre)) {
      return unexpected(ErrorCode::kInvalid,
                        fmt::format("'{}' is {} in all {} training rows: what never varies has no spread to judge by; "
                                    "leave the sensor out",
                                    sensors[j], *low, rows.rows()));
    }
    learnt.centre.push_back(centre);
    learnt.spread.push_back(spread);
    learnt.follow.push_back(wanders(options.drift, sensors[j], *values) ? 1 / options.drift.memory : 0);
  }
  return Deviations(std::move(learnt));
}

Deviations::Deviations(Learnt learnt)
    : learnt_(std::make_shared<const Learnt>(std::move(learnt))),
      smooth_(learnt_->centre.size()),
      window_(learnt_->centre.size() * (learnt_->lags + 1)) {
  start();
}

bool Deviations::of_one_row() const {
  const auto& follow = learnt_->follow;
  return learnt_->lags == 0 && learnt_->smoothing >= 1 &&
         std::all_of(follow.begin(), follow.end(), [](double part) { return part == 0; });
}

void Deviations::start() {
  held_ = learnt_->centre;
  centre_ = learnt_->centre;
  std::fill(smooth_.begin(), smooth_.end(), 0.0);
  std::fill(window_.begin(), window_.end(), 0.0);
}

std::span<const double> Deviations::take(std::span<const double> row) {
  ASSERT(row.size() == sensors(), "a value for each sensor");
  std::copy_backward(window_.begin(), window_.end() - static_cast<std::ptrdiff_t>(sensors()), window_.end());
  for (std::size_t j = 0; j < sensors(); ++j) {
    if (is_reading(row[j])) held_[j] = row[j];
    smooth_[j] += learnt_->smoothing * (held_[j] - centre_[j] - smooth_[j]);
    window_[j] = smooth_[j] / learnt_->spread[j];
    const double step = learnt_->follow[j] * (held_[j] - centre_[j]);
    centre_[j] += step;
    smooth_[j] -= step;
  }
  return window_;
}

}  // namespace millwright::detection
