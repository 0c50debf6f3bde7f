// Decimal: floats that are decimal numbers of a few digits, as integers and a power of ten, and back, exactly.
// float64 = integer / 10^exponent; float32 = integer * 10^-exponent in double, then rounded. Whatever does not come
// back bit for bit is an exception.
//
// Threads: pure functions. Limits: |integer| < 2^51, exponent 0 to kMaxExponent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace millwright::historian {

inline constexpr unsigned kMaxExponent = 15;
// scale() works on whole chunks: its output has room for whole_chunks(count).
inline constexpr std::size_t kDecimalChunk = 16;
constexpr std::size_t whole_chunks(std::size_t count) {
  return (count + kDecimalChunk - 1) / kDecimalChunk * kDecimalChunk;
}

// The exponent that looks cheapest from a sample; nothing where the values do not look like decimals.
template <typename T>
std::optional<unsigned> choose_exponent(const T* values, std::size_t count);

// Makes integers, and lists the positions that are exceptions, in order; gives their number. An exception's integer is
// some neighbour's, so that it costs no width. With nothing but exceptions all integers are 0.
template <typename T>
std::size_t scale(const T* values, std::size_t count, unsigned exponent, std::int64_t* integers,
                  std::uint16_t* exceptions);

// The reverse, exceptions aside. False where an integer is out of limits, which scale() never makes.
template <typename T>
bool unscale(const std::int64_t* integers, std::size_t count, unsigned exponent, T* values);

extern template std::optional<unsigned> choose_exponent(const float*, std::size_t);
extern template std::optional<unsigned> choose_exponent(const double*, std::size_t);
extern template std::size_t scale(const float*, std::size_t, unsigned, std::int64_t*, std::uint16_t*);
extern template std::size_t scale(const double*, std::size_t, unsigned, std::int64_t*, std::uint16_t*);
extern template bool unscale(const std::int64_t*, std::size_t, unsigned, float*);
extern template bool unscale(const std::int64_t*, std::size_t, unsigned, double*);

}  // namespace millwright::historian
