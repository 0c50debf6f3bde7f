#include "detection/vibration_spectrum.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "core/assert.hpp"

namespace millwright::detection {
namespace {

constexpr double kPi = std::numbers::pi;
constexpr double kNowhere = std::numeric_limits<double>::quiet_NaN();

std::vector<double> hann(std::size_t samples) {
  std::vector<double> window(samples);
  const double step = 2 * kPi / static_cast<double>(samples);
  for (std::size_t i = 0; i < samples; ++i) window[i] = 0.5 - 0.5 * std::cos(step * static_cast<double>(i));
  return window;
}

core::Unexpected invalid(std::string message) {
  return core::unexpected(core::ErrorCode::kInvalid, std::move(message));
}

void subtract_mean(std::span<double> values) {
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  for (double& value : values) value -= mean;
}

}  // namespace

core::Result<VibrationAnalyzer> VibrationAnalyzer::make(VibrationOptions options) {
  if (options.samples < kWindowSamplesMin || options.samples > kWindowSamplesMax) {
    return invalid(fmt::format("a window of {} samples; {} to {} are allowed", options.samples, kWindowSamplesMin,
                               kWindowSamplesMax));
  }
  if (!std::isfinite(options.rate_hz) || options.rate_hz <= 0) {
    return invalid(fmt::format("a rate of {} Hz; it must be above 0", options.rate_hz));
  }
  if (options.envelope_low_hz == 0 && options.envelope_high_hz == 0) {
    options.envelope_low_hz = kEnvelopeLow * options.rate_hz;
    options.envelope_high_hz = kEnvelopeHigh * options.rate_hz;
  }
  const bool rises = options.envelope_low_hz >= 0 && options.envelope_low_hz < options.envelope_high_hz;
  if (!rises || options.envelope_high_hz > options.rate_hz / 2) {
    return invalid(
        fmt::format("an envelope from {} Hz to {} Hz; give a band from low to high within 0 Hz to {} Hz, "
                    "half the rate",
                    options.envelope_low_hz, options.envelope_high_hz, options.rate_hz / 2));
  }
  return VibrationAnalyzer(options, hann(options.samples));
}

VibrationAnalyzer::VibrationAnalyzer(VibrationOptions options, std::vector<double> window)
    : options_(options),
      window_(std::move(window)),
      fft_(options.samples),
      samples_(options.samples),
      weighted_(options.samples),
      spectrum_(fft_.bins()),
      circle_(options.samples),
      analytic_(options.samples),
      amplitudes_(fft_.bins()),
      density_(fft_.bins()),
      envelope_(fft_.bins()) {
  for (const double w : window_) {
    window_sum_ += w;
    window_squares_ += w * w;
  }
}

void VibrationAnalyzer::take(std::span<const double> samples) {
  ASSERT(samples.size() == samples_.size(), "a window of another length");
  std::copy(samples.begin(), samples.end(), samples_.begin());
  subtract_mean(samples_);
  has_statistics_ = false;
  has_spectrum_ = false;
  has_envelope_ = false;
}

// Into spectrum_.
void VibrationAnalyzer::transform_windowed(std::span<const double> samples) {
  for (std::size_t i = 0; i < samples.size(); ++i) weighted_[i] = samples[i] * window_[i];
  fft_.forward(weighted_, spectrum_);
}

void VibrationAnalyzer::need_spectrum() {
  if (std::exchange(has_spectrum_, true)) return;
  transform_windowed(samples_);
  for (std::size_t k = 0; k < bins(); ++k) {
    // What is at a negative frequency belongs to the positive one; 0 Hz and half the rate have no partner.
    const double sides = k == 0 || 2 * k == options_.samples ? 1 : 2;
    amplitudes_[k] = sides * std::abs(spectrum_[k]) / window_sum_;
    density_[k] = sides * std::norm(spectrum_[k]) / (options_.rate_hz * window_squares_);
  }
}

void VibrationAnalyzer::need_envelope() {
  if (std::exchange(has_envelope_, true)) return;
  fft_.forward(samples_, spectrum_);
  // The analytic signal of the band: its positive frequencies twice, the negative ones not at all.
  std::fill(circle_.begin(), circle_.end(), Fft::Complex{});
  const double resolution = resolution_hz();
  for (std::size_t k = 1; 2 * k < options_.samples; ++k) {
    const double hz = static_cast<double>(k) * resolution;
    if (hz >= options_.envelope_low_hz && hz <= options_.envelope_high_hz) circle_[k] = 2.0 * spectrum_[k];
  }
  fft_.backward(circle_, analytic_);
  std::transform(analytic_.begin(), analytic_.end(), weighted_.begin(), [](const auto& z) { return std::abs(z); });
  subtract_mean(weighted_);
  transform_windowed(weighted_);
  for (std::size_t k = 0; k < bins(); ++k) {
    const double sides = k == 0 || 2 * k == options_.samples ? 1 : 2;
    envelope_[k] = sides * std::abs(spectrum_[k]) / window_sum_;
  }
}

const WindowStatistics& VibrationAnalyzer::statistics() {
  if (!std::exchange(has_statistics_, true)) statistics_ = window_statistics(samples_);
  return statistics_;
}
std::span<const double> VibrationAnalyzer::amplitudes() {
  need_spectrum();
  return amplitudes_;
}
std::span<const double> VibrationAnalyzer::density() {
  need_spectrum();
  return density_;
}
std::span<const double> VibrationAnalyzer::envelope() {
  need_envelope();
  return envelope_;
}

template <typename Weight>
double VibrationAnalyzer::sum_of_power(double low_hz, double high_hz, Weight weight) {
  need_spectrum();
  const double resolution = resolution_hz();
  const auto first = static_cast<std::size_t>(std::max(0.0, std::ceil(low_hz / resolution - 1e-9)));
  double sum = 0;
  for (std::size_t k = first; k < bins(); ++k) {
    const double hz = static_cast<double>(k) * resolution;
    if (hz > high_hz * (1 + 1e-12)) break;
    sum += weight(density_[k], hz);
  }
  return sum * resolution;
}

double VibrationAnalyzer::band_rms(double low_hz, double high_hz) {
  return std::sqrt(sum_of_power(low_hz, high_hz, [](double density, double) { return density; }));
}

double VibrationAnalyzer::integrated_rms(double low_hz, double high_hz) {
  return std::sqrt(sum_of_power(std::max(low_hz, resolution_hz()), high_hz, [](double density, double hz) {
    const double turns = 2 * kPi * hz;
    return density / (turns * turns);
  }));
}

// The greatest amplitude of the range, corrected for a frequency between two bins: under a Hann window the ratio of a
// peak's two greatest bins tells where between them it is (Jain, Collins and Davis 1979; Grandke 1983).
double VibrationAnalyzer::strongest(std::span<const double> amplitudes, double hz, double tolerance_hz) const {
  const double resolution = resolution_hz();
  const auto last_bin = static_cast<double>(amplitudes.size()) - 2;  // each needs two neighbours
  const double from = std::max(1.0, std::ceil((hz - tolerance_hz) / resolution));
  const double to = std::min(last_bin, std::floor((hz + tolerance_hz) / resolution));
  if (!(from <= to) || hz / resolution > last_bin) return kNowhere;
  const auto first = amplitudes.begin() + static_cast<std::ptrdiff_t>(from);
  const auto last = amplitudes.begin() + static_cast<std::ptrdiff_t>(to) + 1;
  const auto peak = std::max_element(first, last);
  const double side = std::max(*(peak - 1), *(peak + 1));
  if (*peak <= 0 || side > *peak) return *peak;  // nothing, or the foot of a peak outside
  const double ratio = side / *peak;
  const double offset = std::max(0.0, (2 * ratio - 1) / (ratio + 1));
  if (offset < 1e-6) return *peak;
  return *peak * kPi * offset * (1 - offset * offset) / std::sin(kPi * offset);
}

double VibrationAnalyzer::tone(double hz, double tolerance_hz) {
  need_spectrum();
  return strongest(amplitudes_, hz, tolerance_hz);
}

double VibrationAnalyzer::defect(double hz, double tolerance_hz) {
  need_envelope();
  double squares = 0;
  for (int harmonic = 1; harmonic <= kDefectHarmonics; ++harmonic) {
    const double amplitude = strongest(envelope_, harmonic * hz, tolerance_hz);
    if (std::isnan(amplitude)) {
      if (harmonic == 1) return kNowhere;
      break;
    }
    squares += amplitude * amplitude;
  }
  return std::sqrt(squares);
}

core::Result<std::vector<double>> welch_density(std::span<const double> samples, double rate_hz, std::size_t segment,
                                                double overlap) {
  if (overlap < 0 || overlap >= 1) return invalid(fmt::format("an overlap of {}; 0 to below 1 is allowed", overlap));
  if (samples.size() < segment) {
    return invalid(fmt::format("{} samples do not fill one segment of {}", samples.size(), segment));
  }
  auto analyzer = VibrationAnalyzer::make({.samples = segment, .rate_hz = rate_hz});
  if (!analyzer) return core::unexpected(analyzer.error());
  const auto step =
      std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(static_cast<double>(segment) * (1 - overlap))));
  std::vector<double> mean(analyzer->bins(), 0.0);
  std::size_t segments = 0;
  for (std::size_t from = 0; from + segment <= samples.size(); from += step, ++segments) {
    analyzer->take(samples.subspan(from, segment));
    const auto density = analyzer->density();
    for (std::size_t k = 0; k < mean.size(); ++k) mean[k] += density[k];
  }
  for (double& value : mean) value /= static_cast<double>(segments);
  return mean;
}

}  // namespace millwright::detection
