#include "detection/learnt_detector.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include <fmt/format.h>

namespace millwright::detection {
namespace {

constexpr std::size_t kLagsMax = 1000;
constexpr std::size_t kRowsMax = 10'000;  // of the alarm's memory

core::Unexpected wrong(std::string message) {
  return core::unexpected(core::ErrorCode::kInvalid, std::move(message));
}

bool all_finite(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}
bool is_share(double value) {
  return value > 0 && value <= 1;
}

core::Status check_deviations(const Deviations::Learnt& learnt, std::size_t sensors) {
  for (const auto* values : {&learnt.centre, &learnt.spread, &learnt.follow}) {
    if (values->size() != sensors || !all_finite(*values)) {
      return wrong(fmt::format("centre, spread and follow need a finite number for each of {} sensors", sensors));
    }
  }
  for (std::size_t j = 0; j < sensors; ++j) {
    if (!(learnt.spread[j] > 0)) return wrong("a spread must be above 0");
    if (learnt.follow[j] < 0 || learnt.follow[j] > 1) return wrong("follow must be from 0 to 1");
  }
  if (!is_share(learnt.smoothing)) return wrong("smoothing must be above 0, at most 1");
  if (learnt.lags > kLagsMax) return wrong(fmt::format("lags must be at most {}", kLagsMax));
  return {};
}

core::Status check_statistic(const LearntStatistic& one, std::size_t columns) {
  const std::string name = to_string(one.kind);
  if (one.form.rows() == 0 || one.form.columns() != columns) {
    return wrong(fmt::format("the form of '{}' needs rows of {} numbers", name, columns));
  }
  for (std::size_t i = 0; i < one.form.rows(); ++i) {
    if (!all_finite(one.form.row(i))) return wrong(fmt::format("the form of '{}' is not finite", name));
  }
  if (!std::isfinite(one.limit) || !(one.limit > 0))
    return wrong(fmt::format("the limit of '{}' must be above 0", name));
  if (!is_share(one.smoothing)) return wrong(fmt::format("the smoothing of '{}' must be above 0, at most 1", name));
  if (!std::isfinite(one.usual)) return wrong(fmt::format("the usual value of '{}' is not finite", name));
  return {};
}

}  // namespace

core::Status check(const LearntDetector& learnt) {
  if (learnt.sensors.empty() || learnt.models.empty()) return wrong("a detector needs a sensor and a model");
  for (const LearntModel& model : learnt.models) {
    if (auto status = check_deviations(model.deviations, learnt.sensors.size()); !status) return status;
    if (model.statistics.empty()) return wrong("a model needs a statistic");
    for (const LearntStatistic& one : model.statistics) {
      const std::size_t columns = learnt.sensors.size() * (model.deviations.lags + 1);
      if (auto status = check_statistic(one, columns); !status) return status;
    }
  }
  const AlarmOptions& alarm = learnt.alarm;
  if (alarm.raise == 0 || alarm.raise > alarm.of || alarm.of > kRowsMax || alarm.hold > kRowsMax) {
    return wrong(fmt::format("alarm: 1 <= raise <= of, and of and hold at most {}", kRowsMax));
  }
  return {};
}

}  // namespace millwright::detection
