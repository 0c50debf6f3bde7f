#include <cmath>
#include <numbers>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "detection/vibration_bearing.hpp"
#include "detection/vibration_severity.hpp"
#include "detection/vibration_spectrum.hpp"
#include "detection/vibration_statistics.hpp"

namespace millwright::detection {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;

std::vector<double> tone(std::size_t samples, double rate_hz, double hz, double amplitude, double phase = 0.3) {
  std::vector<double> values(samples);
  for (std::size_t i = 0; i < samples; ++i) {
    values[i] = amplitude * std::sin(kTurn * hz * static_cast<double>(i) / rate_hz + phase);
  }
  return values;
}

std::vector<double> noise(std::size_t samples, double deviation, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0, deviation);
  std::vector<double> values(samples);
  for (double& value : values) value = normal(random);
  return values;
}

void add(std::vector<double>& to, const std::vector<double>& more) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += more[i];
}

VibrationAnalyzer analyzer(std::size_t samples, double rate_hz) {
  auto made = VibrationAnalyzer::make({.samples = samples, .rate_hz = rate_hz});
  EXPECT_TRUE(made);
  return std::move(*made);
}

TEST(Fft, GivesTheSumsOfItsDefinitionAndUndoesThem) {
  for (const std::size_t size : {2U, 3U, 7U, 64U, 90U, 97U, 1000U}) {
    SCOPED_TRACE(size);
    Fft fft(size);
    const std::vector<double> samples = noise(size, 1, 5);
    std::vector<Fft::Complex> spectrum(fft.bins());
    fft.forward(samples, spectrum);
    std::vector<Fft::Complex> circle(size);
    for (std::size_t k = 0; k < size; ++k) {
      for (std::size_t i = 0; i < size; ++i) {
        circle[k] +=
            samples[i] * std::polar(1.0, -kTurn * static_cast<double>((i * k) % size) / static_cast<double>(size));
      }
    }
    for (std::size_t k = 0; k < fft.bins(); ++k) EXPECT_NEAR(std::abs(circle[k] - spectrum[k]), 0, 1e-9);
    std::vector<Fft::Complex> back(size);
    fft.backward(circle, back);
    for (std::size_t i = 0; i < size; ++i) EXPECT_NEAR(std::abs(back[i] - samples[i]), 0, 1e-9);
  }
}

TEST(Fft, KeepsEnergy) {
  // Parseval: Σ x² = Σ |X|² / n over the whole circle.
  Fft fft(1000);
  const std::vector<double> samples = noise(1000, 2, 1);
  std::vector<Fft::Complex> spectrum(fft.bins());
  fft.forward(samples, spectrum);
  double in_time = 0;
  for (const double x : samples) in_time += x * x;
  double in_frequency = 0;
  for (std::size_t k = 0; k < spectrum.size(); ++k) {
    in_frequency += (k == 0 || k == 500 ? 1 : 2) * std::norm(spectrum[k]);
  }
  EXPECT_NEAR(in_frequency / 1000, in_time, 1e-8 * in_time);
}

TEST(Fft, FindsLengthsThatAreQuick) {
  EXPECT_EQ(Fft::nearest_size(1000), 1000U);
  EXPECT_EQ(Fft::nearest_size(1009), 1000U);
  EXPECT_EQ(Fft::nearest_size(997), 972U);
  EXPECT_EQ(Fft::nearest_size(1), 1U);
}

TEST(WindowStatistics, OfASine) {
  std::vector<double> values = tone(1000, 1000, 50, 4);
  for (double& value : values) value += 9.81;  // gravity
  const WindowStatistics s = window_statistics(values);
  EXPECT_NEAR(s.mean, 9.81, 1e-9);
  EXPECT_NEAR(s.rms, 4 / std::numbers::sqrt2, 1e-9);
  EXPECT_NEAR(s.peak, 4, 0.03);
  EXPECT_NEAR(s.peak_to_peak, 8, 0.05);
  EXPECT_NEAR(s.crest_factor, std::numbers::sqrt2, 0.01);
  EXPECT_NEAR(s.kurtosis, 1.5, 1e-9);
  EXPECT_NEAR(s.skewness, 0, 1e-9);
}

TEST(WindowStatistics, OfNoiseAndOfImpulses) {
  std::vector<double> values = noise(100'000, 2, 3);
  const WindowStatistics normal = window_statistics(values);
  EXPECT_NEAR(normal.rms, 2, 0.02);
  EXPECT_NEAR(normal.kurtosis, 3, 0.05);
  EXPECT_NEAR(normal.skewness, 0, 0.03);
  for (std::size_t i = 0; i < values.size(); i += 1000) values[i] += 30;
  const WindowStatistics struck = window_statistics(values);
  EXPECT_GT(struck.kurtosis, 20);
  EXPECT_GT(struck.skewness, 1);
  EXPECT_GT(struck.crest_factor, 3 * normal.crest_factor / 2);
}

TEST(WindowStatistics, OfValuesKnownByHand) {
  const std::vector<double> two_levels{1, 1, -1, -1};
  EXPECT_DOUBLE_EQ(window_statistics(two_levels).kurtosis, 1);
  const std::vector<double> spike{0, 0, 0, 0, 5};  // deviations -1 four times and 4
  const WindowStatistics s = window_statistics(spike);
  EXPECT_DOUBLE_EQ(s.rms, 2);
  EXPECT_DOUBLE_EQ(s.skewness, (64 - 4) / 5.0 / 8);
  EXPECT_DOUBLE_EQ(s.kurtosis, (256 + 4) / 5.0 / 16);
}

TEST(WindowStatistics, OfAConstantHasNoShape) {
  const std::vector<double> values(100, 0.1);
  const WindowStatistics s = window_statistics(values);
  EXPECT_NEAR(s.rms, 0, 1e-12);
  EXPECT_EQ(s.kurtosis, 0);
  EXPECT_EQ(s.crest_factor, 0);
}

TEST(VibrationAnalyzer, GivesTheAmplitudeOfATone) {
  for (const std::size_t samples : {1000U, 1024U, 750U, 997U}) {
    auto a = analyzer(samples, 1000);
    for (const double hz : {20.0, 49.3, 75.5, 123.45, 444.0}) {
      SCOPED_TRACE(testing::Message() << samples << " samples, " << hz << " Hz");
      a.take(tone(samples, 1000, hz, 2.5));
      EXPECT_NEAR(a.tone(hz, 2 * a.resolution_hz()), 2.5, 0.025);
      EXPECT_NEAR(a.band_rms(hz - 5, hz + 5), 2.5 / std::numbers::sqrt2, 0.02);
    }
  }
}

TEST(VibrationAnalyzer, ShowsATwoSidedToneOnceInItsBin) {
  auto a = analyzer(1000, 1000);
  a.take(tone(1000, 1000, 100, 3));
  EXPECT_NEAR(a.amplitudes()[100], 3, 1e-9);
  EXPECT_NEAR(a.amplitudes()[99], 1.5, 1e-9);  // Hann
  EXPECT_NEAR(a.amplitudes()[103], 0, 1e-9);
  double power = 0;
  for (const double density : a.density()) power += density * a.resolution_hz();
  EXPECT_NEAR(power, 4.5, 1e-9);
}

TEST(VibrationAnalyzer, TakesADistantTonesPlaceForNothing) {
  auto a = analyzer(1000, 1000);
  a.take(tone(1000, 1000, 100, 3));
  EXPECT_LT(a.tone(150, 2), 1e-3);
  EXPECT_TRUE(std::isnan(a.tone(600, 2)));
}

TEST(VibrationAnalyzer, KeepsTheEnergyOfNoise) {
  const std::vector<double> values = noise(200'000, 2, 11);
  const auto density = welch_density(values, 1000, 500, 0.5);
  ASSERT_TRUE(density);
  double power = 0;
  for (const double value : *density) power += value * 2;
  EXPECT_NEAR(power, 4, 0.06);
  // White: as much everywhere.
  EXPECT_NEAR((*density)[50], 4.0 / 500, 0.2 * 4 / 500);
  EXPECT_NEAR((*density)[200], 4.0 / 500, 0.2 * 4 / 500);
}

TEST(VibrationAnalyzer, IntegratesToVelocity) {
  // a = A sin(ωt) has the velocity A/ω cos(ωt).
  for (const std::size_t samples : {1000U, 2000U, 1200U}) {
    auto a = analyzer(samples, 1000);
    for (const double hz : {16.0, 25.3, 80.0, 400.7}) {
      SCOPED_TRACE(hz);
      a.take(tone(samples, 1000, hz, 5));
      const double expected = 5 / (kTurn * hz) / std::numbers::sqrt2;
      EXPECT_NEAR(a.integrated_rms(10, 450), expected, 0.01 * expected);
    }
    a.take(tone(samples, 1000, 4, 5));  // below the band
    EXPECT_LT(a.integrated_rms(10, 450), 1e-3);
  }
}

TEST(VibrationAnalyzer, IntegratesNoise) {
  // White noise of density S between f1 and f2 has ∫ S / (2πf)² df = S / 4π² (1/f1 - 1/f2).
  const std::vector<double> values = noise(400'000, 1, 2);
  auto a = analyzer(1000, 1000);
  double square = 0;
  int windows = 0;
  for (std::size_t from = 0; from + 1000 <= values.size(); from += 1000, ++windows) {
    a.take(std::span(values).subspan(from, 1000));
    square += std::pow(a.integrated_rms(10, 450), 2);
  }
  const double expected = 1.0 / 500 / (kTurn * kTurn) * (1 / 9.5 - 1 / 450.5);  // whole bins
  EXPECT_NEAR(square / windows, expected, 0.05 * expected);
}

// Strikes at `hz` that ring at `resonance_hz`, in noise and beside a strong shaft harmonic.
std::vector<double> struck(std::size_t samples, double rate_hz, double hz, double resonance_hz) {
  std::vector<double> values = noise(samples, 0.3, 7);
  add(values, tone(samples, rate_hz, 24.7, 2));
  for (std::size_t i = 0; i < samples; ++i) {
    const double t = static_cast<double>(i) / rate_hz;
    const double since = std::fmod(t, 1 / hz);
    values[i] += 1.5 * std::exp(-since * 300) * std::sin(kTurn * resonance_hz * since);
  }
  return values;
}

TEST(VibrationAnalyzer, FindsABearingsStrikesInTheEnvelope) {
  const DefectOrders orders = defect_orders({.balls = 9, .ball_diameter = 7.94, .pitch_diameter = 39.04});
  const double shaft = 24.7;
  auto a = analyzer(8192, 8192);
  a.take(struck(8192, 8192, orders.bpfo * shaft, 2600));
  const double tolerance = 2 * a.resolution_hz();
  const double outer = a.defect(orders.bpfo * shaft, tolerance);
  EXPECT_GT(outer, 0.2);
  EXPECT_GT(outer, 3 * a.defect(orders.bpfi * shaft, tolerance));
  EXPECT_GT(outer, 3 * a.defect(orders.bsf * shaft, tolerance));
  EXPECT_GT(outer, 3 * a.defect(orders.ftf * shaft, tolerance));
}

TEST(VibrationAnalyzer, GivesTheDepthOfAModulation) {
  // (1 + m cos) on a carrier has an envelope line of m times its amplitude.
  auto a = analyzer(1000, 1000);
  std::vector<double> values(1000);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double t = static_cast<double>(i) / 1000;
    values[i] = 2 * (1 + 0.5 * std::cos(kTurn * 75 * t)) * std::sin(kTurn * 330 * t);
  }
  a.take(values);
  EXPECT_NEAR(a.envelope()[75], 1, 0.01);
  EXPECT_NEAR(a.defect(75, 2), 1, 0.02);
  EXPECT_TRUE(std::isnan(a.defect(700, 2)));
}

TEST(VibrationAnalyzer, RefusesWhatCannotBe) {
  EXPECT_FALSE(VibrationAnalyzer::make({.samples = 63, .rate_hz = 1000}));
  EXPECT_FALSE(VibrationAnalyzer::make({.samples = kWindowSamplesMax + 1, .rate_hz = 1000}));
  EXPECT_FALSE(VibrationAnalyzer::make({.samples = 1000, .rate_hz = 0}));
  EXPECT_FALSE(VibrationAnalyzer::make({.samples = 1000, .rate_hz = NAN}));
  EXPECT_FALSE(
      VibrationAnalyzer::make({.samples = 1000, .rate_hz = 1000, .envelope_low_hz = 300, .envelope_high_hz = 200}));
  EXPECT_FALSE(
      VibrationAnalyzer::make({.samples = 1000, .rate_hz = 1000, .envelope_low_hz = 300, .envelope_high_hz = 600}));
  const std::vector<double> values(100);
  EXPECT_FALSE(welch_density(values, 1000, 101, 0.5));
  EXPECT_FALSE(welch_density(values, 1000, 63, 0.5));
  EXPECT_FALSE(welch_density(values, 1000, 64, 1));
}

TEST(DefectOrders, OfATextbookBearing) {
  // SKF 6205, as the Case Western Reserve University's bearing data tell it (BSF there is of both rings: twice this).
  const DefectOrders orders =
      defect_orders({.balls = 9, .ball_diameter = 0.3126, .pitch_diameter = 1.537, .contact_angle = 0});
  EXPECT_NEAR(orders.bpfo, 3.5848, 5e-4);
  EXPECT_NEAR(orders.bpfi, 5.4152, 5e-4);
  EXPECT_NEAR(orders.bsf, 2.357, 1e-3);
  EXPECT_NEAR(orders.ftf, 0.39828, 5e-4);
}

TEST(DefectOrders, CountEveryBallOnce) {
  const DefectOrders orders =
      defect_orders({.balls = 20, .ball_diameter = 11.906, .pitch_diameter = 90, .contact_angle = 15});
  EXPECT_NEAR(orders.bpfo + orders.bpfi, 20, 1e-12);
  EXPECT_NEAR(orders.bpfo, 20 * orders.ftf, 1e-12);
}

TEST(SeverityZone, FollowsTheStandardsTable) {
  const ZoneBoundaries medium = zone_boundaries(MachineGroup::kMedium, Foundation::kRigid);
  EXPECT_EQ(severity_zone(medium, 1.4), SeverityZone::kA);
  EXPECT_EQ(severity_zone(medium, 1.5), SeverityZone::kB);
  EXPECT_EQ(severity_zone(medium, 3), SeverityZone::kC);
  EXPECT_EQ(severity_zone(medium, 4.6), SeverityZone::kD);
  EXPECT_EQ(zone_boundaries(MachineGroup::kLarge, Foundation::kFlexible).cd, 11.0);
  EXPECT_EQ(zone_boundaries(MachineGroup::kPumpExternal, Foundation::kRigid).bc, 4.5);
  EXPECT_EQ(zone_boundaries(MachineGroup::kPumpIntegrated, Foundation::kFlexible).ab, 2.3);
}

}  // namespace
}  // namespace millwright::detection
