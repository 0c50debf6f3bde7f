#include "historian/decimal.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <type_traits>

#include "historian/kernels.hpp"

namespace millwright::historian {
namespace {

constexpr std::uint64_t kHalfRange = std::uint64_t{1} << 51;

template <typename T>
using BitsOf = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

// The integer of one value, and whether it gives the value back.
template <typename T>
bool comes_back(T value, unsigned exponent, std::uint64_t& integer) {
  const double shifted = static_cast<double>(value) * kPowers[exponent] + kRounder;
  integer = std::bit_cast<std::uint64_t>(shifted) - kRounderBits;
  const T back = static_cast<T>(from_integer<T>(shifted - kRounder, exponent));
  return (integer + kHalfRange) >> 52 == 0 && std::bit_cast<BitsOf<T>>(back) == std::bit_cast<BitsOf<T>>(value);
}

// One chunk without a branch. False where at least one value does not come back. The passes are apart so that each
// works on one width, as vector units like it.
template <typename T>
bool scale_chunk(const T* values, unsigned exponent, std::int64_t* integers) {
  const double power = kPowers[exponent];
  std::array<double, kDecimalChunk> wide;
  std::array<double, kDecimalChunk> back;
  std::array<std::uint64_t, kDecimalChunk> whole;
  for (std::size_t i = 0; i < kDecimalChunk; ++i) wide[i] = static_cast<double>(values[i]);
  std::uint64_t outside = 0;
  for (std::size_t i = 0; i < kDecimalChunk; ++i) {
    const double shifted = wide[i] * power + kRounder;
    whole[i] = std::bit_cast<std::uint64_t>(shifted) - kRounderBits;
    back[i] = from_integer<T>(shifted - kRounder, exponent);
  }
  for (std::size_t i = 0; i < kDecimalChunk; ++i) outside |= (whole[i] + kHalfRange) >> 52;
  std::array<T, kDecimalChunk> narrow;
  for (std::size_t i = 0; i < kDecimalChunk; ++i) narrow[i] = static_cast<T>(back[i]);
  BitsOf<T> differ = 0;
  for (std::size_t i = 0; i < kDecimalChunk; ++i) {
    differ |= std::bit_cast<BitsOf<T>>(narrow[i]) ^ std::bit_cast<BitsOf<T>>(values[i]);
  }
  std::copy(whole.begin(), whole.end(), reinterpret_cast<std::uint64_t*>(integers));
  return outside == 0 && differ == 0;
}

// The least exponent from `from` on that gives the value back; kMaxExponent + 1 where none does.
template <typename T>
unsigned exponent_of(T value, unsigned from) {
  std::uint64_t integer = 0;
  while (from <= kMaxExponent && !comes_back(value, from, integer)) ++from;
  return from;
}

constexpr std::size_t kSamples = 8;
constexpr unsigned kBitsPerDigit10 = 33;  // a tenth of the bits that a decimal digit takes

// Weighs the exponents that the samples ask for: a higher one widens every value, a lower one makes exceptions.
template <typename T>
std::optional<unsigned> weigh(const std::array<T, kSamples>& samples, std::size_t count) {
  std::array<unsigned, kSamples> wanted{};
  for (std::size_t i = 0; i < count; ++i) wanted[i] = exponent_of(samples[i], 0);
  const std::size_t exception = (sizeof(T) + sizeof(std::uint16_t)) * 8 * 10;
  std::optional<unsigned> best;
  // Plain is what all must beat.
  std::size_t least = count * sizeof(T) * 8 * 10;
  for (std::size_t i = 0; i < count; ++i) {
    if (wanted[i] > kMaxExponent) continue;
    const auto fails = static_cast<std::size_t>(
        std::count_if(wanted.begin(), wanted.begin() + count, [&](unsigned w) { return w > wanted[i]; }));
    const std::size_t cost = fails * exception + count * wanted[i] * kBitsPerDigit10;
    if (cost >= least) continue;
    least = cost;
    best = wanted[i];
  }
  return best;
}

// An exponent this much above the first sample's may be worth an exception instead.
constexpr unsigned kAlike = 2;
constexpr unsigned kUsualExponents = 8;

// The usual case: the least exponent that gives all samples back, from integers of 32 bits. Nothing where the samples
// are not alike.
template <typename T>
std::optional<unsigned> usual_exponent(const Kernels& kernels, const std::array<T, kSamples>& samples, std::size_t n) {
  std::array<std::int32_t, kSamples> integers;
  std::array<std::uint16_t, kSamples + 1> wrong;
  unsigned last = kUsualExponents;
  for (unsigned exponent = 0; exponent <= last; ++exponent) {
    Extents extents;
    std::size_t found = 0;
    if constexpr (sizeof(T) == 4) {
      found = kernels.scale32(samples.data(), n, exponent, integers.data(), wrong.data(), extents);
    } else {
      found = kernels.scale64(samples.data(), n, exponent, integers.data(), wrong.data(), extents);
    }
    if (found == 0) return exponent;
    if (last == kUsualExponents && wrong[0] != 0) last = std::min(exponent + kAlike, kUsualExponents - 1);
  }
  return std::nullopt;
}

}  // namespace

template <typename T>
std::optional<unsigned> choose_exponent(const Kernels& kernels, const T* values, std::size_t count) {
  const std::size_t n = std::min(count, kSamples);
  std::array<T, kSamples> samples{};
  for (std::size_t i = 0; i < n; ++i) samples[i] = values[i * count / n];
  if (const auto usual = usual_exponent(kernels, samples, n)) return usual;
  unsigned exponent = 0;
  unsigned first = 0;
  for (std::size_t i = 0; i < n && exponent <= kMaxExponent; ++i) {
    exponent = exponent_of(samples[i], exponent);
    if (i == 0) first = exponent;
  }
  const bool alike = exponent <= kMaxExponent && exponent <= first + kAlike;
  return alike ? std::optional(exponent) : weigh(samples, n);
}

template <typename T>
std::size_t scale(const T* values, std::size_t count, unsigned exponent, std::int64_t* integers,
                  std::uint16_t* exceptions) {
  std::size_t found = 0;
  std::int64_t filler = 0;
  bool has_filler = false;
  for (std::size_t at = 0; at < count; at += kDecimalChunk) {
    const std::size_t n = std::min(kDecimalChunk, count - at);
    const T* chunk = values + at;
    std::array<T, kDecimalChunk> padded;
    if (n < kDecimalChunk) {
      std::fill(std::copy(chunk, chunk + n, padded.begin()), padded.end(), chunk[0]);
      chunk = padded.data();
    }
    if (scale_chunk(chunk, exponent, integers + at)) {
      if (!has_filler) std::fill(integers, integers + at, integers[at]);
      has_filler = true;
      filler = integers[at + n - 1];
      continue;
    }
    for (std::size_t i = at; i < at + n; ++i) {
      std::uint64_t integer = 0;
      if (comes_back(values[i], exponent, integer)) {
        filler = integers[i];
        if (!has_filler) std::fill(integers, integers + i, filler);
        has_filler = true;
      } else {
        exceptions[found++] = static_cast<std::uint16_t>(i);
        integers[i] = filler;
      }
    }
  }
  return found;
}

template <typename T>
bool unscale(const std::int64_t* integers, std::size_t count, unsigned exponent, T* values) {
  std::uint64_t outside = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto integer = static_cast<std::uint64_t>(integers[i]);
    outside |= (integer + kHalfRange) >> 52;
    values[i] = static_cast<T>(from_integer<T>(std::bit_cast<double>(integer + kRounderBits) - kRounder, exponent));
  }
  return outside == 0;
}

template std::optional<unsigned> choose_exponent(const Kernels&, const float*, std::size_t);
template std::optional<unsigned> choose_exponent(const Kernels&, const double*, std::size_t);
template std::size_t scale(const float*, std::size_t, unsigned, std::int64_t*, std::uint16_t*);
template std::size_t scale(const double*, std::size_t, unsigned, std::int64_t*, std::uint16_t*);
template bool unscale(const std::int64_t*, std::size_t, unsigned, float*);
template bool unscale(const std::int64_t*, std::size_t, unsigned, double*);

}  // namespace millwright::historian
