#include "twin/health.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace millwright::twin {
namespace {

// Low, medium, high, critical: an active one.
constexpr std::array<double, 4> kAlarmCosts{0.05, 0.15, 0.30, 0.60};
constexpr std::array<double, 4> kZoneCosts{0, 0, 0.30, 0.65};
constexpr double kEnvelopeLeast = 0.10;
constexpr double kEnvelopeMost = 0.50;
constexpr double kModelMost = 0.50;
constexpr double kModelFull = 4;  // times the limit that cost all of kModelMost
constexpr double kLifeMost = 0.70;
constexpr double kWorstShare = 0.8;

}  // namespace

std::string_view to_string(Evidence kind) {
  static constexpr std::array<std::string_view, 5> kNames{"alarm", "envelope", "vibration-zone", "model-score",
                                                          "remaining-life"};
  return kNames[static_cast<std::size_t>(kind)];
}

double alarm_cost(alarms::Priority priority, core::DurationNs cleared_ago, core::DurationNs half_life) {
  const double full = kAlarmCosts[static_cast<std::size_t>(priority)];
  if (cleared_ago <= 0) return full;
  const double cost = full * std::exp2(-static_cast<double>(cleared_ago) / static_cast<double>(half_life));
  return cost < kCostLeast ? 0 : cost;
}

double envelope_cost(double outside) {
  if (!(outside > 0)) return 0;
  return kEnvelopeLeast + (kEnvelopeMost - kEnvelopeLeast) * std::min(1.0, outside);
}

double zone_cost(int zone) {
  return zone < 0 || zone >= static_cast<int>(kZoneCosts.size()) ? 0 : kZoneCosts[static_cast<std::size_t>(zone)];
}

double model_cost(double score) {
  if (!(score > 1)) return 0;
  return kModelMost * std::min(1.0, (score - 1) / (kModelFull - 1));
}

double life_cost(double probability) {
  return kLifeMost * std::clamp(probability, 0.0, 1.0);
}

Health judge(std::vector<Reason> reasons, double confidence) {
  std::stable_sort(reasons.begin(), reasons.end(), [](const Reason& a, const Reason& b) { return a.cost > b.cost; });
  Health out{.value = 100, .confidence = confidence, .reasons = {}};
  for (Reason& reason : reasons) {
    const auto same = [&](const Reason& one) {
      return one.kind == reason.kind && one.sensor == reason.sensor && !reason.sensor.empty();
    };
    if (!(reason.cost > 0) || std::any_of(out.reasons.begin(), out.reasons.end(), same)) continue;
    out.value *= 1 - reason.cost;
    out.reasons.push_back(std::move(reason));
  }
  return out;
}

double roll_up(std::span<const double> parts) {
  if (parts.empty()) return 100;
  const double worst = *std::min_element(parts.begin(), parts.end());
  const double mean = std::accumulate(parts.begin(), parts.end(), 0.0) / static_cast<double>(parts.size());
  return kWorstShare * worst + (1 - kWorstShare) * mean;
}

}  // namespace millwright::twin
