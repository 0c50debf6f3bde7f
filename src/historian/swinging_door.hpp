// Swinging door: which readings of a series to keep so that a straight line between kept neighbours passes within a
// bound of every reading dropped. Lossy, so only where a sensor's configuration asks for it. After E. H. Bristol,
// "Swinging door trending: adaptive trend recording?", ISA National Conference 1990; here the kept line itself is held
// within the bound, not only the door.
//
// Threads: one owner. Shapes: readings in order of time, in blocks of any length; state goes on from block to block.
// Units: `bound` is in the values' own unit, 0 or more. Kept always: the first and the last (finish()), both sides of
// a change of quality, of a step back or a standstill in time, and of whatever is not a finite number, and these
// numbers themselves. Limits: the line is computed in double: the bound holds to a few units in the last place.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/quality.hpp"
#include "core/time.hpp"

namespace millwright::historian {

class SwingingDoor {
 public:
  struct Reading {
    core::TimeNs time = 0;
    double value = 0;
    core::Quality quality;
  };

  explicit SwingingDoor(double bound);

  // What is known to be kept now that another reading has come: the one before it, itself. A reading that was kept is
  // not named again.
  struct Keep {
    bool before = false;
    bool now = false;
  };
  Keep add(const Reading& reading);
  // The series ends, or is to be whole up to here. Whether the last reading is to be kept that was not yet. The next
  // one begins anew.
  bool finish();

 private:
  void begin_at(const Reading& reading);
  void narrow(const Reading& reading);
  [[nodiscard]] bool continues(const Reading& reading) const;
  [[nodiscard]] bool passes(const Reading& reading) const;

  double bound_;
  std::optional<Reading> hinge_;  // the last one kept
  std::optional<Reading> last_;   // the last one seen, where it was not kept
  // The slopes, per ns, of all lines from the hinge that pass within the bound of each reading since.
  double slope_low_ = 0;
  double slope_high_ = 0;
};

// The positions to keep of a whole series. `qualities` is empty (all alike) or as long as the values.
std::vector<std::uint32_t> swinging_door(std::span<const core::TimeNs> times, std::span<const double> values,
                                         std::span<const core::Quality> qualities, double bound);

}  // namespace millwright::historian
