// Life features: what a unit's cycles so far say of its wear: how old it is, each sensor's deviation smoothed over
// several memories, and its slope over several windows. A row looks at no later cycle.
//
// Threads: pure. Shapes: a row for each cycle; 1 + sensors · (memories + windows) columns. Units: cycles; the
// deviations'; slopes a cycle.
#pragma once

#include <span>
#include <vector>

#include "detection/matrix.hpp"

namespace millwright::prognostics {

detection::Matrix life_features(std::span<const double> cycles, const detection::Matrix& deviations);

}  // namespace millwright::prognostics
