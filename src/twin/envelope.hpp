// Envelope: where each sensor's values normally are, also for single states of its machine, and how far out one is.
//
// Rules of the plant file count in order, the last that matches a sensor and gives a range counts; without one the
// sensor's own range does. Threads: a const Envelopes from any. Units: the sensor's.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "asset/model.hpp"
#include "config/document.hpp"

namespace millwright::twin {

struct EnvelopeRule {
  std::string match;  // glob over sensor paths
  std::optional<asset::Range> normal;
  std::map<std::string, asset::Range> states = {};  // by the machine's state, such as "running"
};
// A row of `twin.envelopes`.
EnvelopeRule read_envelope_rule(config::Section section);

// What holds for one sensor.
struct Envelope {
  std::optional<asset::Range> normal;
  std::map<std::string, asset::Range> states;

  [[nodiscard]] bool empty() const { return !normal && states.empty(); }
  // nullptr: nothing is said of that state.
  [[nodiscard]] const asset::Range* in(std::string_view state) const;
};

Envelope envelope_of(const asset::Sensor& sensor, const std::vector<EnvelopeRule>& rules);
// In widths of the range; 0 within it.
double outside(const asset::Range& range, double value);

}  // namespace millwright::twin
