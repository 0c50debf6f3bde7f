// Random: the seam to chance. Seeded, so that a simulation or a test repeats from its printed seed; entropy() gives a
// seed from the operating system.
//
// Threads: one owner. Not for secrets.
#pragma once

#include <cstdint>

namespace millwright::io {

// xoshiro256** (D. Blackman, S. Vigna, 2018), seeded through splitmix64.
class Random {
 public:
  explicit Random(std::uint64_t seed);

  std::uint64_t next();
  // Uniform in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound);
  // Uniform in [0, 1).
  double uniform();
  // Normal with mean 0 and standard deviation 1.
  double normal();

 private:
  std::uint64_t state_[4];
  double spare_ = 0;
  bool has_spare_ = false;
};

std::uint64_t entropy();

}  // namespace millwright::io
