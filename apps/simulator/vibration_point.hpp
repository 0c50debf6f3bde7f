// One accelerometer on a bearing housing: the shaft's harmonics (1x, 2x), a rolling bearing's defect, and broadband
// noise, as samples and as the velocity RMS that belongs to them. A defect is heard twice: as tones at its frequency
// and twice that, and as strikes in which the housing rings at a frequency of its own.
//
// Threads: one owner. Units: m/s², mm/s, Hz. Pure computation; the same seed and calls give the same samples.
// Source: the bearing's geometry in the asset model (a common 6310 where it tells none): the outer ring's defect, or
// the cage's where a shaft is so fast that the outer ring's is past what a stream of 1 kHz holds. Levels after ISO
// 20816-1 (zone A/B when healthy).
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "detection/vibration_bearing.hpp"
#include "io/random.hpp"

namespace millwright::simulator {

// What shakes the housing now. The faults are 0 (none) to 1 (full).
struct VibrationCondition {
  double shaft_hz = 0;
  double speed = 0;  // of nominal, 0 to about 1
  double load = 0.7;
  double bearing_wear = 0;
  double cavitation = 0;
  double misalignment = 0;
};

class VibrationPoint {
 public:
  VibrationPoint(double nominal_hz, const detection::DefectOrders& bearing, io::Random random);

  // Appends `count` samples, `period_s` apart.
  void sample(const VibrationCondition& condition, double period_s, std::size_t count, std::vector<double>& out);
  // What an instrument shows over 10 Hz to 1 kHz, mm/s.
  [[nodiscard]] double velocity_rms(const VibrationCondition& condition) const;

 private:
  struct Tone {
    double hz = 0;
    double amplitude = 0;  // m/s², peak
  };
  static constexpr std::size_t kTones = 4;  // 1x, 2x, defect, twice the defect
  struct Spectrum {
    std::array<Tone, kTones> tones;
    Tone ring;         // of the housing, full and nothing in turn, at the defect's rate
    double noise = 0;  // standard deviation, m/s²
  };
  [[nodiscard]] Spectrum spectrum(const VibrationCondition& condition) const;

  io::Random random_;
  double unbalance_;                        // 1x at nominal speed, m/s²
  double gain_;                             // of this housing
  double defect_ratio_;                     // defect tone over shaft
  std::array<double, kTones + 1> phase_{};  // the tones' and the ring's
  double resonance_hz_ = 330;
};

}  // namespace millwright::simulator
