// Process capability: how a process that is under control fits between its specification limits (D. C. Montgomery,
// chapter 8).
//
//   Cp  = (USL − LSL) / 6σ        Cpk = min(USL − μ, μ − LSL) / 3σ      with σ of readings within subgroups
//   Pp, Ppk: the same with σ of all readings
//
// Threads: pure. A σ of 0 gives infinity, or NaN where the mean is on a limit as well.
#pragma once

#include <algorithm>

namespace millwright::detection {

struct Capability {
  double cp = 0;
  double cpk = 0;
  double pp = 0;
  double ppk = 0;
};

struct Specification {
  double low = 0;
  double high = 0;
};

inline Capability capability(const Specification& limits, double mean, double within, double overall) {
  const double width = limits.high - limits.low;
  const double nearer = std::min(limits.high - mean, mean - limits.low);
  return {.cp = width / (6 * within),
          .cpk = nearer / (3 * within),
          .pp = width / (6 * overall),
          .ppk = nearer / (3 * overall)};
}

}  // namespace millwright::detection
