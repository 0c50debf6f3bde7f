// Decimal: floats that are decimal numbers of a few digits, as integers and a power of ten, and back, exactly.
// float64 = integer / 10^exponent; float32 = integer * 10^-exponent in double, then rounded. Whatever does not come
// back bit for bit is an exception.
//
// Threads: pure functions. Limits: |integer| < 2^51, exponent 0 to kMaxExponent.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace millwright::historian {

struct Kernels;

inline constexpr unsigned kMaxExponent = 15;

// Adding 1.5 * 2^52 leaves a double no bits for a fraction: it rounds to an integer, which then stands in its low bits.
// Works up to 2^51 on both sides, and in two instructions that every processor has for vectors.
inline constexpr double kRounder = 0x1.8p52;
inline constexpr auto kRounderBits = std::bit_cast<std::uint64_t>(kRounder);

inline constexpr std::array<double, kMaxExponent + 1> kPowers{1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                              1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

// Divided by in one step, which rounds right, so that any double of up to 15 digits comes back. A float32 has bits to
// spare in a double: there the product with the inverse comes back as well, and is much cheaper.
inline constexpr std::array<double, kMaxExponent + 1> kInverses{1,    1e-1, 1e-2,  1e-3,  1e-4,  1e-5,  1e-6,  1e-7,
                                                                1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15};

template <typename T>
double from_integer(double integer, unsigned exponent) {
  if constexpr (sizeof(T) == 4) return integer * kInverses[exponent];
  return integer / kPowers[exponent];
}

// scale() works on whole chunks: its output has room for whole_chunks(count).
inline constexpr std::size_t kDecimalChunk = 16;
constexpr std::size_t whole_chunks(std::size_t count) {
  return (count + kDecimalChunk - 1) / kDecimalChunk * kDecimalChunk;
}

// The exponent that looks cheapest from a sample; nothing where the values do not look like decimals.
template <typename T>
std::optional<unsigned> choose_exponent(const Kernels& kernels, const T* values, std::size_t count);

// For integers of any size; the kernels do the same for those of 32 bits, faster.
// Makes integers, and lists the positions that are exceptions, in order; gives their number. An exception's integer is
// some neighbour's, so that it costs no width. With nothing but exceptions all integers are 0.
template <typename T>
std::size_t scale(const T* values, std::size_t count, unsigned exponent, std::int64_t* integers,
                  std::uint16_t* exceptions);

// The reverse, exceptions aside. False where an integer is out of limits, which scale() never makes.
template <typename T>
bool unscale(const std::int64_t* integers, std::size_t count, unsigned exponent, T* values);

extern template std::optional<unsigned> choose_exponent(const Kernels&, const float*, std::size_t);
extern template std::optional<unsigned> choose_exponent(const Kernels&, const double*, std::size_t);
extern template std::size_t scale(const float*, std::size_t, unsigned, std::int64_t*, std::uint16_t*);
extern template std::size_t scale(const double*, std::size_t, unsigned, std::int64_t*, std::uint16_t*);
extern template bool unscale(const std::int64_t*, std::size_t, unsigned, float*);
extern template bool unscale(const std::int64_t*, std::size_t, unsigned, double*);

}  // namespace millwright::historian
