#include "twin/options.hpp"

#include <array>

namespace millwright::twin {
namespace {

constexpr std::array<std::string_view, 4> kPriorities{"low", "medium", "high", "critical"};
constexpr double kDay = 24.0 * static_cast<double>(core::kHour);

}  // namespace

Options read_options(config::Section section, const std::string& directory) {
  Options options;
  options.differs_after =
      section.duration("differs_after", {.fallback = options.differs_after, .high = 30 * 24 * core::kHour});
  options.differs_priority = static_cast<alarms::Priority>(section.choice("differs_priority", kPriorities, 0));
  options.health_period = section.duration(
      "health_period", {.fallback = options.health_period, .low = 100 * core::kMillisecond, .high = core::kMinute});
  options.life_period = section.duration(
      "life_period", {.fallback = options.life_period, .low = core::kSecond, .high = 24 * core::kHour});
  options.alarm_half_life = section.duration(
      "alarm_half_life", {.fallback = options.alarm_half_life, .low = core::kSecond, .high = 30 * 24 * core::kHour});
  options.life.mean_days =
      static_cast<double>(section.duration("mean_life", {.fallback = 1095 * 24 * core::kHour, .low = core::kHour})) /
      kDay;
  options.life.threshold_health =
      section.number("threshold_health", {.fallback = options.life.threshold_health, .low = 0, .high = 90});
  for (config::Section& row : section.sections("envelopes")) options.envelopes.push_back(read_envelope_rule(row));
  for (config::Section& row : section.sections("life_models")) {
    options.life_models.push_back(read_life_model_rule(row, directory));
  }
  section.finish();
  return options;
}

}  // namespace millwright::twin
