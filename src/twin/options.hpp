// Options of the twin: the `twin` section of the plant's file, all but its `mirror` (mirror.hpp). docs/configuration.md
// explains every key.
#pragma once

#include <string>
#include <vector>

#include "alarms/alarm.hpp"
#include "config/document.hpp"
#include "core/time.hpp"
#include "twin/envelope.hpp"
#include "twin/life.hpp"
#include "twin/life_models.hpp"

namespace millwright::twin {

struct Options {
  core::DurationNs differs_after = core::kMinute;  // a desired value that is not met is an alarm then
  alarms::Priority differs_priority = alarms::Priority::kLow;
  core::DurationNs health_period = core::kSecond;
  core::DurationNs life_period = 5 * core::kMinute;
  core::DurationNs alarm_half_life = core::kHour;
  LifeRule life;
  std::vector<EnvelopeRule> envelopes;
  std::vector<LifeModelRule> life_models;
};
// Files are meant from `directory`. Whoever reads `mirror` does so before.
Options read_options(config::Section section, const std::string& directory);

}  // namespace millwright::twin
