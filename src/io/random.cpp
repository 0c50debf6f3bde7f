#include "io/random.hpp"

#include <bit>
#include <cmath>

#include <sys/random.h>

#include "core/assert.hpp"

namespace millwright::io {

Random::Random(std::uint64_t seed) {
  for (std::uint64_t& word : state_) {
    seed += 0x9E3779B97F4A7C15ULL;
    std::uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    word = z ^ (z >> 31);
  }
}

std::uint64_t Random::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::uint64_t Random::below(std::uint64_t bound) {
  ASSERT(bound > 0, "below(0)");
  return next() % bound;  // the bias is below 2^-32 for any bound that is used here
}

double Random::uniform() {
  return static_cast<double>(next() >> 11) * 0x1.0p-53;
}

// Marsaglia's polar method gives two at a time.
double Random::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  double u = 0;
  double v = 0;
  double s = 0;
  do {
    u = 2 * uniform() - 1;
    v = 2 * uniform() - 1;
    s = u * u + v * v;
  } while (s >= 1 || s == 0);
  const double scale = std::sqrt(-2 * std::log(s) / s);
  spare_ = v * scale;
  has_spare_ = true;
  return u * scale;
}

std::uint64_t entropy() {
  std::uint64_t value = 0;
  ASSERT(getrandom(&value, sizeof(value), 0) == sizeof(value), "the kernel gives no random bytes");
  return value;
}

}  // namespace millwright::io
