// Aggregate: what is known of one sensor's readings in one interval. The row of every roll-up tier, and of every
// down-sampled answer: averages hide spikes, so minimum, maximum and count always travel along.
//
// Over good and uncertain readings that are numbers; the bad ones are counted. Units: the sensor's, and seconds.
// Threads: values and pure functions. Source of combine(): T. Chan, G. Golub, R. LeVeque, "Updating formulae and a
// pairwise algorithm for computing sample variances", 1979.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>

#include "core/quality.hpp"
#include "core/time.hpp"

namespace millwright::historian {

struct Aggregate {
  core::TimeNs start = 0;  // of the interval
  std::uint64_t count = 0;
  std::uint64_t bad_count = 0;
  double min = 0;
  double max = 0;
  double sum = 0;
  double squares = 0;  // sum of the squared distances from the mean
  double first = 0;
  double last = 0;
  core::TimeNs first_time = 0;
  core::TimeNs last_time = 0;
  double held = 0;  // integral over seconds from first_time to last_time, each value held until the next one

  [[nodiscard]] double mean() const { return sum / static_cast<double>(count); }
  // Of the sample; 0 for one reading.
  [[nodiscard]] double stddev() const { return count > 1 ? std::sqrt(squares / static_cast<double>(count - 1)) : 0; }
  // Between the first and the last reading; the value itself where they are one.
  [[nodiscard]] double time_weighted_mean() const {
    const double seconds = static_cast<double>(last_time - first_time) * 1e-9;
    return seconds > 0 ? held / seconds : mean();
  }
};

// Intervals of one width side by side, one of which begins at `origin`: a width alone means since 1970.
struct Intervals {
  // NOLINTNEXTLINE(google-explicit-constructor): a width is the plain case
  constexpr Intervals(core::DurationNs of_width, core::TimeNs from = 0)
      : width(of_width), shift(of_width > 0 ? from % of_width : 0) {
    if (shift < 0) shift += width;
  }

  // Of the interval that holds `time`; also at the far ends of time.
  [[nodiscard]] constexpr core::TimeNs start_of(core::TimeNs time) const {
    const auto since_ever = static_cast<std::uint64_t>(time) + (std::uint64_t{1} << 63);
    if (since_ever < static_cast<std::uint64_t>(width) + static_cast<std::uint64_t>(shift)) return INT64_MIN;
    return core::floor_to(time - shift, width) + shift;
  }

  core::DurationNs width;
  core::DurationNs shift;  // from a multiple of the width to the start of an interval
};

// Adds readings in order of time that are all later than what `whole` has, all of one quality. NaN counts as bad.
void add(Aggregate& whole, std::span<const core::TimeNs> times, std::span<const double> values, core::Quality quality);
// Adds what is known of other readings of the same interval. Exact where one's readings are all later than the other's;
// else all but `held`, which then leaves out what lies between.
void combine(Aggregate& whole, const Aggregate& other);
// Whether neither has readings among the other's.
bool are_apart(const Aggregate& a, const Aggregate& b);

}  // namespace millwright::historian
