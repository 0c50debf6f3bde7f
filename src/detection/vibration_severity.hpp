// Zones of vibration severity: what a velocity RMS, measured on a bearing housing, means for a machine.
//
// Threads: pure functions. Units: mm/s RMS over 10 Hz to 1 kHz (from 2 Hz where a machine turns below 600 rpm).
// Source: ISO 10816-3:2009, tables A.1 and A.2, the same in ISO 20816-3:2022, for groups 1 and 2; ISO 10816-3:1998,
// tables A.3 and A.4, for the pumps of groups 3 and 4, which later editions leave to ISO 10816-7.
// Limits: machines above 15 kW that turn at 120 to 15,000 rpm; not reciprocating ones, gears, spindles or screw
// compressors, which have standards of their own.
#pragma once

#include <cstdint>

namespace millwright::detection {

enum class MachineGroup : std::uint8_t {
  kLarge = 1,           // 300 kW to 50 MW, or electrical machines of a shaft height from 315 mm on
  kMedium = 2,          // 15 kW to 300 kW, or electrical machines of a shaft height of 160 mm to 315 mm
  kPumpExternal = 3,    // pumps with a driver of their own, above 15 kW
  kPumpIntegrated = 4,  // pumps with the driver built in, above 15 kW
};
enum class Foundation : std::uint8_t { kRigid, kFlexible };

enum class SeverityZone : std::uint8_t {
  kA,  // as a new machine
  kB,  // fit for long operation
  kC,  // not for long: fit until there is an occasion to repair
  kD,  // severe enough to do damage
};

// Where the next zone begins, mm/s RMS.
struct ZoneBoundaries {
  double ab = 0;
  double bc = 0;
  double cd = 0;
};

ZoneBoundaries zone_boundaries(MachineGroup group, Foundation foundation);
SeverityZone severity_zone(const ZoneBoundaries& boundaries, double velocity_rms);

}  // namespace millwright::detection
