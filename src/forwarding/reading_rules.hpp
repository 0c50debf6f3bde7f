// Which readings an output sends: sensors by globs over their paths, and of a sensor only what differs enough from what
// was sent before (dead-band, report by exception). It says nothing of what the history keeps, which is everything.
//
// Threads: values, one owner. Units: the sensor's.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/document.hpp"
#include "historian/codec.hpp"

namespace millwright::forwarding {

struct SensorRule {
  std::string match;
  bool send = true;
  // A reading goes out where it differs from the last that did by more than this (0: at all), or in quality; nothing:
  // all of them do.
  std::optional<double> deadband;
  core::DurationNs silence_max = core::kMinute;  // then one goes out though it does not differ
};

// The last rule that matches counts; where none does, every reading goes.
SensorRule rule_of(const std::vector<SensorRule>& rules, std::string_view path);
// Reads the list `sensors`.
std::vector<SensorRule> read_sensor_rules(config::Section& section);

class ReadingFilter {
 public:
  // Adds to `picked` the readings of a block that go out.
  void pick(const SensorRule& rule, const historian::DecodedBlock& block, std::vector<std::uint32_t>& picked);

 private:
  bool known_ = false;
  core::TimeNs time_ = 0;
  std::uint64_t bits_ = 0;
  core::Quality quality_;
};

}  // namespace millwright::forwarding
