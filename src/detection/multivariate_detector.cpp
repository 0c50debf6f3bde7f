#include "detection/multivariate_detector.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include <fmt/format.h>

#include "detection/control_limits.hpp"

namespace millwright::detection {

using core::ErrorCode;
using core::unexpected;

namespace {

constexpr std::size_t kPartRows = 96;  // scored at once: what fits the first cache, and fills the kernels' tiles
constexpr double kNear = 0.99;         // of a limit; float32 is a thousand times as exact

}  // namespace

std::string to_string(Statistic statistic) {
  switch (statistic) {
    case Statistic::kT2:
      return "t2";
    case Statistic::kSpe:
      return "spe";
    case Statistic::kDistance:
      return "distance";
    case Statistic::kState:
      return "state";
    case Statistic::kResidual:
      return "residual";
    case Statistic::kLargest:
      break;
  }
  return "largest";
}

std::vector<Statistic> statistics_of(ModelKind kind) {
  switch (kind) {
    case ModelKind::kPca:
      return {Statistic::kT2, Statistic::kSpe};
    case ModelKind::kCovariance:
      return {Statistic::kDistance};
    case ModelKind::kCva:
      return {Statistic::kState, Statistic::kResidual};
    case ModelKind::kLargest:
      break;
  }
  return {Statistic::kLargest};
}

core::Result<MultivariateDetector> MultivariateDetector::fit(const DetectorOptions& options,
                                                             std::vector<std::string> sensors, const Matrix& rows) {
  ASSERT(!options.models.empty() && !sensors.empty(), "a detector has a model and a sensor");
  std::vector<Model> models;
  std::size_t settling = 0;
  for (std::size_t i = 0; i < options.models.size(); ++i) {
    const ModelOptions& one = options.models[i];
    if (options.limit.source == LimitSource::kTheory && (one.statistic_smoothing < 1)) {
      return unexpected(
          ErrorCode::kInvalid,
          "theory knows no limit of a smoothed statistic; take the training's, or no 'statistic_smoothing'");
    }
    auto model = Model::fit(one, sensors, rows, options.limit.false_alarms);
    if (!model) return unexpected(model.error().within(fmt::format("model {}", i + 1)));
    models.push_back(std::move(*model));
    settling = std::max(settling, settling_rows(one, rows.rows()));
  }
  MultivariateDetector out;
  out.lay_out(options, std::move(sensors), std::move(models));
  const Matrix seen = out.run(rows);
  auto learnt = std::make_shared<Learnt>(*out.learnt_);
  for (std::size_t s = 0; s < seen.columns(); ++s) {
    std::vector<double> values;
    double sum = 0;
    for (std::size_t i = settling; i < seen.rows(); ++i) {
      values.push_back(seen(i, s));
      sum += seen(i, s);
    }
    learnt->places[s].usual = sum / static_cast<double>(values.size());
    double& limit = out.limits_[s].limit;
    if (options.limit.source == LimitSource::kTraining) limit = quantile(values, 1 - options.limit.false_alarms);
    limit *= options.limit.factor;
    if (!(limit > 0)) {
      return unexpected(
          ErrorCode::kInvalid,
          fmt::format("'{}' is 0 in nearly all training rows and so has no limit; leave it out", out.limits_[s].name));
    }
  }
  out.learnt_ = std::move(learnt);
  out.start();
  return out;
}

core::Result<MultivariateDetector> MultivariateDetector::fit(const DetectorOptions& options,
                                                             std::vector<std::string> sensors,
                                                             const Moments& gathered) {
  ASSERT(!options.models.empty() && !sensors.empty(), "a detector has a model and a sensor");
  if (options.limit.source != LimitSource::kTheory) {
    return unexpected(ErrorCode::kInvalid, "without rows, limits come from theory: say so");
  }
  std::vector<Model> models;
  for (std::size_t i = 0; i < options.models.size(); ++i) {
    if (options.models[i].statistic_smoothing < 1) {
      return unexpected(ErrorCode::kInvalid, "theory knows no limit of a smoothed statistic");
    }
    auto model = Model::fit(options.models[i], sensors, gathered, options.limit.false_alarms);
    if (!model) return unexpected(model.error().within(fmt::format("model {}", i + 1)));
    models.push_back(std::move(*model));
  }
  MultivariateDetector out;
  out.lay_out(options, std::move(sensors), std::move(models));
  for (StatisticInfo& one : out.limits_) one.limit *= options.limit.factor;
  return out;
}

void MultivariateDetector::lay_out(const DetectorOptions& options, std::vector<std::string> sensors,
                                   std::vector<Model> models) {
  auto learnt = std::make_shared<Learnt>();
  learnt->sensors = std::move(sensors);
  learnt->models = std::move(models);
  learnt->alarm = options.alarm;
  if (learnt->models.size() == 1) {
    if (auto batch = PcaBatch::from(learnt->models.front())) learnt->batch = std::move(*batch);
  }
  for (std::size_t m = 0; m < learnt->models.size(); ++m) {
    const Model& model = learnt->models[m];
    deviations_.push_back(model.deviations);
    for (std::size_t f = 0; f < model.statistics.size(); ++f) {
      std::string name = to_string(model.statistics[f].kind);
      if (learnt->models.size() > 1) name = fmt::format("{}_{}", name, m + 1);
      limits_.push_back({std::move(name), model.statistics[f].theory_limit});
      learnt->places.push_back({m, f, options.models[m].statistic_smoothing, 0});
    }
  }
  verdict_.statistics.resize(learnt->places.size());
  recent_.resize(options.alarm.of);
  raised_.resize(options.alarm.hold + 1);
  learnt_ = std::move(learnt);
  start();
}

void MultivariateDetector::start() {
  for (Deviations& one : deviations_) one.start();
  for (std::size_t s = 0; s < limits_.size(); ++s) verdict_.statistics[s] = learnt_->places[s].usual;
  std::fill(recent_.begin(), recent_.end(), 0.0);
  std::fill(raised_.begin(), raised_.end(), 0.0);
  rows_ = 0;
}

void MultivariateDetector::judge(std::span<const double> row) {
  for (Deviations& one : deviations_) one.take(row);
  for (std::size_t s = 0; s < limits_.size(); ++s) {
    const Place& place = learnt_->places[s];
    smooth(s, learnt_->models[place.model].statistics[place.form].form.value(deviations_[place.model].now()));
  }
}

void MultivariateDetector::smooth(std::size_t statistic, double value) {
  double& smoothed = verdict_.statistics[statistic];
  smoothed += learnt_->places[statistic].smoothing * (value - smoothed);
}

const Verdict& MultivariateDetector::score(std::span<const double> row) {
  judge(row);
  return decide();
}

const Verdict& MultivariateDetector::decide() {
  double worst = 0;
  for (std::size_t s = 0; s < limits_.size(); ++s) {
    const double ratio = verdict_.statistics[s] / limits_[s].limit;
    if (s == 0 || ratio > worst) {
      worst = ratio;
      verdict_.worst = s;
    }
  }
  // "At least `raise` of the last rows are above 1" is "the raise-th greatest is above 1".
  recent_[rows_ % recent_.size()] = worst;
  sorted_ = recent_;
  const auto nth = sorted_.begin() + static_cast<std::ptrdiff_t>(learnt_->alarm.raise - 1);
  std::nth_element(sorted_.begin(), nth, sorted_.end(), std::greater<>());
  raised_[rows_ % raised_.size()] = *nth;
  verdict_.score = *std::max_element(raised_.begin(), raised_.end());
  verdict_.alarm = verdict_.score > 1;
  ++rows_;
  return verdict_;
}

Matrix MultivariateDetector::run(const Matrix& rows) {
  start();
  Matrix out;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    judge(rows.row(i));
    out.append(verdict_.statistics);
  }
  return out;
}

core::Status MultivariateDetector::calibrate(const Matrix& rows, double false_alarms) {
  ASSERT(rows.columns() == sensors().size(), "a value for each sensor");
  if (static_cast<double>(rows.rows()) * false_alarms < 1) {
    return unexpected(ErrorCode::kInvalid,
                      fmt::format("{} rows to calibrate with cannot show a share of {}; it takes {} or more",
                                  rows.rows(), false_alarms, std::ceil(1 / false_alarms)));
  }
  const Matrix seen = run(rows);
  for (std::size_t s = 0; s < limits_.size(); ++s) {
    std::vector<double> values(seen.rows());
    for (std::size_t i = 0; i < seen.rows(); ++i) values[i] = seen(i, s);
    limits_[s].limit = quantile(values, 1 - false_alarms);
  }
  start();
  std::vector<double> scores;
  for (std::size_t i = 0; i < rows.rows(); ++i) scores.push_back(score(rows.row(i)).score);
  const double factor = quantile(scores, 1 - false_alarms);
  for (StatisticInfo& one : limits_) one.limit *= factor;
  start();
  return {};
}

std::vector<double> MultivariateDetector::contributions() const {
  const Place& place = learnt_->places[verdict_.worst];
  return learnt_->models[place.model].statistics[place.form].form.contributions(deviations_[place.model].now());
}

void MultivariateDetector::score_columns(std::span<const double* const> columns, std::size_t rows,
                                         const EachRow& each) {
  if (!learnt_->batch) return Detector::score_columns(columns, rows, each);
  for (std::size_t first = 0; first < rows; first += kPartRows) {
    score_part(columns, first, std::min(kPartRows, rows - first), each);
  }
}

// In float32, and in float64 where a statistic comes near its limit or a value is missing.
void MultivariateDetector::score_part(std::span<const double* const> columns, std::size_t first, std::size_t rows,
                                      const EachRow& each) {
  thread_local std::vector<float> scratch;
  thread_local std::vector<const float*> narrow;
  thread_local std::vector<double> row;
  std::array<float, kPartRows> t2{};
  std::array<float, kPartRows> spe{};
  scratch.resize(columns.size() * kPartRows);
  narrow.resize(columns.size());
  row.resize(columns.size());
  for (std::size_t j = 0; j < columns.size(); ++j) {
    float* column = scratch.data() + j * kPartRows;
    for (std::size_t i = 0; i < rows; ++i) column[i] = static_cast<float>(columns[j][first + i]);
    narrow[j] = column;
  }
  learnt_->batch->score(narrow, std::span(t2).first(rows), std::span(spe).first(rows));

  const auto& statistics = learnt_->models.front().statistics;
  const auto gather = [&](std::size_t i) {
    for (std::size_t j = 0; j < columns.size(); ++j) row[j] = columns[j][first + i];
  };
  std::size_t taken = 0;  // rows that deviations_ has seen, or need not: a row is enough of the past
  for (std::size_t i = 0; i < rows; ++i) {
    const auto value = [&](std::size_t s) {
      return static_cast<double>(statistics[learnt_->places[s].form].kind == Statistic::kT2 ? t2[i] : spe[i]);
    };
    bool near = std::isnan(t2[i]);
    for (std::size_t s = 0; s < limits_.size(); ++s) near = near || !(value(s) < kNear * limits_[s].limit);
    if (near) {
      if (taken < i) {
        gather(i - 1);
        deviations_.front().take(row);
      }
      gather(i);
      taken = i + 1;
      each(first + i, score(row));
      continue;
    }
    for (std::size_t s = 0; s < limits_.size(); ++s) smooth(s, value(s));
    const Verdict& verdict = decide();
    if (verdict.alarm || i + 1 == rows) {
      gather(i);
      deviations_.front().take(row);
      taken = i + 1;
    }
    each(first + i, verdict);
  }
}

std::unique_ptr<Detector> MultivariateDetector::copy() const {
  auto out = std::make_unique<MultivariateDetector>(*this);
  out->start();
  return out;
}

LearntDetector MultivariateDetector::learnt() const {
  LearntDetector out{.sensors = learnt_->sensors, .models = {}, .alarm = learnt_->alarm};
  for (const Model& model : learnt_->models) {
    out.models.push_back({.deviations = model.deviations.learnt(), .statistics = {}, .components = model.components});
  }
  for (std::size_t s = 0; s < limits_.size(); ++s) {
    const Place& place = learnt_->places[s];
    const ModelStatistic& statistic = learnt_->models[place.model].statistics[place.form];
    out.models[place.model].statistics.push_back({.kind = statistic.kind,
                                                  .form = statistic.form.matrix(),
                                                  .limit = limits_[s].limit,
                                                  .smoothing = place.smoothing,
                                                  .usual = place.usual});
  }
  return out;
}

core::Result<MultivariateDetector> MultivariateDetector::from(LearntDetector learnt) {
  if (auto status = check(learnt); !status) return unexpected(status.error());
  const std::size_t sensors = learnt.sensors.size();
  std::vector<Model> models;
  DetectorOptions options;
  options.alarm = learnt.alarm;
  for (LearntModel& one : learnt.models) {
    Model model{Deviations(std::move(one.deviations)), {}, one.components};
    for (LearntStatistic& statistic : one.statistics) {
      const Gather gather = statistic.kind == Statistic::kLargest ? Gather::kGreatest : Gather::kSum;
      model.statistics.push_back(
          {statistic.kind, QuadraticForm(std::move(statistic.form), sensors, gather), statistic.limit});
    }
    models.push_back(std::move(model));
    options.models.emplace_back();
  }
  MultivariateDetector out;
  out.lay_out(options, std::move(learnt.sensors), std::move(models));
  auto known = std::make_shared<Learnt>(*out.learnt_);
  for (Place& place : known->places) {
    const LearntStatistic& statistic = learnt.models[place.model].statistics[place.form];
    place.smoothing = statistic.smoothing;
    place.usual = statistic.usual;
  }
  out.learnt_ = std::move(known);
  out.start();
  return out;
}

std::vector<std::size_t> MultivariateDetector::components() const {
  std::vector<std::size_t> out;
  for (const Model& one : learnt_->models) out.push_back(one.components);
  return out;
}

}  // namespace millwright::detection
