// The plant file's `detection` section: rules of control charts and of sensor health, by sensor.
//
// Threads: values. Units: durations in ns.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "alarms/alarm.hpp"
#include "asset/model.hpp"
#include "config/document.hpp"
#include "detection/capability.hpp"
#include "detection/control_chart.hpp"
#include "detection/sensor_health.hpp"

namespace millwright::engine {

inline constexpr const char* kRunningName = "running";  // the state that stands for all of a machine that tells none

// A rule of `detection.spc`: what the sensors whose path it matches get instead of the defaults.
struct SpcRule {
  std::string match = "**";  // glob over the sensor's path
  bool enabled = true;
  std::uint32_t subgroup_size = 0;  // 0: half a second of readings, 2 to 50
  core::DurationNs training = 20 * core::kSecond;
  double sigmas = 3;
  alarms::Priority priority = alarms::Priority::kMedium;
  std::vector<detection::ChartKind> charts = {detection::ChartKind::kXbarR};
  detection::RuleSet rules = 0;  // 0: raise_count of the last raise_window points outside
  std::uint32_t raise_count = 3;
  std::uint32_t raise_window = 5;
  double lambda = 0.2;
  double slack = 0.5;
  double decision = 5;
  std::vector<std::string> states = {kRunningName};         // each with limits of its own
  std::optional<detection::Specification> specification{};  // without: the sensor's range
};

// A rule of `detection.health`.
struct HealthRule {
  std::string match = "**";
  bool enabled = true;
  alarms::Priority priority = alarms::Priority::kLow;
  detection::HealthOptions values{};
  bool range = true;
  core::DurationNs range_after = 5 * core::kSecond;
  double range_margin = 0.02;  // of the range's width, beyond which outside counts
  double gap_times = 10;       // periods of the sensor's rate without a reading; 0: not checked
  core::DurationNs gap_min = 10 * core::kSecond;
  std::string redundant_with{};  // another sensor of the machine; "": none
  double tolerance = 0;
};

struct DetectionOptions {
  std::vector<SpcRule> rules;  // the last that matches a sensor wins; the first matches all
  core::DurationNs settle = 10 * core::kSecond;
  std::vector<HealthRule> health = {HealthRule{}};
};
DetectionOptions read_detection(config::Section section);

// The last rule that matches the sensor; nullptr where that one, or none, is enabled.
template <typename Rule>
const Rule* rule_for(const std::vector<Rule>& rules, const asset::Sensor& sensor);

}  // namespace millwright::engine
