// Health: how well a component is, 100 (as new) to 0 (useless), and why: every piece of evidence takes a share of what
// is left. The formula and its figures: docs/twin.md.
//
// Threads: pure functions over values. Units: costs are shares, 0 to 1; times ns UTC.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "alarms/alarm.hpp"
#include "core/time.hpp"

namespace millwright::twin {

enum class Evidence : std::uint8_t { kAlarm, kEnvelope, kVibrationZone, kModelScore, kRemainingLife };
std::string_view to_string(Evidence kind);

// What lowers health, for a person: "high alarm on motor/temperature since 08:15".
struct Reason {
  Evidence kind = Evidence::kAlarm;
  double cost = 0;          // of what is left
  std::string sensor = {};  // "motor/temperature"; "": none in particular
  std::string text = {};
  core::TimeNs since = 0;  // 0: not known
};

struct Health {
  double value = 100;
  double confidence = 1;             // share of the component's sensors whose readings can be believed
  std::vector<Reason> reasons = {};  // the costliest first
};

// An alarm that is over counts half as much after each half-life, and not at all below kCostLeast.
inline constexpr double kCostLeast = 0.005;
double alarm_cost(alarms::Priority priority, core::DurationNs cleared_ago, core::DurationNs half_life);
// `outside`: how far out of its normal range, in widths of that range.
double envelope_cost(double outside);
double zone_cost(int zone);            // 0 (A) to 3 (D), of ISO 20816
double model_cost(double score);       // 1 is the model's limit
double life_cost(double probability);  // of failing within kLifeCostDays, by a model of remaining life
inline constexpr double kLifeCostDays = 30;

// 100 times what every reason leaves. Of several of one kind about one sensor the costliest alone counts.
Health judge(std::vector<Reason> reasons, double confidence);

// Of parts, as one: four fifths the worst and one fifth the mean, so that one bad part shows at the top. 100 of none.
double roll_up(std::span<const double> parts);

}  // namespace millwright::twin
