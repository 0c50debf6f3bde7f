#include "engine/detection_options.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/text.hpp"

namespace millwright::engine {
namespace {

using detection::ChartKind;

constexpr std::array<std::string_view, 4> kPriorities{"low", "medium", "high", "critical"};
constexpr core::DurationNs kTrainingMax = 30 * 24 * core::kHour;

alarms::Priority read_priority(config::Section& section, alarms::Priority base) {
  return static_cast<alarms::Priority>(section.choice("priority", kPriorities, static_cast<std::size_t>(base)));
}

// `chart: ewma`, or `charts: [xbar-r, ewma]`.
std::vector<ChartKind> read_charts(config::Section& section, const std::vector<ChartKind>& base) {
  const bool one = section.has("chart");
  const bool several = section.has("charts");
  if (one && several) section.problem("chart", "say either chart or charts");
  if (one) return {static_cast<ChartKind>(section.choice("chart", detection::kChartNames, 0))};
  std::vector<ChartKind> charts;
  for (const std::string& name : section.texts("charts")) {
    const auto kind = detection::chart_kind(name);
    if (!kind) {
      section.problem("charts", fmt::format("'{}' is no chart{}; there are {}", name,
                                            core::did_you_mean(name, detection::kChartNames),
                                            fmt::join(detection::kChartNames, ", ")));
      continue;
    }
    if (std::find(charts.begin(), charts.end(), *kind) == charts.end()) charts.push_back(*kind);
  }
  if (several && charts.empty()) section.problem("charts", "name at least one; enabled: false charts nothing");
  return several ? charts : base;
}

detection::RuleSet read_rules(config::Section& section, detection::RuleSet base) {
  if (!section.has("rules")) return base;
  detection::RuleSet rules = 0;
  for (const std::string& name : section.texts("rules")) {
    if (const auto rule = detection::rule_of(name)) {
      rules |= *rule;
    } else {
      section.problem(
          "rules", fmt::format("'{}' is no rule{}; there are {}", name, core::did_you_mean(name, detection::kRuleNames),
                               fmt::join(detection::kRuleNames, ", ")));
    }
  }
  return rules;
}

std::optional<detection::Specification> read_specification(config::Section& section,
                                                           std::optional<detection::Specification> base) {
  if (!section.has("specification")) return base;
  const auto limits = section.numbers("specification");
  if (limits.size() == 2 && limits[0] < limits[1]) return detection::Specification{limits[0], limits[1]};
  section.problem("specification", "write the lower and the upper limit: [49.5, 50.5]");
  return base;
}

bool has_memory(ChartKind kind) {
  return kind == ChartKind::kEwma || kind == ChartKind::kCusum;
}

// What no one key can say.
void check_together(config::Section& section, const SpcRule& rule) {
  const bool grouped = std::any_of(rule.charts.begin(), rule.charts.end(), [](ChartKind kind) {
    return kind == ChartKind::kXbarR || kind == ChartKind::kXbarS;
  });
  if (rule.subgroup_size == 1 && grouped) {
    section.problem("subgroup_size",
                    "a range needs at least 2 readings; 0 lets the sensor's rate decide, and chart i-mr takes single "
                    "readings");
  }
  if (rule.rules != 0 && std::any_of(rule.charts.begin(), rule.charts.end(), has_memory)) {
    section.problem("rules", "run rules suppose points that do not remember each other; ewma and cusum do");
  }
  if (rule.raise_count > rule.raise_window) {
    section.problem("raise_count", fmt::format("is more than raise_window, which is {}", rule.raise_window));
  }
}

SpcRule read_spc(config::Section section, const SpcRule& base) {
  SpcRule rule = base;
  const auto count = [&](const char* key, std::uint32_t fallback, std::int64_t low, std::int64_t high) {
    return static_cast<std::uint32_t>(section.integer(key, {.fallback = fallback, .low = low, .high = high}));
  };
  rule.enabled = section.boolean("enabled", base.enabled);
  rule.charts = read_charts(section, base.charts);
  rule.subgroup_size = count("subgroup_size", base.subgroup_size, 0, 1000);
  rule.training = section.duration("training", {.fallback = base.training, .low = core::kSecond, .high = kTrainingMax});
  rule.sigmas = section.number("sigmas", {.fallback = base.sigmas, .low = 1, .high = 20});
  rule.priority = read_priority(section, base.priority);
  rule.rules = read_rules(section, base.rules);
  rule.raise_count = count("raise_count", base.raise_count, 1, 32);
  rule.raise_window = count("raise_window", base.raise_window, 1, 32);
  rule.lambda = section.number("lambda", {.fallback = base.lambda, .low = 0.001, .high = 1});
  rule.slack = section.number("cusum_k", {.fallback = base.slack, .low = 0, .high = 10});
  rule.decision = section.number("cusum_h", {.fallback = base.decision, .low = 0.5, .high = 100});
  if (section.has("states")) {
    rule.states = section.texts("states");
    if (rule.states.empty()) section.problem("states", "name at least one; enabled: false charts nothing");
  }
  rule.specification = read_specification(section, base.specification);
  check_together(section, rule);
  return rule;
}

HealthRule read_health(config::Section section, const HealthRule& base) {
  HealthRule rule = base;
  const auto number = [&](const char* key, double fallback, double high) {
    return section.number(key, {.fallback = fallback, .low = 0, .high = high});
  };
  rule.enabled = section.boolean("enabled", base.enabled);
  rule.priority = read_priority(section, base.priority);
  detection::HealthOptions& values = rule.values;
  values.training =
      section.duration("training", {.fallback = values.training, .low = core::kSecond, .high = kTrainingMax});
  values.stuck_times = number("stuck_times", values.stuck_times, 1000);
  values.spike_sigmas = number("spike_sigmas", values.spike_sigmas, 1000);
  values.rate_limit = number("rate_limit", values.rate_limit, 1e300);
  values.noise_times = number("noise_times", values.noise_times, 1000);
  rule.range = section.boolean("range", base.range);
  rule.range_after = section.duration("range_after", {.fallback = base.range_after, .high = core::kHour});
  rule.range_margin = number("range_margin", base.range_margin, 10);
  rule.gap_times = number("gap_times", base.gap_times, 1e6);
  rule.gap_min = section.duration("gap_min", {.fallback = base.gap_min, .low = core::kSecond, .high = core::kHour});
  rule.redundant_with = section.text("redundant_with", {.fallback = base.redundant_with});
  rule.tolerance = number("tolerance", base.tolerance, 1e300);
  if (!rule.redundant_with.empty() && rule.tolerance <= 0) {
    section.problem("tolerance", "is missing: how far the two sensors may be apart, in their unit");
  }
  return rule;
}

// The section's own keys are the first rule; those of `sensors` change it.
template <typename Rule, typename Read>
std::vector<Rule> read_rules_of(config::Section section, Read read) {
  std::vector<Rule> rules = {read(section, Rule{})};
  for (config::Section& row : section.sections("sensors")) {
    Rule rule = read(row, rules.front());
    rule.match = row.text("match");
    rules.push_back(std::move(rule));
    row.finish();
  }
  section.finish();
  return rules;
}

}  // namespace

DetectionOptions read_detection(config::Section section) {
  DetectionOptions options;
  options.settle = section.duration("settle", {.fallback = options.settle, .high = core::kHour});
  options.rules = read_rules_of<SpcRule>(section.section("spc"), read_spc);
  options.health = read_rules_of<HealthRule>(section.section("health"), read_health);
  section.finish();
  return options;
}

template <typename Rule>
const Rule* rule_for(const std::vector<Rule>& rules, const asset::Sensor& sensor) {
  const auto rule =
      std::find_if(rules.rbegin(), rules.rend(), [&](const Rule& r) { return core::glob_match(r.match, sensor.path); });
  return rule != rules.rend() && rule->enabled ? &*rule : nullptr;
}
template const SpcRule* rule_for(const std::vector<SpcRule>&, const asset::Sensor&);
template const HealthRule* rule_for(const std::vector<HealthRule>&, const asset::Sensor&);

}  // namespace millwright::engine
