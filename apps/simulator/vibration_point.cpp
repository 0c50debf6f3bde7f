#include "simulator/vibration_point.hpp"

#include <cmath>
#include <numbers>

namespace millwright::simulator {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;
constexpr std::size_t kDefect = 2;  // the tone at the defect's frequency
// Twice the outer ring's frequency above this is past what a 1 kHz stream holds; the cage's tones are not.
constexpr double kDefectHzMax = 480;
constexpr double kHeld = 0.48;  // of the sampling rate: beyond it the real instrument's filter takes a tone away
// White noise of 1 m/s² over 500 Hz, integrated to velocity from 10 Hz up: 2.2 mm/s.
constexpr double kNoiseVelocity = 2.2;
constexpr double kSensorNoise = 0.02;  // m/s², at standstill

}  // namespace

VibrationPoint::VibrationPoint(double nominal_hz, const detection::DefectOrders& bearing, io::Random random)
    : random_(random), defect_ratio_(2 * bearing.bpfo * nominal_hz < kDefectHzMax ? bearing.bpfo : bearing.ftf) {
  const double velocity = 1.1 + 0.7 * random_.uniform();  // mm/s RMS of the unbalance
  unbalance_ = velocity * 1e-3 * std::numbers::sqrt2 * kTurn * nominal_hz;
  gain_ = 0.85 + 0.3 * random_.uniform();
  for (double& phase : phase_) phase = kTurn * random_.uniform();
  resonance_hz_ += 20 * (random_.uniform() - 0.5);
}

VibrationPoint::Spectrum VibrationPoint::spectrum(const VibrationCondition& c) const {
  const double centrifugal = c.speed * c.speed;
  const double load = 0.9 + 0.15 * c.load;
  const double defect_hz = defect_ratio_ * c.shaft_hz;
  Spectrum s;
  s.tones[0] = {c.shaft_hz, unbalance_ * centrifugal * (1 + 0.4 * c.misalignment)};
  s.tones[1] = {2 * c.shaft_hz, unbalance_ * centrifugal * (0.2 + 3.5 * c.misalignment)};
  s.tones[2] = {defect_hz, gain_ * centrifugal * load * (0.05 + 4.0 * c.bearing_wear)};
  s.ring = {resonance_hz_, gain_ * centrifugal * load * (0.05 + 3.0 * c.bearing_wear)};
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
  const auto rotor = [&](const Tone& tone, double& phase) {
    const double step = kTurn * tone.hz * period_s;
    const double amplitude = tone.hz * period_s < kHeld ? tone.amplitude : 0;
    const Rotor made{amplitude * std::cos(phase), amplitude * std::sin(phase), std::cos(step), std::sin(step)};
    phase = std::fmod(phase + step * static_cast<double>(count), kTurn);
    return made;
  };
  const auto turn = [](Rotor& r) {
    const double x = r.x * r.cos_step - r.y * r.sin_step;
    r.y = r.x * r.sin_step + r.y * r.cos_step;
    r.x = x;
  };
  double strike_phase = phase_[kDefect];
  Rotor strike = rotor({s.tones[kDefect].hz, 1}, strike_phase);
  Rotor ring = rotor(s.ring, phase_[kTones]);
  std::array<Rotor, kTones> rotors{};
  for (std::size_t i = 0; i < kTones; ++i) rotors[i] = rotor(s.tones[i], phase_[i]);
  for (std::size_t n = 0; n < count; ++n) {
    double value = s.noise * random_.normal() + ring.y * (1 + strike.x);
    turn(ring);
    turn(strike);
    for (Rotor& r : rotors) {
      value += r.y;
      turn(r);
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
  const double ring = 1e3 * s.ring.amplitude / (kTurn * s.ring.hz);
  square += 0.75 * ring * ring;  // (1 + cos)² is 3/2 on average
  const double noise = kNoiseVelocity * s.noise;
  return std::sqrt(square + noise * noise);
}

}  // namespace millwright::simulator
