// The kernels in plain C++, from any position on: the whole work where the processor has nothing better, and the last
// few values, which fill no vector, where it has. See kernels.hpp.
#pragma once

#include <array>
#include <bit>
#include <type_traits>

#include "historian/bit_packing.hpp"
#include "historian/decimal.hpp"
#include "historian/kernels.hpp"

namespace millwright::historian::portable {

template <typename T>
using BitsOf = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

// As processors convert: to the nearest, halves to the even one; INT32_MIN for whatever does not fit.
inline std::int32_t nearest(double value) {
  const double whole = value + kRounder - kRounder;
  if (!(whole >= std::numeric_limits<std::int32_t>::min() && whole <= std::numeric_limits<std::int32_t>::max())) {
    return std::numeric_limits<std::int32_t>::min();
  }
  return static_cast<std::int32_t>(whole);
}

// Values `from` to n - 1; `found` exceptions are listed already. Gives how many there are then.
template <typename T>
std::size_t scale(const T* values, std::size_t from, std::size_t n, unsigned exponent, std::int32_t* integers,
                  std::uint16_t* exceptions, std::size_t found, Extents& extents) {
  const double power = kPowers[exponent];
  for (std::size_t i = from; i < n; ++i) {
    const std::int32_t integer = nearest(static_cast<double>(values[i]) * power);
    const T back = static_cast<T>(from_integer<T>(integer, exponent));
    integers[i] = integer;
    exceptions[found] = static_cast<std::uint16_t>(i);
    found += std::bit_cast<BitsOf<T>>(back) != std::bit_cast<BitsOf<T>>(values[i]) ? 1 : 0;
    extents.add(integer);
    if (i > 0) extents.add_step(wrapping_step(integers[i - 1], integer));
  }
  return found;
}

// Offsets `from` to n - 1 as integers; `carry` is the one before them where differences are kept.
template <typename Take>
void each_integer(const std::uint32_t* offsets, std::size_t from, std::size_t n, const Frame& frame,
                  std::uint32_t carry, Take take) {
  const auto low = static_cast<std::uint32_t>(frame.low);
  for (std::size_t i = from; i < n; ++i) {
    carry = offsets[i] + low + (frame.delta ? carry : 0);
    take(i, static_cast<std::int32_t>(carry));
  }
}
template <typename T>
void unscale(const std::uint32_t* offsets, std::size_t from, std::size_t n, const Frame& frame, std::uint32_t carry,
             unsigned exponent, T* values) {
  each_integer(offsets, from, n, frame, carry, [&](std::size_t i, std::int32_t integer) {
    values[i] = static_cast<T>(from_integer<T>(integer, exponent));
  });
}
inline void integers(const std::uint32_t* offsets, std::size_t from, std::size_t n, const Frame& frame,
                     std::uint32_t carry, std::int32_t* out) {
  each_integer(offsets, from, n, frame, carry, [&](std::size_t i, std::int32_t integer) { out[i] = integer; });
}
// The carry before the first offset, which is 0.
inline std::uint32_t first_carry(const Frame& frame) {
  return static_cast<std::uint32_t>(frame.first) - static_cast<std::uint32_t>(frame.low);
}

// Of the values from `from` on, and the steps that begin there.
inline Extents extents(const std::int32_t* values, std::size_t from, std::size_t n, Extents found) {
  for (std::size_t i = from; i < n; ++i) {
    found.add(values[i]);
    if (i + 1 < n) found.add_step(wrapping_step(values[i], values[i + 1]));
  }
  return found;
}

inline std::uint32_t mask_of(unsigned width) {
  return width >= 32 ? ~std::uint32_t{0} : (std::uint32_t{1} << width) - 1;
}
inline std::uint32_t offset(const std::int32_t* values, std::size_t i, const Frame& frame) {
  const std::int32_t value = frame.delta ? wrapping_step(values[i], values[i + 1]) : values[i];
  return static_cast<std::uint32_t>(value) - static_cast<std::uint32_t>(frame.low);
}

inline FarCounts count_far(const std::int32_t* values, std::size_t from, std::size_t n, const Frame& frame,
                           unsigned bits, FarCounts counts) {
  const std::size_t packed = frame.delta ? n - 1 : n;
  for (std::size_t i = from; i < packed; ++i) {
    const auto signed_offset = static_cast<std::int32_t>(offset(values, i, frame));
    const auto size = static_cast<std::uint32_t>(signed_offset ^ (signed_offset >> 31));
    for (unsigned k = 0; k < counts.size(); ++k) counts[k] += size > mask_of(std::min(bits + k, 31U)) ? 1 : 0;
  }
  return counts;
}

inline std::size_t outside(const std::int32_t* values, std::size_t from, std::size_t n, const Frame& frame,
                           unsigned width, std::uint16_t* positions, std::size_t found) {
  const std::size_t packed = frame.delta ? n - 1 : n;
  for (std::size_t i = from; i < packed; ++i) {
    if (offset(values, i, frame) > mask_of(width)) positions[found++] = static_cast<std::uint16_t>(i);
  }
  return found;
}

inline constexpr std::size_t kChunk = 8 * kPackGroup;

// `from` is a whole number of groups; `out` is where its group goes.
inline void pack(const std::int32_t* values, std::size_t from, std::size_t n, const Frame& frame, unsigned width,
                 std::byte* out) {
  const std::size_t packed = frame.delta ? n - 1 : n;
  std::array<std::uint64_t, kChunk> offsets;
  for (std::size_t at = from; at < packed; at += kChunk, out += kChunk / 8 * width) {
    const std::size_t count = std::min(kChunk, packed - at);
    for (std::size_t i = 0; i < count; ++i) offsets[i] = offset(values, at + i, frame) & mask_of(width);
    std::fill(offsets.begin() + count, offsets.begin() + whole_groups(count), 0);
    pack_bits(offsets.data(), count, width, out);
  }
}

inline void unpack(std::span<const std::byte> packed, std::size_t n, unsigned width, std::uint32_t* out) {
  std::array<std::uint64_t, kChunk> wide;
  for (std::size_t at = 0; at < n; at += kChunk) {
    const std::size_t count = std::min(kChunk, n - at);
    unpack_bits(packed.subspan(at / 8 * width), count, width, wide.data());
    for (std::size_t i = 0; i < count; ++i) out[at + i] = static_cast<std::uint32_t>(wide[i]);
  }
}

}  // namespace millwright::historian::portable
