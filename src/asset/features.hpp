// Vibration features in the asset model: what is computed from a sensor's waveform. Each feature is a sensor of its
// own, of the same component, that no connector reads.
//
// Threads: plain data.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/ids.hpp"
#include "core/time.hpp"

namespace millwright::asset {

// Geometry of a component's rolling bearing.
struct Bearing {
  double balls = 0;           // or rollers, of one row
  double ball_diameter = 0;   // mm
  double pitch_diameter = 0;  // mm, of the circle through the balls' centres
  double contact_angle = 0;   // degrees
};

enum class FeatureKind : std::uint8_t {
  kRms,
  kPeak,
  kPeakToPeak,
  kCrestFactor,
  kKurtosis,
  kSkewness,
  kVelocityRms,
  kBand,   // RMS of a band
  kOrder,  // amplitude at a multiple of the shaft's speed
  kBpfo,   // amplitudes at a bearing's defect frequencies, in the envelope
  kBpfi,
  kBsf,
  kFtf,
  kZone,  // of ISO 10816-3 and 20816-3, by the velocity RMS
};
inline constexpr std::array<std::string_view, 4> kZoneNames{"A", "B", "C", "D"};  // by the zone sensor's code

// What one feature sensor is.
struct Feature {
  core::SensorId of;  // the sensor whose waveform it is computed from
  FeatureKind kind = FeatureKind::kRms;
  double low = 0;   // Hz, of kBand, kVelocityRms and kZone
  double high = 0;  // Hz
  double order = 0;
};

enum class Foundation : std::uint8_t { kRigid, kFlexible };

inline constexpr double kFeatureSamplesMin = 64;  // of a window
inline constexpr double kFeatureSamplesMax = 1 << 20;

// The machine's class by the standard, and how long it has to stay in a zone before that is an alarm.
struct ZoneRule {
  int group = 0;  // 1 to 4
  Foundation foundation = Foundation::kRigid;
  core::DurationNs delay = 10 * core::kSecond;
};

// How a sensor's waveform is taken apart, for all of its features.
struct Analysis {
  core::DurationNs window = core::kSecond;
  double overlap = 0;       // of a window with the next, 0 to 0.9
  core::SensorId speed;     // a sensor in rpm; none: nominal_rpm
  double nominal_rpm = 0;   // 0: not known
  double speed_ratio = 1;   // turns of the shaft measured for each turn of the one that `speed` tells of
  double envelope_low = 0;  // Hz; both 0: as the rate allows
  double envelope_high = 0;
  std::optional<ZoneRule> zone;
  std::vector<core::SensorId> features;  // the sensors made of it
};

}  // namespace millwright::asset
