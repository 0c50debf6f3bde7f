#include "detection/vibration_statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/assert.hpp"

namespace millwright::detection {

WindowStatistics window_statistics(std::span<const double> samples) {
  ASSERT(!samples.empty(), "statistics of nothing");
  const auto count = static_cast<double>(samples.size());
  WindowStatistics s;
  double low = samples[0];
  double high = samples[0];
  double sum = 0;
  for (const double x : samples) {
    low = std::min(low, x);
    high = std::max(high, x);
    sum += x;
  }
  s.mean = sum / count;
  double squares = 0;
  double cubes = 0;
  double fourths = 0;
  for (const double x : samples) {
    const double d = x - s.mean;
    const double square = d * d;
    squares += square;
    cubes += square * d;
    fourths += square * square;
  }
  const double variance = squares / count;
  s.rms = std::sqrt(variance);
  s.peak = std::max(high - s.mean, s.mean - low);
  s.peak_to_peak = high - low;
  // A constant leaves rounding, whose shape says nothing.
  const double scale = std::max(std::abs(high), std::abs(low));
  if (s.rms <= count * std::numeric_limits<double>::epsilon() * scale) return s;
  s.crest_factor = s.peak / s.rms;
  s.kurtosis = fourths / count / (variance * variance);
  s.skewness = cubes / count / (variance * s.rms);
  return s;
}

}  // namespace millwright::detection
