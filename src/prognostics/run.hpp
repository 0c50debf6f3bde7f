// Run: a unit's life so far, cycle by cycle: how it was operated and what was measured.
//
// Threads: a value. Shapes: a row of settings and of readings for each cycle, in order; NaN where a reading is missing.
// Units: the caller's; a cycle is what life is counted in (flights, hours, strokes).
#pragma once

#include <string>
#include <vector>

#include "detection/matrix.hpp"

namespace millwright::prognostics {

struct Run {
  std::string unit;
  std::vector<double> cycles;
  detection::Matrix settings;  // no columns where operation is always the same
  detection::Matrix sensors;
};

// The columns of a table that holds runs.
struct RunColumns {
  std::string unit;
  std::string cycle;
  std::vector<std::string> settings;
  std::vector<std::string> sensors;
};

}  // namespace millwright::prognostics
