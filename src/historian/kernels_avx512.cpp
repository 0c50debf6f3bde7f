// The kernels for x86-64 processors with AVX-512F: sixteen 32-bit integers at a time where that helps; bits are packed
// the AVX2 way. The last few values go the portable way. MILLWRIGHT_AVX512_EMULATED, which a test sets, names a header
// that has the same intrinsics in plain C++, for machines without them.
#ifdef __x86_64__

#include <bit>

#ifdef MILLWRIGHT_AVX512_EMULATED
#include MILLWRIGHT_AVX512_EMULATED
#define MILLWRIGHT_VECTOR
#define MILLWRIGHT_VECTOR_INLINE inline
#define MILLWRIGHT_VECTOR_LAMBDA
#else
#include <immintrin.h>
#define MILLWRIGHT_VECTOR [[gnu::target("avx512f")]]
#define MILLWRIGHT_VECTOR_INLINE [[gnu::target("avx512f"), gnu::always_inline]] inline
#define MILLWRIGHT_VECTOR_LAMBDA __attribute__((target("avx512f"), always_inline))
#endif

#include "historian/kernels_portable.hpp"
#include "historian/kernels_single.hpp"

namespace millwright::historian {

extern const Kernels kAvx2Kernels;
const Kernels& avx512_kernels();

namespace {

constexpr std::size_t kLanes = 16;

using Whole = __m512i;

MILLWRIGHT_VECTOR_INLINE Whole load(const void* from) {
  return _mm512_loadu_si512(from);
}
MILLWRIGHT_VECTOR_INLINE void store(void* to, Whole value) {
  _mm512_storeu_si512(to, value);
}
MILLWRIGHT_VECTOR_INLINE Whole all_of(std::int32_t value) {
  return _mm512_set1_epi32(value);
}
MILLWRIGHT_VECTOR_INLINE Whole plus(Whole a, Whole b) {
  return _mm512_add_epi32(a, b);
}
MILLWRIGHT_VECTOR_INLINE Whole minus(Whole a, Whole b) {
  return _mm512_sub_epi32(a, b);
}
MILLWRIGHT_VECTOR_INLINE Whole lesser(Whole a, Whole b) {
  return _mm512_min_epi32(a, b);
}
MILLWRIGHT_VECTOR_INLINE Whole greater(Whole a, Whole b) {
  return _mm512_max_epi32(a, b);
}
MILLWRIGHT_VECTOR_INLINE Whole masked(Whole a, Whole b) {
  return _mm512_and_si512(a, b);
}
MILLWRIGHT_VECTOR_INLINE unsigned different(Whole a, Whole b) {
  return _mm512_cmpneq_epi32_mask(a, b);
}
MILLWRIGHT_VECTOR_INLINE std::int32_t least(Whole values) {
  return _mm512_reduce_min_epi32(values);
}
MILLWRIGHT_VECTOR_INLINE std::int32_t greatest(Whole values) {
  return _mm512_reduce_max_epi32(values);
}
MILLWRIGHT_VECTOR_INLINE std::int32_t first(Whole values) {
  return _mm_cvtsi128_si32(_mm512_castsi512_si128(values));
}
MILLWRIGHT_VECTOR_INLINE Whole last_of(Whole values) {
  return _mm512_permutexvar_epi32(_mm512_set1_epi32(kLanes - 1), values);
}
MILLWRIGHT_VECTOR_INLINE Whole moved_up(Whole before, Whole now) {
  return _mm512_alignr_epi32(now, before, kLanes - 1);
}
MILLWRIGHT_VECTOR_INLINE Whole second_twice(Whole v) {
  return _mm512_mask_permutexvar_epi32(v, 1, _mm512_set1_epi32(1), v);
}
MILLWRIGHT_VECTOR_INLINE __m512i join(__m256i low, __m256i high) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}
MILLWRIGHT_VECTOR_INLINE __m256i lower(__m512i all) {
  return _mm512_castsi512_si256(all);
}
MILLWRIGHT_VECTOR_INLINE __m256i upper(__m512i all) {
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
MILLWRIGHT_VECTOR_INLINE Factors factors(unsigned exponent) {
  const auto inverse = static_cast<float>(kInverses[exponent]);
  return {.power = _mm512_set1_pd(kPowers[exponent]),
          .inverse = _mm512_set1_pd(kInverses[exponent]),
          .single = exponent <= kSingleExponent,
          .power32 = _mm512_set1_ps(static_cast<float>(kPowers[exponent])),
          .inverse32 = _mm512_set1_ps(inverse),
          .rest32 = _mm512_set1_ps(static_cast<float>(kInverses[exponent] - static_cast<double>(inverse)))};
}

// integer / power, rounded right: see kernels_avx2.cpp.
MILLWRIGHT_VECTOR_INLINE __m512d divide(__m256i integers, const Factors& f) {
  const __m512d integer = _mm512_cvtepi32_pd(integers);
  const __m512d quotient = _mm512_mul_pd(integer, f.inverse);
  return _mm512_fmadd_pd(_mm512_fnmadd_pd(quotient, f.power, integer), f.inverse, quotient);
}
MILLWRIGHT_VECTOR_INLINE __m512i back32(__m256i low, __m256i high, const Factors& f) {
  const __m256 first = _mm512_cvtpd_ps(_mm512_mul_pd(_mm512_cvtepi32_pd(low), f.inverse));
  const __m256 second = _mm512_cvtpd_ps(_mm512_mul_pd(_mm512_cvtepi32_pd(high), f.inverse));
  return join(_mm256_castps_si256(first), _mm256_castps_si256(second));
}

MILLWRIGHT_VECTOR_INLINE __m512i back_single(__m512i integers, const Factors& f) {
  const __m512 wide = _mm512_cvtepi32_ps(integers);
  return _mm512_castps_si512(_mm512_fmadd_ps(wide, f.inverse32, _mm512_mul_ps(wide, f.rest32)));
}

// ---- scale --------------------------------------------------------------------------------------------------------

// Sixteen integers, and a bit for each that does not come back.
MILLWRIGHT_VECTOR_INLINE __m512i scale_group(const float* values, const Factors& f, unsigned& wrong) {
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
MILLWRIGHT_VECTOR_INLINE __m512i scale_group(const double* values, const Factors& f, unsigned& wrong) {
  const __m512d first = _mm512_loadu_pd(values);
  const __m512d second = _mm512_loadu_pd(values + kLanes / 2);
  const __m256i low = _mm512_cvtpd_epi32(_mm512_mul_pd(first, f.power));
  const __m256i high = _mm512_cvtpd_epi32(_mm512_mul_pd(second, f.power));
  const auto differ = [&f](__m256i integers, __m512d from) MILLWRIGHT_VECTOR_LAMBDA -> unsigned {
    return _mm512_cmpneq_epi64_mask(_mm512_castpd_si512(divide(integers, f)), _mm512_castpd_si512(from));
  };
  wrong = differ(low, first) | differ(high, second) << (kLanes / 2);
  return join(low, high);
}

// ---- back ----------------------------------------------------------------------------------------------------------

template <bool kSingle>
MILLWRIGHT_VECTOR_INLINE void unscale_group(__m512i integers, const Factors& f, float* values) {
  store(values, kSingle ? back_single(integers, f) : back32(lower(integers), upper(integers), f));
}
template <bool kSingle>
MILLWRIGHT_VECTOR_INLINE void unscale_group(__m512i integers, const Factors& f, double* values) {
  _mm512_storeu_pd(values, divide(lower(integers), f));
  _mm512_storeu_pd(values + kLanes / 2, divide(upper(integers), f));
}

// Each lane plus all lanes before it.
MILLWRIGHT_VECTOR_INLINE __m512i running_sum(__m512i v) {
  const __m512i zero = _mm512_setzero_si512();
  v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, kLanes - 1));
  v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, kLanes - 2));
  v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, kLanes - 4));
  return _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, kLanes - 8));
}

#include "historian/kernels_vector.inc"

MILLWRIGHT_VECTOR FarCounts count_far(const std::int32_t* values, std::size_t n, const Frame& frame, unsigned bits) {
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
