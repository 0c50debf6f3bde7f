#include "forwarding/reading_rules.hpp"

#include <cmath>
#include <numeric>

#include "core/text.hpp"

namespace millwright::forwarding {

SensorRule rule_of(const std::vector<SensorRule>& rules, std::string_view path) {
  for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule) {
    if (core::glob_match(rule->match, path)) return *rule;
  }
  return {};
}

std::vector<SensorRule> read_sensor_rules(config::Section& section) {
  std::vector<SensorRule> rules;
  for (config::Section& row : section.sections("sensors")) {
    SensorRule rule;
    rule.match = row.text("match");
    rule.send = row.boolean("send", true);
    if (row.has("deadband")) rule.deadband = row.number("deadband", {.fallback = 0, .low = 0});
    rule.silence_max = row.duration(
        "silence_max", {.fallback = rule.silence_max, .low = core::kSecond, .high = 365 * 24 * core::kHour});
    row.finish();
    rules.push_back(std::move(rule));
  }
  return rules;
}

void ReadingFilter::pick(const SensorRule& rule, const historian::DecodedBlock& block,
                         std::vector<std::uint32_t>& picked) {
  if (!rule.deadband) {
    picked.resize(block.count);
    std::iota(picked.begin(), picked.end(), 0U);
    return;
  }
  const bool real = core::is_real(block.type) || block.type == core::ValueType::kInt64;
  std::uint32_t i = 0;
  for (const core::QualityRun& run : block.quality) {
    for (const std::uint32_t end = i + run.count; i < end; ++i) {
      const std::uint64_t bits = block.bits(i);
      const core::TimeNs time = block.time(i);
      const bool silent = known_ && time >= time_ && time - time_ < rule.silence_max;
      if (silent && run.quality == quality_) {
        if (bits == bits_) continue;
        const double difference = core::as_double(block.type, bits) - core::as_double(block.type, bits_);
        if (real && std::abs(difference) <= *rule.deadband) continue;
      }
      picked.push_back(i);
      known_ = true;
      time_ = time;
      bits_ = bits;
      quality_ = run.quality;
    }
  }
}

}  // namespace millwright::forwarding
