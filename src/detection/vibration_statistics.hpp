// What a window of a waveform is like in time: how strong, how spiky, how lopsided.
//
// Threads: pure functions. Units: as the samples; the mean (gravity, an amplifier's offset) is taken off first.
// Source: R. B. Randall, "Vibration-based Condition Monitoring", 2nd edition, chapter 5.
#pragma once

#include <span>

namespace millwright::detection {

struct WindowStatistics {
  double mean = 0;
  double rms = 0;           // about the mean
  double peak = 0;          // greatest distance from the mean
  double peak_to_peak = 0;  // greatest less smallest
  double crest_factor = 0;  // peak / rms; a sine has √2. 0 where nothing moves, as the two below
  double kurtosis = 0;      // E(x - m)⁴ / σ⁴, plain: a normal signal has 3, a sine 1.5
  double skewness = 0;      // E(x - m)³ / σ³; 0 where the signal is symmetric
};

// Of at least one sample.
WindowStatistics window_statistics(std::span<const double> samples);

}  // namespace millwright::detection
