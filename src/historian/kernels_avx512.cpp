// The kernels for x86-64 processors with AVX-512F: sixteen 32-bit integers at a time where that helps; bits are packed
// the AVX2 way. The last few values go the portable way. MILLWRIGHT_AVX512_EMULATED, which a test sets, names a header
// that has the same intrinsics in plain C++, for machines without them.
#ifdef __x86_64__

#include <bit>

#ifdef MILLWRIGHT_AVX512_EMULATED
#include MILLWRIGHT_AVX512_EMULATED
#define MILLWRIGHT_AVX512
#define MILLWRIGHT_AVX512_INLINE inline
#define MILLWRIGHT_AVX512_LAMBDA
#else
#include <immintrin.h>
#define MILLWRIGHT_AVX512 [[gnu::target("avx512f")]]
#define MILLWRIGHT_AVX512_INLINE [[gnu::target("avx512f"), gnu::always_inline]] inline
#define MILLWRIGHT_AVX512_LAMBDA __attribute__((target("avx512f"), always_inline))
#endif

#include "historian/kernels_portable.hpp"
#include "historian/kernels_single.hpp"

namespace millwright::historian {

extern const Kernels kAvx2Kernels;
const Kernels& avx512_kernels();

namespace {

constexpr std::size_t kLanes = 16;

MILLWRIGHT_AVX512_INLINE __m512i load(const void* from) {
  return _mm512_loadu_si512(from);
}
MILLWRIGHT_AVX512_INLINE void store(void* to, __m512i value) {
  _mm512_storeu_si512(to, value);
}
MILLWRIGHT_AVX512_INLINE __m512i join(__m256i low, __m256i high) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}
MILLWRIGHT_AVX512_INLINE __m256i lower(__m512i all) {
  return _mm512_castsi512_si256(all);
}
MILLWRIGHT_AVX512_INLINE __m256i upper(__m512i all) {
  return _mm512_extracti64x4_epi64(all, 1);
}

struct Factors {
  __m512d power;
  __m512d inverse;
  bool single;
  __m512 power32;
  __m512 inverse32;
  __m512 rest32;  // what inverse32 lacks
};
MILLWRIGHT_AVX512_INLINE Factors factors(unsigned exponent) {
  const auto inverse = static_cast<float>(kInverses[exponent]);
  return {.power = _mm512_set1_pd(kPowers[exponent]),
          .inverse = _mm512_set1_pd(kInverses[exponent]),
          .single = exponent <= kSingleExponent,
          .power32 = _mm512_set1_ps(static_cast<float>(kPowers[exponent])),
          .inverse32 = _mm512_set1_ps(inverse),
          .rest32 = _mm512_set1_ps(static_cast<float>(kInverses[exponent] - static_cast<double>(inverse)))};
}

// integer / power, rounded right: see kernels_avx2.cpp.
MILLWRIGHT_AVX512_INLINE __m512d divide(__m256i integers, const Factors& f) {
  const __m512d integer = _mm512_cvtepi32_pd(integers);
  const __m512d quotient = _mm512_mul_pd(integer, f.inverse);
  return _mm512_fmadd_pd(_mm512_fnmadd_pd(quotient, f.power, integer), f.inverse, quotient);
}
MILLWRIGHT_AVX512_INLINE __m512i back32(__m256i low, __m256i high, const Factors& f) {
  const __m256 first = _mm512_cvtpd_ps(_mm512_mul_pd(_mm512_cvtepi32_pd(low), f.inverse));
  const __m256 second = _mm512_cvtpd_ps(_mm512_mul_pd(_mm512_cvtepi32_pd(high), f.inverse));
  return join(_mm256_castps_si256(first), _mm256_castps_si256(second));
}

MILLWRIGHT_AVX512_INLINE __m512i back_single(__m512i integers, const Factors& f) {
  const __m512 wide = _mm512_cvtepi32_ps(integers);
  return _mm512_castps_si512(_mm512_fmadd_ps(wide, f.inverse32, _mm512_mul_ps(wide, f.rest32)));
}

// ---- scale --------------------------------------------------------------------------------------------------------

// Sixteen integers, and a bit for each that does not come back.
MILLWRIGHT_AVX512_INLINE __m512i scale_group(const float* values, const Factors& f, unsigned& wrong) {
  const __m512i all = load(values);
  if (f.single) {
    const __m512i integers = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_castsi512_ps(all), f.power32));
    const __m512i far = _mm512_and_si512(_mm512_add_epi32(integers, _mm512_set1_epi32(kSingleScale)),
                                         _mm512_set1_epi32(-2 * kSingleScale));
    wrong = 0;
    const __m512i bad = _mm512_or_si512(_mm512_xor_si512(back_single(integers, f), all), far);
    if (_mm512_test_epi32_mask(bad, bad) == 0) return integers;
  }
  const __m256 first = _mm256_castsi256_ps(lower(all));
  const __m256 second = _mm256_castsi256_ps(upper(all));
  const __m256i low = _mm512_cvtpd_epi32(_mm512_mul_pd(_mm512_cvtps_pd(first), f.power));
  const __m256i high = _mm512_cvtpd_epi32(_mm512_mul_pd(_mm512_cvtps_pd(second), f.power));
  wrong = _mm512_cmpneq_epi32_mask(back32(low, high, f), all);
  return join(low, high);
}
MILLWRIGHT_AVX512_INLINE __m512i scale_group(const double* values, const Factors& f, unsigned& wrong) {
  const __m512d first = _mm512_loadu_pd(values);
  const __m512d second = _mm512_loadu_pd(values + kLanes / 2);
  const __m256i low = _mm512_cvtpd_epi32(_mm512_mul_pd(first, f.power));
  const __m256i high = _mm512_cvtpd_epi32(_mm512_mul_pd(second, f.power));
  const auto differ = [&f](__m256i integers, __m512d from) MILLWRIGHT_AVX512_LAMBDA -> unsigned {
    return _mm512_cmpneq_epi64_mask(_mm512_castpd_si512(divide(integers, f)), _mm512_castpd_si512(from));
  };
  wrong = differ(low, first) | differ(high, second) << (kLanes / 2);
  return join(low, high);
}

// Least and greatest so far, of each lane.
struct LaneExtents {
  __m512i low;
  __m512i high;
};
MILLWRIGHT_AVX512_INLINE void add(LaneExtents& extents, __m512i values) {
  extents.low = _mm512_min_epi32(extents.low, values);
  extents.high = _mm512_max_epi32(extents.high, values);
}
MILLWRIGHT_AVX512_INLINE Extents joined(const LaneExtents& whole, const LaneExtents& steps) {
  return {_mm512_reduce_min_epi32(whole.low), _mm512_reduce_max_epi32(whole.high), _mm512_reduce_min_epi32(steps.low),
          _mm512_reduce_max_epi32(steps.high)};
}

template <typename T>
MILLWRIGHT_AVX512 std::size_t scale(const T* values, std::size_t n, unsigned exponent, std::int32_t* integers,
                                    std::uint16_t* exceptions, Extents& extents) {
  const Factors f = factors(exponent);
  std::size_t found = 0;
  std::size_t i = 0;
  if (n >= kLanes) {
    LaneExtents whole{_mm512_set1_epi32(extents.low), _mm512_set1_epi32(extents.high)};
    LaneExtents steps{_mm512_set1_epi32(extents.step_low), _mm512_set1_epi32(extents.step_high)};
    __m512i last = _mm512_setzero_si512();
    for (; i + kLanes <= n; i += kLanes) {
      unsigned wrong = 0;
      const __m512i now = scale_group(values + i, f, wrong);
      store(integers + i, now);
      for (; wrong != 0; wrong &= wrong - 1) {
        exceptions[found++] = static_cast<std::uint16_t>(i + static_cast<unsigned>(std::countr_zero(wrong)));
      }
      __m512i step = _mm512_sub_epi32(now, _mm512_alignr_epi32(now, last, kLanes - 1));
      // The very first has no step before it: its neighbour's stands in.
      if (i == 0) step = _mm512_mask_permutexvar_epi32(step, 1, _mm512_set1_epi32(1), step);
      add(whole, now);
      add(steps, step);
      last = now;
    }
    extents = joined(whole, steps);
  }
  return portable::scale(values, i, n, exponent, integers, exceptions, found, extents);
}

// ---- unscale ------------------------------------------------------------------------------------------------------

template <bool kSingle>
MILLWRIGHT_AVX512_INLINE void unscale_group(__m512i integers, const Factors& f, float* values) {
  store(values, kSingle ? back_single(integers, f) : back32(lower(integers), upper(integers), f));
}
template <bool kSingle>
MILLWRIGHT_AVX512_INLINE void unscale_group(__m512i integers, const Factors& f, double* values) {
  _mm512_storeu_pd(values, divide(lower(integers), f));
  _mm512_storeu_pd(values + kLanes / 2, divide(upper(integers), f));
}

// Each lane plus all lanes before it.
MILLWRIGHT_AVX512_INLINE __m512i running_sum(__m512i v) {
  const __m512i zero = _mm512_setzero_si512();
  v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, kLanes - 1));
  v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, kLanes - 2));
  v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, kLanes - 4));
  return _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, kLanes - 8));
}

// Gives each whole group of integers to `take(i, integers)`, then how far it came; `carry` goes along.
template <typename Take>
MILLWRIGHT_AVX512_INLINE std::size_t each_group(const std::uint32_t* offsets, std::size_t n, const Frame& frame,
                                                std::uint32_t& carry, Take take) {
  const __m512i low = _mm512_set1_epi32(frame.low);
  std::size_t i = 0;
  if (!frame.delta) {
    for (; i + kLanes <= n; i += kLanes) take(i, _mm512_add_epi32(load(offsets + i), low));
    return i;
  }
  __m512i sum = _mm512_set1_epi32(static_cast<int>(carry));
  const __m512i newest = _mm512_set1_epi32(kLanes - 1);
  for (; i + kLanes <= n; i += kLanes) {
    const __m512i steps = running_sum(_mm512_add_epi32(load(offsets + i), low));
    take(i, _mm512_add_epi32(steps, sum));
    sum = _mm512_add_epi32(sum, _mm512_permutexvar_epi32(newest, steps));
  }
  carry = static_cast<std::uint32_t>(_mm_cvtsi128_si32(_mm512_castsi512_si128(sum)));
  return i;
}

template <bool kSingle, typename T>
MILLWRIGHT_AVX512 void unscale_all(const std::uint32_t* offsets, std::size_t n, const Frame& frame, unsigned exponent,
                                   T* values) {
  const Factors f = factors(exponent);
  std::uint32_t carry = portable::first_carry(frame);
  const auto take = [&](std::size_t i, __m512i integers)
                        MILLWRIGHT_AVX512_LAMBDA { unscale_group<kSingle>(integers, f, values + i); };
  const std::size_t i = each_group(offsets, n, frame, carry, take);
  portable::unscale(offsets, i, n, frame, carry, exponent, values);
}

template <typename T>
void unscale(const std::uint32_t* offsets, std::size_t n, const Frame& frame, unsigned exponent, T* values) {
  if (single_is_enough<T>(exponent, frame)) return unscale_all<true>(offsets, n, frame, exponent, values);
  unscale_all<false>(offsets, n, frame, exponent, values);
}

MILLWRIGHT_AVX512 void integers(const std::uint32_t* offsets, std::size_t n, const Frame& frame, std::int32_t* out) {
  std::uint32_t carry = portable::first_carry(frame);
  const auto take = [&](std::size_t i, __m512i all) MILLWRIGHT_AVX512_LAMBDA { store(out + i, all); };
  const std::size_t i = each_group(offsets, n, frame, carry, take);
  portable::integers(offsets, i, n, frame, carry, out);
}

// ---- what offsets need --------------------------------------------------------------------------------------------

MILLWRIGHT_AVX512 Extents extents(const std::int32_t* values, std::size_t n) {
  Extents found;
  std::size_t i = 0;
  if (n > kLanes) {
    LaneExtents whole{_mm512_set1_epi32(found.low), _mm512_set1_epi32(found.high)};
    LaneExtents steps{_mm512_set1_epi32(found.step_low), _mm512_set1_epi32(found.step_high)};
    for (; i + kLanes < n; i += kLanes) {
      const __m512i now = load(values + i);
      add(whole, now);
      add(steps, _mm512_sub_epi32(load(values + i + 1), now));
    }
    found = joined(whole, steps);
  }
  return portable::extents(values, i, n, found);
}

MILLWRIGHT_AVX512_INLINE __m512i load_offsets(const std::int32_t* values, bool delta, __m512i low) {
  const __m512i now = load(values + (delta ? 1 : 0));
  return _mm512_sub_epi32(delta ? _mm512_sub_epi32(now, load(values)) : now, low);
}

MILLWRIGHT_AVX512 FarCounts count_far(const std::int32_t* values, std::size_t n, const Frame& frame, unsigned bits) {
  const std::size_t packed = frame.delta ? n - 1 : n;
  const __m512i low = _mm512_set1_epi32(frame.low);
  FarCounts found{};
  std::size_t i = 0;
  for (; i + kLanes <= packed; i += kLanes) {
    const __m512i offsets = load_offsets(values + i, frame.delta, low);
    const __m512i sizes = _mm512_xor_si512(offsets, _mm512_srai_epi32(offsets, 31));
    for (unsigned k = 0; k < found.size(); ++k) {
      const __m512i limit = _mm512_set1_epi32(static_cast<int>(portable::mask_of(std::min(bits + k, 31U))));
      found[k] += static_cast<unsigned>(std::popcount(static_cast<unsigned>(_mm512_cmpgt_epi32_mask(sizes, limit))));
    }
  }
  return portable::count_far(values, i, n, frame, bits, found);
}

MILLWRIGHT_AVX512 std::size_t outside(const std::int32_t* values, std::size_t n, const Frame& frame, unsigned width,
                                      std::uint16_t* positions) {
  const std::size_t packed = frame.delta ? n - 1 : n;
  const __m512i low = _mm512_set1_epi32(frame.low);
  const __m512i mask = _mm512_set1_epi32(static_cast<int>(portable::mask_of(width)));
  std::size_t found = 0;
  std::size_t i = 0;
  for (; i + kLanes <= packed; i += kLanes) {
    const __m512i offsets = load_offsets(values + i, frame.delta, low);
    unsigned wide = _mm512_cmpneq_epi32_mask(_mm512_and_si512(offsets, mask), offsets);
    for (; wide != 0; wide &= wide - 1) {
      positions[found++] = static_cast<std::uint16_t>(i + static_cast<unsigned>(std::countr_zero(wide)));
    }
  }
  return portable::outside(values, i, n, frame, width, positions, found);
}

Kernels with_avx2_packing() {
  return {
      .name = "avx512",
      .scale32 = scale<float>,
      .scale64 = scale<double>,
      .unscale32 = unscale<float>,
      .unscale64 = unscale<double>,
      .integers = integers,
      .extents = extents,
      .count_far = count_far,
      .outside = outside,
      .pack = kAvx2Kernels.pack,
      .unpack = kAvx2Kernels.unpack,
  };
}

}  // namespace

const Kernels& avx512_kernels() {
  static const Kernels kernels = with_avx2_packing();
  return kernels;
}

}  // namespace millwright::historian

#endif
