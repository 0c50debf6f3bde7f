// Charts: as many points as a screen has pixels, that look like all the readings do.
//
// Either minimum, maximum and mean of each interval (from the roll-ups: quick over any range, and no spike is lost), or
// chosen readings, by largest triangle (from the readings: as long as these are kept).
// Threads: any. Source: S. Steinarsson, "Downsampling Time Series for Visual Representation", 2013.
#pragma once

#include <vector>

#include "historian/historian.hpp"
#include "historian/processed.hpp"

namespace millwright::historian {

inline constexpr std::size_t kChartPointsMin = 3;

// The width of intervals of which at most `points` cover the range: whole hours, minutes or seconds where it is some of
// these, so that roll-ups answer.
core::DurationNs chart_width(Range range, std::size_t points);

// At most `points` of the sensor's readings, the first and the last among them. Those in between are in groups of equal
// time, of each the one that makes the largest triangle with the one chosen before and the mean of the next group. Bad
// readings are left out. `check` is asked between steps. Memory: a step's readings and two groups.
core::Result<std::vector<Reading>> largest_triangles(const Historian& historian, const asset::Model& model,
                                                     core::SensorId sensor, Range range, std::size_t points,
                                                     const Check& check);

}  // namespace millwright::historian
