// The kernels for x86-64 processors with AVX2 and FMA: eight 32-bit integers at a time. The last few values, and widths
// that are rare, go the portable way.
#ifdef __x86_64__

#include <array>
#include <bit>
#include <cstring>

#include <immintrin.h>

#include "historian/kernels_portable.hpp"
#include "historian/kernels_single.hpp"

#define MILLWRIGHT_VECTOR [[gnu::target("avx2,fma")]]
#define MILLWRIGHT_VECTOR_INLINE [[gnu::target("avx2,fma"), gnu::always_inline]] inline
#define MILLWRIGHT_VECTOR_LAMBDA __attribute__((target("avx2,fma"), always_inline))

namespace millwright::historian {
namespace {

constexpr std::size_t kLanes = 8;
// Beyond, a value and the bits before it in its byte may not fit 32 bits; and four values may not fit 64.
constexpr unsigned kUnpackWidth = 25;
constexpr unsigned kPackWidth = 16;
constexpr unsigned kWidePackWidth = 31;  // and two may not fit 64

using Whole = __m256i;

MILLWRIGHT_VECTOR_INLINE Whole load(const void* from) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}
MILLWRIGHT_VECTOR_INLINE void store(void* to, Whole value) {
  _mm256_storeu_si256(static_cast<__m256i*>(to), value);
}
MILLWRIGHT_VECTOR_INLINE Whole all_of(std::int32_t value) {
  return _mm256_set1_epi32(value);
}
MILLWRIGHT_VECTOR_INLINE Whole plus(Whole a, Whole b) {
  return _mm256_add_epi32(a, b);
}
MILLWRIGHT_VECTOR_INLINE Whole minus(Whole a, Whole b) {
  return _mm256_sub_epi32(a, b);
}
MILLWRIGHT_VECTOR_INLINE Whole lesser(Whole a, Whole b) {
  return _mm256_min_epi32(a, b);
}
MILLWRIGHT_VECTOR_INLINE Whole greater(Whole a, Whole b) {
  return _mm256_max_epi32(a, b);
}
MILLWRIGHT_VECTOR_INLINE Whole masked(Whole a, Whole b) {
  return _mm256_and_si256(a, b);
}
MILLWRIGHT_VECTOR_INLINE unsigned different(Whole a, Whole b) {
  return static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(a, b)))) ^ 0xFFU;
}
MILLWRIGHT_VECTOR_INLINE std::int32_t least(Whole values) {
  __m128i v = _mm_min_epi32(_mm256_castsi256_si128(values), _mm256_extracti128_si256(values, 1));
  v = _mm_min_epi32(v, _mm_shuffle_epi32(v, 0x4E));
  return _mm_cvtsi128_si32(_mm_min_epi32(v, _mm_shuffle_epi32(v, 0xB1)));
}
MILLWRIGHT_VECTOR_INLINE std::int32_t greatest(Whole values) {
  __m128i v = _mm_max_epi32(_mm256_castsi256_si128(values), _mm256_extracti128_si256(values, 1));
  v = _mm_max_epi32(v, _mm_shuffle_epi32(v, 0x4E));
  return _mm_cvtsi128_si32(_mm_max_epi32(v, _mm_shuffle_epi32(v, 0xB1)));
}
MILLWRIGHT_VECTOR_INLINE std::int32_t first(Whole values) {
  return _mm256_cvtsi256_si32(values);
}
MILLWRIGHT_VECTOR_INLINE Whole last_of(Whole values) {
  return _mm256_permutevar8x32_epi32(values, _mm256_set1_epi32(kLanes - 1));
}
MILLWRIGHT_VECTOR_INLINE Whole moved_up(Whole before, Whole now) {
  return _mm256_alignr_epi8(now, _mm256_permute2x128_si256(before, now, 0x21), 12);
}
MILLWRIGHT_VECTOR_INLINE Whole second_twice(Whole v) {
  return _mm256_blend_epi32(v, _mm256_shuffle_epi32(v, 0xE5), 1);
}

// integer / power, rounded right, by a correction of the product with the inverse (P. Markstein, "Computation of
// elementary functions on the IBM RISC System/6000", 1990): a quarter of the time of the division itself. The product
// is less than 2 ulp off, so its remainder is exact, and what is added is off by less than 2^-51 ulp before the sum is
// rounded. An integer of 32 bits divided by 10^e is at least 2^-1 / 5^e ulp from where rounding turns, 2^-36 at e = 15.
MILLWRIGHT_VECTOR_INLINE __m256d divide(__m256d integer, __m256d power, __m256d inverse) {
  const __m256d quotient = _mm256_mul_pd(integer, inverse);
  return _mm256_fmadd_pd(_mm256_fnmadd_pd(quotient, power, integer), inverse, quotient);
}

// ---- scale --------------------------------------------------------------------------------------------------------

struct Factors {
  __m256d power;
  __m256d inverse;
  bool single;
  __m256 power32;
  __m256 inverse32;
  __m256 rest32;  // what inverse32 lacks
};
MILLWRIGHT_VECTOR_INLINE Factors factors(unsigned exponent) {
  const auto inverse = static_cast<float>(kInverses[exponent]);
  return {.power = _mm256_set1_pd(kPowers[exponent]),
          .inverse = _mm256_set1_pd(kInverses[exponent]),
          .single = exponent <= kSingleExponent,
          .power32 = _mm256_set1_ps(static_cast<float>(kPowers[exponent])),
          .inverse32 = _mm256_set1_ps(inverse),
          .rest32 = _mm256_set1_ps(static_cast<float>(kInverses[exponent] - static_cast<double>(inverse)))};
}

MILLWRIGHT_VECTOR_INLINE __m256i join(__m128i low, __m128i high) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

MILLWRIGHT_VECTOR_INLINE __m256 back32(__m128i low, __m128i high, const Factors& f) {
  const __m128 first = _mm256_cvtpd_ps(_mm256_mul_pd(_mm256_cvtepi32_pd(low), f.inverse));
  const __m128 second = _mm256_cvtpd_ps(_mm256_mul_pd(_mm256_cvtepi32_pd(high), f.inverse));
  return _mm256_insertf128_ps(_mm256_castps128_ps256(first), second, 1);
}

MILLWRIGHT_VECTOR_INLINE __m256 back_single(__m256i integers, const Factors& f) {
  const __m256 wide = _mm256_cvtepi32_ps(integers);
  return _mm256_fmadd_ps(wide, f.inverse32, _mm256_mul_ps(wide, f.rest32));
}

// Eight integers, and a bit for each that does not come back.
MILLWRIGHT_VECTOR_INLINE __m256i scale_group(const float* values, const Factors& f, unsigned& wrong) {
  const __m256 all = _mm256_loadu_ps(values);
  if (f.single) {
    const __m256i integers = _mm256_cvtps_epi32(_mm256_mul_ps(all, f.power32));
    const __m256i differ = _mm256_castps_si256(_mm256_xor_ps(back_single(integers, f), all));
    const __m256i far = _mm256_and_si256(_mm256_add_epi32(integers, _mm256_set1_epi32(kSingleScale)),
                                         _mm256_set1_epi32(-2 * kSingleScale));
    const __m256i bad = _mm256_or_si256(differ, far);
    wrong = 0;
    if (_mm256_testz_si256(bad, bad) != 0) return integers;
  }
  const __m128i low = _mm256_cvtpd_epi32(_mm256_mul_pd(_mm256_cvtps_pd(_mm256_castps256_ps128(all)), f.power));
  const __m128i high = _mm256_cvtpd_epi32(_mm256_mul_pd(_mm256_cvtps_pd(_mm256_extractf128_ps(all, 1)), f.power));
  const __m256i same = _mm256_cmpeq_epi32(_mm256_castps_si256(back32(low, high, f)), _mm256_castps_si256(all));
  wrong = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(same))) ^ 0xFFU;
  return join(low, high);
}

MILLWRIGHT_VECTOR_INLINE __m256i scale_group(const double* values, const Factors& f, unsigned& wrong) {
  const __m256d first = _mm256_loadu_pd(values);
  const __m256d second = _mm256_loadu_pd(values + 4);
  // As a rule all come back: then the rounder leaves integers in the lower halves of its sums, faster than conversions.
  const __m256d rounder = _mm256_set1_pd(kRounder);
  const __m256d sum_low = _mm256_fmadd_pd(first, f.power, rounder);
  const __m256d sum_high = _mm256_fmadd_pd(second, f.power, rounder);
  const __m256d back_low = divide(_mm256_sub_pd(sum_low, rounder), f.power, f.inverse);
  const __m256d back_high = divide(_mm256_sub_pd(sum_high, rounder), f.power, f.inverse);
  const __m256d differ = _mm256_or_pd(_mm256_xor_pd(back_low, first), _mm256_xor_pd(back_high, second));
  const __m256 sums_low = _mm256_castpd_ps(sum_low);
  const __m256 sums_high = _mm256_castpd_ps(sum_high);
  const __m256i lower = _mm256_castps_si256(_mm256_shuffle_ps(sums_low, sums_high, 0x88));
  const __m256i upper = _mm256_castps_si256(_mm256_shuffle_ps(sums_low, sums_high, 0xDD));
  // The upper halves of those that fit 32 bits hold nothing but the sign.
  const __m256i far = _mm256_xor_si256(_mm256_sub_epi32(upper, _mm256_srai_epi32(lower, 31)),
                                       _mm256_set1_epi32(static_cast<int>(kRounderBits >> 32)));
  const __m256i bad = _mm256_or_si256(_mm256_castpd_si256(differ), far);
  wrong = 0;
  if (_mm256_testz_si256(bad, bad) != 0) return _mm256_permute4x64_epi64(lower, 0xD8);
  const __m128i low = _mm256_cvtpd_epi32(_mm256_mul_pd(first, f.power));
  const __m128i high = _mm256_cvtpd_epi32(_mm256_mul_pd(second, f.power));
  const __m256i same_low = _mm256_cmpeq_epi64(_mm256_castpd_si256(divide(_mm256_cvtepi32_pd(low), f.power, f.inverse)),
                                              _mm256_castpd_si256(first));
  const __m256i same_high = _mm256_cmpeq_epi64(
      _mm256_castpd_si256(divide(_mm256_cvtepi32_pd(high), f.power, f.inverse)), _mm256_castpd_si256(second));
  wrong = (static_cast<unsigned>(_mm256_movemask_pd(_mm256_castsi256_pd(same_low))) |
           static_cast<unsigned>(_mm256_movemask_pd(_mm256_castsi256_pd(same_high))) << 4) ^
          0xFFU;
  return join(low, high);
}

// ---- unscale ------------------------------------------------------------------------------------------------------

template <bool kSingle>
MILLWRIGHT_VECTOR_INLINE void unscale_group(__m256i integers, const Factors& f, float* values) {
  _mm256_storeu_ps(values, kSingle
                               ? back_single(integers, f)
                               : back32(_mm256_castsi256_si128(integers), _mm256_extracti128_si256(integers, 1), f));
}
template <bool kSingle>
MILLWRIGHT_VECTOR_INLINE void unscale_group(__m256i integers, const Factors& f, double* values) {
  const __m256d low = _mm256_cvtepi32_pd(_mm256_castsi256_si128(integers));
  const __m256d high = _mm256_cvtepi32_pd(_mm256_extracti128_si256(integers, 1));
  _mm256_storeu_pd(values, divide(low, f.power, f.inverse));
  _mm256_storeu_pd(values + 4, divide(high, f.power, f.inverse));
}

// Each lane plus all lanes before it.
MILLWRIGHT_VECTOR_INLINE __m256i running_sum(__m256i v) {
  v = _mm256_add_epi32(v, _mm256_slli_si256(v, 4));
  v = _mm256_add_epi32(v, _mm256_slli_si256(v, 8));
  const __m256i low_half = _mm256_permute2x128_si256(v, v, 0x08);
  return _mm256_add_epi32(v, _mm256_shuffle_epi32(low_half, 0xFF));
}

#include "historian/kernels_vector.inc"

// ---- bit packing --------------------------------------------------------------------------------------------------

// Eight offsets as 8 * width bits: in pairs within 64 bits, then four within 64, then all.
MILLWRIGHT_VECTOR_INLINE void pack_group(__m256i offsets, unsigned width, std::byte* out) {
  const __m256i evens = _mm256_and_si256(offsets, _mm256_set1_epi64x(0xFFFFFFFF));
  const __m256i odds = _mm256_srl_epi64(offsets, _mm_cvtsi32_si128(static_cast<int>(32 - width)));
  const __m256i pairs = _mm256_or_si256(evens, odds);
  const __m256i upper = _mm256_sll_epi64(_mm256_bsrli_epi128(pairs, 8), _mm_cvtsi32_si128(static_cast<int>(2 * width)));
  const __m256i fours = _mm256_or_si256(pairs, upper);
  const auto first = static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm256_castsi256_si128(fours)));
  const auto second = static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm256_extracti128_si256(fours, 1)));
  std::array<std::uint64_t, 2> words{first, second};
  if (width < kPackWidth) words = {first | second << (4 * width), second >> (64 - 4 * width)};
  std::memcpy(out, words.data(), sizeof(words));
}

// The same where four fill more than 64 bits: pairs, then words.
MILLWRIGHT_VECTOR_INLINE void pack_wide_group(__m256i offsets, unsigned width, std::byte* out) {
  const __m256i lower = _mm256_set1_epi64x(0xFFFFFFFF);
  const __m256i evens = _mm256_and_si256(offsets, lower);
  const __m256i odds =
      _mm256_srl_epi64(_mm256_andnot_si256(lower, offsets), _mm_cvtsi32_si128(static_cast<int>(32 - width)));
  // A pair each; what of the second pair of a half lies in its first word, and what does not.
  alignas(32) std::array<std::uint64_t, 4> pairs;
  store(pairs.data(), _mm256_or_si256(evens, odds));
  const unsigned two = 2 * width;
  const unsigned over = 4 * width - 64;
  const std::uint64_t first = pairs[0] | pairs[1] << two;
  const std::uint64_t first_rest = pairs[1] >> (64 - two);
  const std::uint64_t second = pairs[2] | pairs[3] << two;
  const std::uint64_t second_rest = pairs[3] >> (64 - two);
  const std::array<std::uint64_t, 4> words{first, first_rest | second << over,
                                           second >> (64 - over) | second_rest << over, second_rest >> (64 - over)};
  std::memcpy(out, words.data(), sizeof(words));
}

MILLWRIGHT_VECTOR_INLINE std::uint32_t lane_sum(__m256i values) {
  __m128i v = _mm_add_epi32(_mm256_castsi256_si128(values), _mm256_extracti128_si256(values, 1));
  v = _mm_add_epi32(v, _mm_shuffle_epi32(v, 0x4E));
  return static_cast<std::uint32_t>(_mm_cvtsi128_si32(_mm_add_epi32(v, _mm_shuffle_epi32(v, 0xB1))));
}

MILLWRIGHT_VECTOR FarCounts count_far(const std::int32_t* values, std::size_t n, const Frame& frame, unsigned bits) {
  const std::size_t packed = frame.delta ? n - 1 : n;
  const __m256i low = _mm256_set1_epi32(frame.low);
  constexpr std::size_t kCounts = std::tuple_size_v<FarCounts>;
  __m256i limits[kCounts];
  __m256i counts[kCounts];
  for (unsigned k = 0; k < kCounts; ++k) {
    limits[k] = _mm256_set1_epi32(static_cast<int>(portable::mask_of(std::min(bits + k, 31U))));
    counts[k] = _mm256_setzero_si256();
  }
  std::size_t i = 0;
  for (; i + kLanes <= packed; i += kLanes) {
    const __m256i offsets = load_offsets(values + i, frame.delta, low);
    const __m256i sizes = _mm256_xor_si256(offsets, _mm256_srai_epi32(offsets, 31));
    for (std::size_t k = 0; k < kCounts; ++k) {
      counts[k] = _mm256_sub_epi32(counts[k], _mm256_cmpgt_epi32(sizes, limits[k]));
    }
  }
  FarCounts found{};
  for (std::size_t k = 0; k < kCounts; ++k) found[k] = lane_sum(counts[k]);
  return portable::count_far(values, i, n, frame, bits, found);
}

template <bool kWide>
MILLWRIGHT_VECTOR void pack_all(const std::int32_t* values, std::size_t n, const Frame& frame, unsigned width,
                                std::byte* out) {
  const auto put = [width](__m256i offsets, std::byte* to) MILLWRIGHT_VECTOR_LAMBDA {
    kWide ? pack_wide_group(offsets, width, to) : pack_group(offsets, width, to);
  };
  const std::size_t packed = frame.delta ? n - 1 : n;
  const __m256i low = _mm256_set1_epi32(frame.low);
  const __m256i mask = _mm256_set1_epi32(static_cast<int>(portable::mask_of(width)));
  std::size_t i = 0;
  for (; i + kLanes <= packed; i += kLanes, out += width) {
    put(_mm256_and_si256(load_offsets(values + i, frame.delta, low), mask), out);
  }
  if (i == packed) return;
  std::array<std::uint32_t, kLanes> last{};
  for (std::size_t k = 0; i + k < packed; ++k) last[k] = portable::offset(values, i + k, frame);
  put(_mm256_and_si256(load(last.data()), mask), out);
}

void pack(const std::int32_t* values, std::size_t n, const Frame& frame, unsigned width, std::byte* out) {
  if (width == 0) return;
  if (width <= kPackWidth) return pack_all<false>(values, n, frame, width, out);
  if (width <= kWidePackWidth) return pack_all<true>(values, n, frame, width, out);
  portable::pack(values, 0, n, frame, width, out);
}

// Where the eight values of a group lie: each half of a vector holds 16 bytes, the second from the byte where value 4
// begins. Four bytes a value, then a shift.
struct Layout {
  std::array<std::uint8_t, 32> bytes;
  std::array<std::uint32_t, 8> shifts;
};
constexpr std::array<Layout, kUnpackWidth + 1> layouts() {
  std::array<Layout, kUnpackWidth + 1> all{};
  for (unsigned width = 1; width <= kUnpackWidth; ++width) {
    for (unsigned i = 0; i < kLanes; ++i) {
      const unsigned bit = i * width - (i < 4 ? 0 : 4 * width / 8 * 8);
      for (unsigned b = 0; b < 4; ++b) all[width].bytes[i * 4 + b] = static_cast<std::uint8_t>(bit / 8 + b);
      all[width].shifts[i] = bit % 8;
    }
  }
  return all;
}
alignas(32) constexpr std::array<Layout, kUnpackWidth + 1> kLayouts = layouts();

// Reads 16 bytes from `half` on: the second half of the group.
MILLWRIGHT_VECTOR_INLINE __m256i unpack_group(const std::byte* packed, std::size_t half, __m256i bytes, __m256i shifts,
                                              __m256i mask) {
  const auto* low = reinterpret_cast<const __m128i*>(packed);
  const auto* high = reinterpret_cast<const __m128i*>(packed + half);
  const __m256i both = join(_mm_loadu_si128(low), _mm_loadu_si128(high));
  return _mm256_and_si256(_mm256_srlv_epi32(_mm256_shuffle_epi8(both, bytes), shifts), mask);
}

MILLWRIGHT_VECTOR void unpack(std::span<const std::byte> packed, std::size_t n, unsigned width, std::uint32_t* out) {
  if (width == 0 || width > kUnpackWidth) return portable::unpack(packed, n, width, out);
  const __m256i bytes = load(kLayouts[width].bytes.data());
  const __m256i shifts = load(kLayouts[width].shifts.data());
  const __m256i mask = _mm256_set1_epi32(static_cast<int>(portable::mask_of(width)));
  const std::size_t half = 4 * width / 8;
  const std::size_t reads = half + 16;
  std::size_t i = 0;
  std::size_t at = 0;
  for (; i < n && at + reads <= packed.size(); i += kLanes, at += width) {
    store(out + i, unpack_group(packed.data() + at, half, bytes, shifts, mask));
  }
  if (i >= n) return;
  // The last groups from a copy with room behind.
  constexpr std::size_t kReadsMax = kUnpackWidth / 2 + 16;
  std::array<std::byte, 2 * kReadsMax + kUnpackWidth> last{};
  const auto rest = packed.subspan(at);
  std::memcpy(last.data(), rest.data(), std::min(rest.size(), kReadsMax));
  for (at = 0; i < n; i += kLanes, at += width) {
    store(out + i, unpack_group(last.data() + at, half, bytes, shifts, mask));
  }
}

}  // namespace

extern const Kernels kAvx2Kernels;
constinit const Kernels kAvx2Kernels{
    .name = "avx2",
    .scale32 = scale<float>,
    .scale64 = scale<double>,
    .unscale32 = unscale<float>,
    .unscale64 = unscale<double>,
    .integers = integers,
    .extents = extents,
    .count_far = count_far,
    .outside = outside,
    .pack = pack,
    .unpack = unpack,
};

}  // namespace millwright::historian

#endif
