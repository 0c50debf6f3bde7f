#include "training/train.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include <fmt/format.h>

#include "core/text.hpp"
#include "detection/linear_algebra.hpp"
#include "detection/multivariate_detector.hpp"
#include "models/onnx_detector.hpp"

namespace millwright::training {
namespace {

using core::ErrorCode;
using core::unexpected;
using detection::Matrix;
using models::Bundle;

constexpr std::size_t kTestRows = 24;
constexpr std::size_t kTestQuiet = 12;  // of them as they are; in the others one sensor after the other is moved
constexpr double kTestShift = 6;        // standard deviations

std::string kind_of(const TrainOptions& options) {
  if (options.xgboost) return std::string(models::kXgboost);
  if (!options.network.empty()) return std::string(models::kOnnx);
  if (options.detector.models.size() > 1) return "mixed";
  switch (options.detector.models.front().kind) {
    case detection::ModelKind::kPca:
      return "pca";
    case detection::ModelKind::kCovariance:
      return "covariance";
    case detection::ModelKind::kCva:
      return "cva";
    case detection::ModelKind::kLargest:
      break;
  }
  return "largest";
}

// Mean and standard deviation of a column over some rows.
struct Scale {
  double centre = 0;
  double spread = 0;
};
template <typename Wanted>
Scale scale_of(const Matrix& rows, std::size_t column, Wanted wanted) {
  double count = 0;
  double mean = 0;
  double squares = 0;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    if (!wanted(i)) continue;
    const double step = rows(i, column) - mean;
    mean += step / ++count;
    squares += step * (rows(i, column) - mean);
  }
  return {mean, count < 2 ? 0 : std::sqrt(squares / (count - 1))};
}

core::Status learn_regimes(const TrainingData& data, Bundle& bundle) {
  for (const std::int32_t state : bundle.states) {
    models::Regime regime;
    for (std::size_t j = 0; j < data.sensors.size(); ++j) {
      const Scale scale = scale_of(data.rows, j, [&](std::size_t i) { return data.states[i] == state; });
      if (!std::isfinite(scale.spread) || !(scale.spread > 0)) {
        return unexpected(ErrorCode::kInvalid,
                          fmt::format("'{}' does not vary in state {}, or has no value in one of its rows: it has no "
                                      "scale there; leave the sensor or the state out",
                                      data.sensors[j], state));
      }
      regime.centre.push_back(scale.centre);
      regime.spread.push_back(scale.spread);
    }
    bundle.regimes[state] = std::move(regime);
  }
  return {};
}

void add_test(const TrainingData& data, Bundle& bundle, detection::Detector& detector) {
  const std::size_t count = std::min(kTestRows, data.rows.rows());
  bundle.test.rows = data.rows.slice(0, count);
  bundle.test.states.assign(data.states.begin(), data.states.begin() + static_cast<std::ptrdiff_t>(count));
  for (std::size_t i = kTestQuiet; i < count; ++i) {
    const std::size_t j = i % data.sensors.size();
    bundle.test.rows(i, j) += kTestShift * scale_of(data.rows, j, [](std::size_t) { return true; }).spread;
  }
  bundle.test.scores = models::score_test_rows(bundle, detector);
}

// The share of the training rows that alarms.
double false_alarms(const Matrix& rows, const std::vector<double>& labels, detection::Detector& detector) {
  std::size_t alarms = 0;
  std::size_t normal = 0;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    const bool alarm = detector.score(rows.row(i)).alarm;
    if (!labels.empty() && labels[i] != 0) continue;
    ++normal;
    alarms += alarm ? 1 : 0;
  }
  detector.start();
  return normal == 0 ? 0 : static_cast<double>(alarms) / static_cast<double>(normal);
}

}  // namespace

detection::DetectorOptions default_detector(detection::ModelKind kind) {
  detection::ModelOptions model;
  model.kind = kind;
  if (kind == detection::ModelKind::kCva) {
    model.lags = 2;
    model.components = 5;
  }
  return {.models = {model},
          .limit = {.source = detection::LimitSource::kTraining, .false_alarms = 0.001, .factor = 1.5},
          .alarm = {.raise = 5, .of = 8, .hold = 5}};
}

namespace {

core::Result<Bundle> named(const TrainOptions& options) {
  Bundle bundle;
  bundle.name = options.name;
  bundle.version = options.version;
  if (!core::is_asset_name(bundle.name)) {
    return unexpected(ErrorCode::kInvalid, "--name: lower-case letters, digits and single hyphens, like pump-pca");
  }
  if (!models::is_version(bundle.version)) {
    return unexpected(ErrorCode::kInvalid, "--version: letters, digits, '.', '-', '_', at most 40, like 1.0.0");
  }
  bundle.kind = kind_of(options);
  bundle.machine_type = options.machine_type;
  return bundle;
}

// Rows as the moments say they are, without the lags between them, always the same.
Matrix drawn_rows(const detection::Moments& moments, std::size_t count) {
  const auto pairs = detection::eigen_pairs(moments.covariance());
  ASSERT(pairs, "a covariance that a model was learnt from");
  std::mt19937_64 random(1);
  std::vector<double> row(moments.mean().size());
  Matrix out;
  for (std::size_t i = 0; i < count; ++i) {
    row = moments.mean();
    for (std::size_t k = 0; k < row.size(); ++k) {
      // Twelve uniform numbers make a normal one well enough, and the same with every library.
      double z = -6;
      for (int u = 0; u < 12; ++u) z += static_cast<double>(random() >> 11) * 0x1p-53;
      const double step = z * std::sqrt(std::max(0.0, pairs->values[k]));
      for (std::size_t j = 0; j < row.size(); ++j) row[j] += step * pairs->vectors(k, j);
    }
    out.append(row);
  }
  return out;
}

}  // namespace

core::Result<Bundle> train(const Gathered& gathered, const TrainOptions& options) {
  auto bundle = named(options);
  if (!bundle) return bundle;
  if (options.xgboost || !options.network.empty() || options.regimes) {
    return unexpected(ErrorCode::kInvalid, "without rows, only pca and covariance can be learnt, and no regimes");
  }
  bundle->sensors = gathered.sensors;
  bundle->grid = gathered.grid;
  bundle->states = gathered.states;
  detection::DetectorOptions theory = options.detector;
  theory.limit.source = detection::LimitSource::kTheory;
  auto detector = detection::MultivariateDetector::fit(theory, gathered.sensors, gathered.moments);
  if (!detector) return unexpected(detector.error().within("training"));
  bundle->learnt = detector->learnt();
  bundle->training = {.sources = gathered.sources,
                      .rows = gathered.moments.count(),
                      .from = gathered.from,
                      .to = gathered.to,
                      .false_alarms = theory.limit.false_alarms};
  bundle->test.rows = drawn_rows(gathered.moments.first(gathered.sensors.size()), kTestRows);
  bundle->test.states.assign(kTestRows, gathered.states.empty() ? 1 : gathered.states.front());
  const auto judge = models::make_detector(*bundle);
  if (!judge) return unexpected(judge.error());
  bundle->test.scores = models::score_test_rows(*bundle, **judge);
  return bundle;
}

core::Result<Bundle> train(const TrainingData& data, const TrainOptions& options) {
  auto begun = named(options);
  if (!begun) return begun;
  Bundle bundle = std::move(*begun);
  if (data.rows.empty()) return unexpected(ErrorCode::kInvalid, "no training row is left");
  bundle.sensors = data.sensors;
  bundle.grid = data.grid;
  bundle.states = options.states;
  if (options.regimes) {
    if (bundle.states.empty()) return unexpected(ErrorCode::kInvalid, "--regimes needs --states: which there are");
    if (auto learnt = learn_regimes(data, bundle); !learnt) return unexpected(learnt.error());
  }
  Matrix rows = data.rows;
  for (std::size_t i = 0; i < rows.rows(); ++i) models::scale(bundle, data.states[i], rows.row(i));

  if (options.xgboost) {
    auto trees = models::train_xgboost(rows, data.labels, options.trees);
    if (!trees) return unexpected(trees.error());
    bundle.blob = std::move(*trees);
    bundle.limit = options.limit;
  } else if (!options.network.empty()) {
    bundle.blob = models::onnx_text(options.network);
    bundle.limit = options.limit;
  } else {
    auto detector = detection::MultivariateDetector::fit(options.detector, data.sensors, rows);
    if (!detector) return unexpected(detector.error().within("training"));
    bundle.learnt = detector->learnt();
  }
  auto detector = models::make_detector(bundle);
  if (!detector) return unexpected(detector.error());
  bundle.training = {.sources = data.sources,
                     .rows = rows.rows(),
                     .from = *std::min_element(data.times.begin(), data.times.end()),
                     .to = *std::max_element(data.times.begin(), data.times.end()),
                     .false_alarms = false_alarms(rows, data.labels, **detector)};
  add_test(data, bundle, **detector);
  return bundle;
}

}  // namespace millwright::training
