// Kernels: the codec's inner loops on 32-bit integers, one set for each kind of processor, chosen at run time. All
// sets give the same bytes and the same values; a test drives every set that the machine has.
//
// Threads: pure functions. Shapes: `n` values, any number. Limits: 1 to core::kMaxBlockReadings values; bit widths 0 to
// 32; results of unscale and steps between values must fit 32 bits, which callers make sure of.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace millwright::historian {

inline std::int32_t wrapping_step(std::int32_t from, std::int32_t to) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(to) - static_cast<std::uint32_t>(from));
}

// The least and the greatest of values, and of steps between neighbours (which wrap at 32 bits).
struct Extents {
  std::int32_t low = std::numeric_limits<std::int32_t>::max();
  std::int32_t high = std::numeric_limits<std::int32_t>::min();
  std::int32_t step_low = std::numeric_limits<std::int32_t>::max();
  std::int32_t step_high = std::numeric_limits<std::int32_t>::min();

  void add(std::int32_t value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  void add_step(std::int32_t step) {
    step_low = std::min(step_low, step);
    step_high = std::max(step_high, step);
  }
};

// What offsets are relative to: the least value, or, for differences, the first value and the least step.
struct Frame {
  bool delta = false;
  std::int32_t first = 0;
  std::int32_t low = 0;
  std::uint32_t reach = std::numeric_limits<std::uint32_t>::max();  // no integer lies further from 0
};

// How many are further than 2^b, 2^(b+1), ... from something.
using FarCounts = std::array<std::uint32_t, 4>;

struct Kernels {
  const char* name;

  // Integers of decimals (decimal.hpp). Lists the positions of those that do not come back from 32 bits, in order, and
  // gives their number; their integers, and then the extents, are of no use.
  std::size_t (*scale32)(const float* values, std::size_t n, unsigned exponent, std::int32_t* integers,
                         std::uint16_t* exceptions, Extents& extents);
  std::size_t (*scale64)(const double* values, std::size_t n, unsigned exponent, std::int32_t* integers,
                         std::uint16_t* exceptions, Extents& extents);
  // The reverse, from offsets: one for each value; where differences are kept, the first must be 0.
  void (*unscale32)(const std::uint32_t* offsets, std::size_t n, const Frame& frame, unsigned exponent, float* values);
  void (*unscale64)(const std::uint32_t* offsets, std::size_t n, const Frame& frame, unsigned exponent, double* values);
  // The same without a power.
  void (*integers)(const std::uint32_t* offsets, std::size_t n, const Frame& frame, std::int32_t* out);
  Extents (*extents)(const std::int32_t* values, std::size_t n);
  // Offsets, taken as signed, that need more than bits + k bits besides their sign. bits + k goes up to 31.
  FarCounts (*count_far)(const std::int32_t* values, std::size_t n, const Frame& frame, unsigned bits);
  // The positions of offsets that are too wide, in order; gives their number. n - 1 offsets where differences are kept.
  std::size_t (*outside)(const std::int32_t* values, std::size_t n, const Frame& frame, unsigned width,
                         std::uint16_t* positions);
  // The low `width` bits of the offsets of n values (n - 1 where differences are kept), as in bit_packing.hpp.
  // Scribbles over up to kPackSlack bytes behind what counts.
  void (*pack)(const std::int32_t* values, std::size_t n, const Frame& frame, unsigned width, std::byte* out);
  // n values, and up to kPackGroup - 1 more. Does not read past `packed`, which is long enough.
  void (*unpack)(std::span<const std::byte> packed, std::size_t n, unsigned width, std::uint32_t* out);
};

// The fastest that this machine has.
const Kernels& best_kernels();
// All that were built and that this machine can run, the portable one first.
std::span<const Kernels* const> usable_kernels();

}  // namespace millwright::historian
