// How alarms are handled: rules of the plant's `alarms` section, by condition.
//
// Threads: values. Units: durations in ns.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alarms/alarm.hpp"
#include "alarms/trim.hpp"
#include "config/document.hpp"

namespace millwright::alarms {

// What a rule says, and nothing of what it leaves open.
struct AlarmRule {
  std::string match = "**";  // glob over conditions
  std::optional<Priority> priority{};
  std::optional<core::DurationNs> on_delay{};   // in alarm for so long before it is raised
  std::optional<core::DurationNs> off_delay{};  // normal for so long before it returns
  std::optional<bool> latching{};
  std::optional<std::string> group{};  // of first-out
};

// Alarms of a machine are suppressed by design while its own `state` is one of these.
struct StateRule {
  std::string machines = "**";        // glob over the machines' paths
  std::string match = "**";           // glob over what follows the machine's path in a condition: "motor/**"
  std::vector<std::string> states{};  // names, in lower case
};

struct AlarmOptions {
  std::vector<AlarmRule> rules{};  // of each key the last rule that matches and says it counts
  std::vector<StateRule> suppress_by_state{};
  core::DurationNs shelve_max = 24 * core::kHour;
  // An alarm of a machine so soon after another that is still active is its consequence.
  core::DurationNs consequence_window = core::kMinute;
  Retention retention{};  // of the journal
};
// Reads the `alarms` section.
AlarmOptions read_options(config::Section section);

struct Handling {
  std::optional<Priority> priority;  // instead of the detector's
  core::DurationNs on_delay = 0;
  core::DurationNs off_delay = 0;
  bool latching = false;
  std::string group;  // "": none
};
Handling handling_of(const AlarmOptions& options, std::string_view condition);

}  // namespace millwright::alarms
