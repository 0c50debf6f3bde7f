#include "twin/envelope.hpp"

#include <cmath>

#include "core/text.hpp"

namespace millwright::twin {
namespace {

std::optional<asset::Range> read_range(config::Section& section, std::string_view key) {
  if (!section.has(key)) return std::nullopt;
  const std::vector<double> ends = section.numbers(key);
  if (ends.size() == 2 && ends[0] < ends[1]) return asset::Range{ends[0], ends[1]};
  section.problem(key, "a range is two numbers, the lower one first, such as [10, 60]");
  return std::nullopt;
}

}  // namespace

EnvelopeRule read_envelope_rule(config::Section section) {
  EnvelopeRule rule;
  rule.match = section.text("match");
  rule.normal = read_range(section, "normal");
  config::Section states = section.section("states");
  for (const std::string& name : states.keys()) {
    if (const auto range = read_range(states, name)) rule.states[core::lower(name)] = *range;
  }
  states.finish();
  if (!rule.normal && rule.states.empty()) section.problem("normal", "say what is normal, such as normal: [10, 60]");
  section.finish();
  return rule;
}

const asset::Range* Envelope::in(std::string_view state) const {
  const auto at = states.find(core::lower(state));
  if (at != states.end()) return &at->second;
  return normal ? &*normal : nullptr;
}

Envelope envelope_of(const asset::Sensor& sensor, const std::vector<EnvelopeRule>& rules) {
  Envelope out{.normal = sensor.range, .states = {}};
  for (const EnvelopeRule& rule : rules) {
    if (!core::glob_match(rule.match, sensor.path)) continue;
    if (rule.normal) out.normal = rule.normal;
    if (!rule.states.empty()) out.states = rule.states;
  }
  return out;
}

double outside(const asset::Range& range, double value) {
  const double out = std::max(range.low - value, value - range.high);
  if (!(out > 0)) return 0;
  const double width = range.high - range.low;
  return width > 0 ? out / width : 1;
}

}  // namespace millwright::twin
