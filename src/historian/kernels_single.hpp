// Where a float32 of decimals needs no doubles on its way to integers and back; the vector kernels share it.
#pragma once

#include <cstdint>

#include "historian/kernels.hpp"

namespace millwright::historian {

// Up to this exponent a float32 needs no doubles. Let |i| < 2^24: i / 10^e is no midpoint of two floats and keeps a
// distance of 2^-(25 + 3.33 e) from each, relative to itself; i times the inverse, as a sum of two floats, is off by
// less than 2^-47, and so rounds as the double does.
inline constexpr unsigned kSingleExponent = 5;
inline constexpr std::uint32_t kSingleReach = 1U << 24;
// And the way there: below 2^22, value times power is less than a half off, so that only one integer can come back.
inline constexpr int kSingleScale = 1 << 22;

template <typename T>
bool single_is_enough(unsigned exponent, const Frame& frame) {
  return sizeof(T) == sizeof(float) && exponent <= kSingleExponent && frame.reach < kSingleReach;
}

}  // namespace millwright::historian
