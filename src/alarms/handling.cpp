#include "alarms/handling.hpp"

#include <array>

#include "core/text.hpp"

namespace millwright::alarms {
namespace {

constexpr std::array<std::string_view, 4> kPriorities{"low", "medium", "high", "critical"};
constexpr core::DurationNs kDelayMax = 24 * core::kHour;

AlarmRule read_rule(config::Section& section) {
  AlarmRule rule;
  rule.match = section.text("match");
  if (section.has("priority")) rule.priority = static_cast<Priority>(section.choice("priority", kPriorities, 1));
  if (section.has("on_delay")) rule.on_delay = section.duration("on_delay", {.fallback = 0, .high = kDelayMax});
  if (section.has("off_delay")) rule.off_delay = section.duration("off_delay", {.fallback = 0, .high = kDelayMax});
  if (section.has("latching")) rule.latching = section.boolean("latching", false);
  if (section.has("first_out_group")) rule.group = section.text("first_out_group");
  section.finish();
  return rule;
}

StateRule read_state_rule(config::Section& section) {
  StateRule rule;
  rule.machines = section.text("machines", {.fallback = rule.machines});
  rule.match = section.text("match", {.fallback = rule.match});
  for (const std::string& state : section.texts("states")) rule.states.push_back(core::lower(state));
  if (rule.states.empty()) section.problem("states", "say in which states, such as [idle, down]");
  section.finish();
  return rule;
}

}  // namespace

AlarmOptions read_options(config::Section section) {
  AlarmOptions options;
  for (config::Section& row : section.sections("rules")) options.rules.push_back(read_rule(row));
  for (config::Section& row : section.sections("suppress_by_state")) {
    options.suppress_by_state.push_back(read_state_rule(row));
  }
  options.shelve_max = section.duration("shelve_max", {.fallback = options.shelve_max, .low = core::kMinute});
  options.consequence_window =
      section.duration("consequence_window", {.fallback = options.consequence_window, .high = core::kHour});
  options.retention.age = section.duration("retention", {.fallback = options.retention.age, .low = 24 * core::kHour});
  options.retention.bytes = section.bytes("retention_bytes", {.fallback = options.retention.bytes, .low = 64 << 20});
  section.finish();
  return options;
}

Handling handling_of(const AlarmOptions& options, std::string_view condition) {
  Handling handling;
  for (const AlarmRule& rule : options.rules) {
    if (!core::glob_match(rule.match, condition)) continue;
    if (rule.priority) handling.priority = rule.priority;
    handling.on_delay = rule.on_delay.value_or(handling.on_delay);
    handling.off_delay = rule.off_delay.value_or(handling.off_delay);
    handling.latching = rule.latching.value_or(handling.latching);
    handling.group = rule.group.value_or(handling.group);
  }
  return handling;
}

}  // namespace millwright::alarms
