#include "simulator/vibration_point.hpp"

#include <cmath>
#include <numbers>

namespace millwright::simulator {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;
constexpr double kOuterRaceRatio = 3.57;
constexpr double kCageRatio = 0.398;
// Above this shaft frequency twice the outer-race tone is past what a 1 kHz stream holds; the cage's tone is not.
constexpr double kOuterRaceShaftHzMax = 67;
// White noise of 1 m/s² over 500 Hz, integrated to velocity from 10 Hz up: 2.2 mm/s.
constexpr double kNoiseVelocity = 2.2;
constexpr double kSensorNoise = 0.02;  // m/s², at standstill

}  // namespace

VibrationPoint::VibrationPoint(double nominal_hz, io::Random random)
    : random_(random), defect_ratio_(nominal_hz < kOuterRaceShaftHzMax ? kOuterRaceRatio : kCageRatio) {
  const double velocity = 1.1 + 0.7 * random_.uniform();  // mm/s RMS of the unbalance
  unbalance_ = velocity * 1e-3 * std::numbers::sqrt2 * kTurn * nominal_hz;
  gain_ = 0.85 + 0.3 * random_.uniform();
  for (double& phase : phase_) phase = kTurn * random_.uniform();
}

VibrationPoint::Spectrum VibrationPoint::spectrum(const VibrationCondition& c) const {
  const double centrifugal = c.speed * c.speed;
  const double load = 0.9 + 0.15 * c.load;
  const double defect_hz = defect_ratio_ * c.shaft_hz;
  Spectrum s;
  s.tones[0] = {c.shaft_hz, unbalance_ * centrifugal * (1 + 0.4 * c.misalignment)};
  s.tones[1] = {2 * c.shaft_hz, unbalance_ * centrifugal * (0.2 + 3.5 * c.misalignment)};
  s.tones[2] = {defect_hz, gain_ * centrifugal * load * (0.05 + 4.0 * c.bearing_wear)};
  s.tones[3] = {2 * defect_hz, gain_ * centrifugal * load * (0.03 + 2.5 * c.bearing_wear)};
  s.noise = kSensorNoise + gain_ * centrifugal * load * 0.25 * (1 + 2 * c.bearing_wear + 8 * c.cavitation);
  return s;
}

void VibrationPoint::sample(const VibrationCondition& condition, double period_s, std::size_t count,
                            std::vector<double>& out) {
  const Spectrum s = spectrum(condition);
  struct Rotor {  // a tone as a turning vector: no sine per sample
    double x, y, cos_step, sin_step;
  };
  std::array<Rotor, kTones> rotors{};
  for (std::size_t i = 0; i < kTones; ++i) {
    const double step = kTurn * s.tones[i].hz * period_s;
    // Beyond half the sampling rate the real instrument's filter takes the tone away.
    const double amplitude = s.tones[i].hz * period_s < 0.48 ? s.tones[i].amplitude : 0;
    rotors[i] = {amplitude * std::cos(phase_[i]), amplitude * std::sin(phase_[i]), std::cos(step), std::sin(step)};
    phase_[i] = std::fmod(phase_[i] + step * static_cast<double>(count), kTurn);
  }
  for (std::size_t n = 0; n < count; ++n) {
    double value = s.noise * random_.normal();
    for (Rotor& r : rotors) {
      value += r.y;
      const double x = r.x * r.cos_step - r.y * r.sin_step;
      r.y = r.x * r.sin_step + r.y * r.cos_step;
      r.x = x;
    }
    out.push_back(value);
  }
}

double VibrationPoint::velocity_rms(const VibrationCondition& condition) const {
  const Spectrum s = spectrum(condition);
  double square = 0;
  for (const Tone& tone : s.tones) {
    if (tone.hz < 1) continue;
    const double velocity = 1e3 * tone.amplitude / (kTurn * tone.hz);
    square += velocity * velocity / 2;
  }
  const double noise = kNoiseVelocity * s.noise;
  return std::sqrt(square + noise * noise);
}

}  // namespace millwright::simulator
