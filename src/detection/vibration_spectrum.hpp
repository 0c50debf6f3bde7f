// VibrationAnalyzer: what a window of a waveform holds, frequency by frequency: spectrum and envelope spectrum, and the
// figures taken from them. One analyzer serves all sensors of one rate and window length, one window after the other;
// each spectrum is computed when it is first asked for.
//
//   auto analyzer = VibrationAnalyzer::make({.samples = 1000, .rate_hz = 1000});
//   analyzer->take(window);
//   analyzer->velocity_rms(10, 450);
//
// Threads: one owner; memory is allocated once. Shapes: bins() values, one every resolution_hz(), from 0 Hz to half
// the rate. Units: as the samples, amplitudes peak, not RMS. The mean is taken off; a Hann window (periodic) keeps
// tones apart, and everything is corrected for it: amplitudes by its sum, energies by its sum of squares.
// Errors: kInvalid for a window too short or too long, and for bands that the rate does not hold.
// Limits: kWindowSamplesMin to kWindowSamplesMax samples.
// Source: G. Heinzel et al., "Spectrum and spectral density estimation by the DFT" (2002); for the envelope spectrum
// Randall and Antoni, "Rolling element bearing diagnostics: a tutorial", MSSP 25 (2011).
#pragma once

#include <complex>
#include <cstddef>
#include <span>
#include <vector>

#include "core/result.hpp"
#include "detection/fft.hpp"
#include "detection/vibration_statistics.hpp"

namespace millwright::detection {

inline constexpr std::size_t kWindowSamplesMin = 64;
inline constexpr std::size_t kWindowSamplesMax = std::size_t{1} << 20;
// The band whose envelope is looked at, where none is given, as parts of the sampling rate: above what the shaft's own
// harmonics fill, below what the instrument's filter takes away.
inline constexpr double kEnvelopeLow = 0.15;
inline constexpr double kEnvelopeHigh = 0.48;
// How many harmonics of a defect count.
inline constexpr int kDefectHarmonics = 3;

struct VibrationOptions {
  std::size_t samples = 0;  // of a window
  double rate_hz = 0;
  double envelope_low_hz = 0;  // the band that is demodulated; both 0: kEnvelopeLow to kEnvelopeHigh
  double envelope_high_hz = 0;

  bool operator==(const VibrationOptions&) const = default;
};

class VibrationAnalyzer {
 public:
  static core::Result<VibrationAnalyzer> make(VibrationOptions options);

  // The window that everything below is about, from now on.
  void take(std::span<const double> samples);

  [[nodiscard]] const VibrationOptions& options() const { return options_; }
  [[nodiscard]] std::size_t bins() const { return fft_.bins(); }
  [[nodiscard]] double resolution_hz() const { return options_.rate_hz / static_cast<double>(options_.samples); }

  const WindowStatistics& statistics();  // less the mean, which is 0
  // One-sided amplitude spectrum: a sine of amplitude a on a bin is a.
  std::span<const double> amplitudes();
  // One-sided power spectral density, squared unit per Hz.
  std::span<const double> density();
  // Amplitude spectrum of the envelope (band-pass, Hilbert transform, magnitude) less its mean.
  std::span<const double> envelope();

  // Of what lies from `low_hz` to `high_hz`, in whole bins, both ends included.
  double band_rms(double low_hz, double high_hz);
  // RMS of the waveform's integral over that band, from bin 1 on: of an acceleration in m/s² a velocity in m/s.
  double integrated_rms(double low_hz, double high_hz);
  // Amplitude of the strongest tone within `tolerance_hz` of a frequency; NaN where the spectrum does not reach.
  double tone(double hz, double tolerance_hz);
  // The same in the envelope: the root of the sum of squares over the first kDefectHarmonics harmonics that it reaches.
  double defect(double hz, double tolerance_hz);

 private:
  VibrationAnalyzer(VibrationOptions options, std::vector<double> window);
  void transform_windowed(std::span<const double> samples);
  void need_spectrum();
  void need_envelope();
  [[nodiscard]] double strongest(std::span<const double> amplitudes, double hz, double tolerance_hz) const;
  template <typename Weight>
  double sum_of_power(double low_hz, double high_hz, Weight weight);

  VibrationOptions options_;
  std::vector<double> window_;
  double window_sum_ = 0;
  double window_squares_ = 0;
  Fft fft_;
  std::vector<double> samples_;   // the window taken, without its mean
  std::vector<double> weighted_;  // scratch: samples under the Hann window
  std::vector<Fft::Complex> spectrum_;
  std::vector<Fft::Complex> circle_;
  std::vector<Fft::Complex> analytic_;
  std::vector<double> amplitudes_;
  std::vector<double> density_;
  std::vector<double> envelope_;
  WindowStatistics statistics_;
  bool has_statistics_ = false;
  bool has_spectrum_ = false;
  bool has_envelope_ = false;
};

// Welch's estimate of the power spectral density: the mean over segments of `segment` samples that overlap by
// `overlap` (0 to below 1) of their length. kInvalid where not even one segment fits.
core::Result<std::vector<double>> welch_density(std::span<const double> samples, double rate_hz, std::size_t segment,
                                                double overlap);

}  // namespace millwright::detection
