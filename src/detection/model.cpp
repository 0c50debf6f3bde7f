#include "detection/model.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "detection/control_limits.hpp"
#include "detection/linear_algebra.hpp"

namespace millwright::detection {
namespace {

using core::ErrorCode;
using core::Result;
using core::Unexpected;
using core::unexpected;

constexpr std::size_t kFolds = 5;
// Directions of the past that vary less than this part of the greatest are rounding and quantisation.
constexpr double kPastLeast = 1e-6;

// What every kind starts from.
struct Lesson {
  const ModelOptions& options;
  std::span<const std::string> sensors;
  double false_alarms = 0.01;
  Matrix rows{};                      // deviations, with lags
  std::optional<Moments> gathered{};  // of deviations, instead of rows

  [[nodiscard]] std::size_t count() const { return gathered ? gathered->count() : rows.rows(); }
  [[nodiscard]] std::size_t width() const { return sensors.size() * (options.lags + 1); }

  [[nodiscard]] bool wants(Statistic kind) const {
    const auto& chosen = options.statistics;
    return chosen.empty() || std::find(chosen.begin(), chosen.end(), kind) != chosen.end();
  }
};

std::string sensor_at(const Lesson& lesson, std::size_t column) {
  const std::size_t lag = column / lesson.sensors.size();
  const std::string& name = lesson.sensors[column % lesson.sensors.size()];
  return lag == 0 ? fmt::format("'{}'", name) : fmt::format("'{}' {} rows before", name, lag);
}

Unexpected too_few(const Lesson& lesson, std::size_t needed) {
  return unexpected(ErrorCode::kInvalid,
                    fmt::format("{} training rows are left after the start; {} sensors at {} rows each need {}",
                                lesson.count(), lesson.sensors.size(), lesson.options.lags + 1, needed));
}

Moments moments_of(const Matrix& rows) {
  Moments moments(rows.columns());
  for (std::size_t i = 0; i < rows.rows(); ++i) moments.add(rows.row(i));
  return moments;
}

Matrix covariance_of(const Moments& moments, double shrinkage) {
  Matrix out = moments.covariance();
  for (std::size_t i = 0; i < out.rows(); ++i) {
    for (std::size_t j = 0; j < out.columns(); ++j) {
      if (i != j) out(i, j) *= 1 - shrinkage;
    }
  }
  return out;
}

Matrix covariance_of(const Lesson& lesson) {
  return covariance_of(lesson.gathered ? *lesson.gathered : moments_of(lesson.rows), lesson.options.shrinkage);
}

// Rows `first` … `end` of `vectors`, each divided by the root of its value.
Matrix whitened(const EigenPairs& pairs, std::size_t first, std::size_t end) {
  Matrix out = pairs.vectors.slice(first, end - first);
  for (std::size_t i = 0; i < out.rows(); ++i) {
    for (double& v : out.row(i)) v /= std::sqrt(pairs.values[first + i]);
  }
  return out;
}

// The sensors that the direction of least variance consists of.
std::string who_moves_as_one(const Lesson& lesson, const EigenPairs& pairs) {
  const auto direction = pairs.vectors.row(pairs.vectors.rows() - 1);
  std::vector<std::size_t> order(direction.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return std::abs(direction[a]) > std::abs(direction[b]); });
  std::string names = sensor_at(lesson, order[0]);
  for (std::size_t i = 1; i < order.size() && i < 4 && std::abs(direction[order[i]]) > 0.2; ++i) {
    names += ", " + sensor_at(lesson, order[i]);
  }
  return names;
}

Result<std::size_t> choose_components(const Lesson& lesson, const EigenPairs& pairs) {
  const ModelOptions& options = lesson.options;
  const std::size_t directions = rank(pairs);
  if (options.components > directions) {
    return unexpected(ErrorCode::kInvalid,
                      fmt::format("{} components were asked for, and the training rows vary in {} directions only",
                                  options.components, directions));
  }
  if (options.components > 0) return options.components;
  if (options.explained <= 0) return components_by_cross_validation(lesson.rows);
  double all = 0;
  for (const double value : pairs.values) all += value;
  double sum = 0;
  std::size_t count = 0;
  while (count < directions && sum < options.explained * all) sum += pairs.values[count++];
  return count;
}

Result<std::vector<ModelStatistic>> fit_pca(const Lesson& lesson, std::size_t& components) {
  const std::size_t n = lesson.count();
  const auto pairs = eigen_pairs(covariance_of(lesson));
  if (!pairs) return unexpected(pairs.error());
  const auto k = choose_components(lesson, *pairs);
  if (!k) return unexpected(k.error());
  components = *k;
  if (n < components + 2) return too_few(lesson, components + 2);
  std::vector<ModelStatistic> out;
  if (lesson.wants(Statistic::kT2)) {
    out.push_back({Statistic::kT2,
                   {whitened(*pairs, 0, components), lesson.sensors.size()},
                   t2_limit(components, n, lesson.false_alarms)});
  }
  if (lesson.wants(Statistic::kSpe)) {
    if (components == rank(*pairs)) {
      return unexpected(
          ErrorCode::kInvalid,
          fmt::format("all {} directions of the training rows are components, so that nothing is left for "
                      "the SPE; ask for fewer components, or for t2 alone",
                      components));
    }
    const auto rest = std::span(pairs->values).subspan(components);
    out.push_back({Statistic::kSpe,
                   {pairs->vectors.slice(components, pairs->vectors.rows()), lesson.sensors.size()},
                   spe_limit(rest, lesson.false_alarms)});
  }
  return out;
}

Result<std::vector<ModelStatistic>> fit_covariance(const Lesson& lesson) {
  const std::size_t n = lesson.count();
  const std::size_t width = lesson.width();
  if (n < width + 2) return too_few(lesson, width + 2);
  const auto pairs = eigen_pairs(covariance_of(lesson));
  if (!pairs) return unexpected(pairs.error());
  if (rank(*pairs) < width) {
    return unexpected(
        ErrorCode::kInvalid,
        fmt::format("the covariance of the training rows is singular: {} move as one; leave one of them out, "
                    "set 'shrinkage' above 0, or take kind pca",
                    who_moves_as_one(lesson, *pairs)));
  }
  return std::vector<ModelStatistic>{{Statistic::kDistance,
                                      {whitened(*pairs, 0, width), lesson.sensors.size()},
                                      t2_limit(width, n, lesson.false_alarms)}};
}

// The covariances within the past, within the future and from one to the other. The future of a row is the window that
// ends lags + 1 rows later.
struct PastAndFuture {
  Matrix past;
  Matrix future;
  Matrix across;  // future by past
};
PastAndFuture past_and_future(const Lesson& lesson) {
  const std::size_t width = lesson.rows.columns();
  const std::size_t ahead = lesson.options.lags + 1;
  Matrix both;
  std::vector<double> joint(2 * width);
  for (std::size_t i = 0; i + ahead < lesson.rows.rows(); ++i) {
    std::copy_n(lesson.rows.row(i).begin(), width, joint.begin());
    std::copy_n(lesson.rows.row(i + ahead).begin(), width, joint.begin() + static_cast<std::ptrdiff_t>(width));
    both.append(joint);
  }
  const Matrix covariance = covariance_of(moments_of(both), lesson.options.shrinkage);
  PastAndFuture out{Matrix(width, width), Matrix(width, width), Matrix(width, width)};
  for (std::size_t i = 0; i < width; ++i) {
    for (std::size_t j = 0; j < width; ++j) {
      out.past(i, j) = covariance(i, j);
      out.future(i, j) = covariance(width + i, width + j);
      out.across(i, j) = covariance(width + i, j);
    }
  }
  return out;
}

Result<std::vector<ModelStatistic>> fit_cva(const Lesson& lesson, std::size_t& states) {
  const std::size_t width = lesson.rows.columns();
  const std::size_t ahead = lesson.options.lags + 1;
  if (lesson.rows.rows() < width + ahead + 2) return too_few(lesson, width + ahead + 2);
  const std::size_t n = lesson.rows.rows() - ahead;
  const PastAndFuture parts = past_and_future(lesson);
  const auto past = eigen_pairs(parts.past);
  if (!past) return unexpected(past.error());
  const auto future = eigen_pairs(parts.future);
  if (!future) return unexpected(future.error());
  const Matrix past_root = inverse_root(*past, kPastLeast);
  const Matrix h = product(product(inverse_root(*future, kPastLeast), parts.across), past_root);
  const auto canonical = eigen_pairs(product(transposed(h), h));
  if (!canonical) return unexpected(canonical.error());
  const auto directions =
      static_cast<std::size_t>(std::count_if(past->values.begin(), past->values.end(),
                                             [&](double value) { return value > kPastLeast * past->values.front(); }));
  states = lesson.options.components;
  if (states == 0 || states >= directions) {
    return unexpected(ErrorCode::kInvalid,
                      fmt::format("{} states were asked for; it must be 1 to {}, for the past varies in {} directions",
                                  states, directions - 1, directions));
  }
  std::vector<ModelStatistic> out;
  if (lesson.wants(Statistic::kState)) {
    out.push_back({Statistic::kState,
                   {product(canonical->vectors.slice(0, states), past_root), lesson.sensors.size()},
                   t2_limit(states, n, lesson.false_alarms)});
  }
  if (lesson.wants(Statistic::kResidual)) {
    out.push_back({Statistic::kResidual,
                   {product(canonical->vectors.slice(states, width), past_root), lesson.sensors.size()},
                   t2_limit(directions - states, n, lesson.false_alarms)});
  }
  return out;
}

Result<std::vector<ModelStatistic>> fit_largest(const Lesson& lesson) {
  const std::size_t width = lesson.rows.columns();
  if (lesson.rows.rows() < 10) return too_few(lesson, 10);
  Matrix scale(width, width);
  for (std::size_t j = 0; j < width; ++j) {
    double sum = 0;
    for (std::size_t i = 0; i < lesson.rows.rows(); ++i) sum += lesson.rows(i, j) * lesson.rows(i, j);
    scale(j, j) = 1 / std::sqrt(sum / static_cast<double>(lesson.rows.rows()));
  }
  const double each = std::pow(1 - lesson.false_alarms, 1 / static_cast<double>(width));  // Šidák
  const double reach = normal_quantile((1 + each) / 2);
  return std::vector<ModelStatistic>{
      {Statistic::kLargest, {std::move(scale), lesson.sensors.size(), Gather::kGreatest}, reach * reach}};
}

}  // namespace

std::size_t settling_rows(const ModelOptions& options, std::size_t rows) {
  const auto memory = static_cast<std::size_t>(std::ceil(2 / options.smoothing));
  return options.lags + (options.smoothing < 1 ? std::min(memory, rows / 4) : 0);
}

core::Result<std::size_t> components_by_cross_validation(const Matrix& rows) {
  const std::size_t width = rows.columns();
  std::vector<double> errors(width);  // by components - 1
  for (std::size_t fold = 0; fold < kFolds; ++fold) {
    const std::size_t begin = rows.rows() * fold / kFolds;
    const std::size_t end = rows.rows() * (fold + 1) / kFolds;
    Moments moments(width);
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      if (i < begin || i >= end) moments.add(rows.row(i));
    }
    if (moments.count() < 2) return unexpected(ErrorCode::kInvalid, "cross-validation needs more training rows");
    const auto pairs = eigen_pairs(moments.covariance());
    if (!pairs) return unexpected(pairs.error());
    for (std::size_t i = begin; i < end; ++i) {
      std::vector<double> residual(width);  // what the components so far leave of the row
      std::vector<double> own(width, 1.0);  // diagonal of the residual projection
      for (std::size_t j = 0; j < width; ++j) residual[j] = rows(i, j) - moments.mean()[j];
      for (std::size_t k = 0; k + 1 < width; ++k) {
        const auto p = pairs->vectors.row(k);
        double t = 0;
        for (std::size_t j = 0; j < width; ++j) t += p[j] * (rows(i, j) - moments.mean()[j]);
        for (std::size_t j = 0; j < width; ++j) {
          residual[j] -= t * p[j];
          own[j] -= p[j] * p[j];
          // A sensor that the components hold wholly cannot be told from the others.
          errors[k] += own[j] > 1e-9 ? std::pow(residual[j] / own[j], 2) : std::numeric_limits<double>::infinity();
        }
      }
    }
  }
  if (width < 2) return 1;
  const auto best = std::min_element(errors.begin(), errors.end() - 1);
  return static_cast<std::size_t>(best - errors.begin()) + 1;
}

core::Result<Model> Model::fit(const ModelOptions& options, std::span<const std::string> sensors, const Matrix& rows,
                               double false_alarms) {
  Lesson lesson{options, sensors, false_alarms};
  const std::size_t settling = settling_rows(options, rows.rows());
  if (rows.rows() < settling + 10) {
    return unexpected(ErrorCode::kInvalid,
                      fmt::format("{} training rows; this model needs at least {}", rows.rows(), settling + 10));
  }
  auto deviations = Deviations::learn(options, sensors, rows);
  if (!deviations) return unexpected(deviations.error());
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    const auto x = deviations->take(rows.row(i));
    if (i >= settling) lesson.rows.append(x);
  }
  std::size_t components = 0;
  auto statistics = [&]() -> Result<std::vector<ModelStatistic>> {
    switch (options.kind) {
      case ModelKind::kPca:
        return fit_pca(lesson, components);
      case ModelKind::kCovariance:
        return fit_covariance(lesson);
      case ModelKind::kCva:
        return fit_cva(lesson, components);
      case ModelKind::kLargest:
        break;
    }
    return fit_largest(lesson);
  }();
  if (!statistics) return unexpected(statistics.error());
  deviations->start();
  return Model{std::move(*deviations), std::move(*statistics), components};
}

namespace {

core::Status refuse_without_rows(const ModelOptions& options, std::span<const std::string> sensors,
                                 const Moments& gathered) {
  const auto refused = [](const char* why) { return unexpected(ErrorCode::kInvalid, why); };
  if (options.kind != ModelKind::kPca && options.kind != ModelKind::kCovariance) {
    return refused("without rows, only pca and covariance can be learnt");
  }
  if (options.smoothing < 1 || options.drift.ratio > 0 || !options.drift.columns.empty()) {
    return refused("without rows, neither smoothing nor drift can be learnt");
  }
  if (options.centre != Centre::kMean || options.spread != Spread::kDeviation) {
    return refused("without rows, the centre is the mean and the spread the standard deviation");
  }
  if (options.kind == ModelKind::kPca && options.components == 0 && options.explained <= 0) {
    return refused("cross-validation needs rows; say how many components, or what they explain");
  }
  const std::size_t width = sensors.size() * (options.lags + 1);
  if (gathered.mean().size() < width) return refused("fewer lags were gathered than the model has");
  if (gathered.count() < width + 2) {
    return unexpected(ErrorCode::kInvalid, fmt::format("{} rows were gathered; {} sensors at {} rows each need {}",
                                                       gathered.count(), sensors.size(), options.lags + 1, width + 2));
  }
  return {};
}

// The moments of deviations, from those of raw rows.
Moments in_spreads(const Moments& raw, const Deviations::Learnt& learnt) {
  const std::size_t width = raw.mean().size();
  const std::size_t sensors = learnt.spread.size();
  std::vector<double> mean(width);
  Matrix products(width, width);
  for (std::size_t i = 0; i < width; ++i) {
    mean[i] = (raw.mean()[i] - learnt.centre[i % sensors]) / learnt.spread[i % sensors];
    for (std::size_t j = 0; j <= i; ++j) {
      products(i, j) = raw.products()(i, j) / (learnt.spread[i % sensors] * learnt.spread[j % sensors]);
    }
  }
  return {raw.count(), std::move(mean), std::move(products)};
}

}  // namespace

core::Result<Model> Model::fit(const ModelOptions& options, std::span<const std::string> sensors,
                               const Moments& gathered, double false_alarms) {
  if (auto fit = refuse_without_rows(options, sensors, gathered); !fit) return unexpected(fit.error());
  Deviations::Learnt learnt{.centre = {}, .spread = {}, .follow = {}, .smoothing = 1, .lags = options.lags};
  for (std::size_t j = 0; j < sensors.size(); ++j) {
    const double centre = gathered.mean()[j];
    const double spread = std::sqrt(gathered.products()(j, j) / static_cast<double>(gathered.count() - 1));
    if (!(spread > 1e-12 * std::abs(centre))) {
      return unexpected(ErrorCode::kInvalid,
                        fmt::format("'{}' is {} in all {} gathered rows: what never varies has no spread to judge by; "
                                    "leave the sensor out",
                                    sensors[j], centre, gathered.count()));
    }
    learnt.centre.push_back(centre);
    learnt.spread.push_back(spread);
    learnt.follow.push_back(0);
  }
  Lesson lesson{options, sensors, false_alarms};
  lesson.gathered = in_spreads(gathered.first(lesson.width()), learnt);
  std::size_t components = 0;
  auto statistics = options.kind == ModelKind::kPca ? fit_pca(lesson, components) : fit_covariance(lesson);
  if (!statistics) return unexpected(statistics.error());
  return Model{Deviations(std::move(learnt)), std::move(*statistics), components};
}

}  // namespace millwright::detection
