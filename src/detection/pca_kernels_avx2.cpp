// The kernel for x86-64 processors with AVX2 and FMA: 24 rows at a time, as three vectors. Their deviations are worked
// out once, into a scratch that stays in the first cache; then up to four components are summed together, so that
// twelve sums are under way in registers and each load serves several.
#ifdef __x86_64__

#include <algorithm>
#include <array>

#include <immintrin.h>

#include "detection/pca_kernels.hpp"

#define MILLWRIGHT_AVX2 [[gnu::target("avx2,fma")]]
#define MILLWRIGHT_AVX2_INLINE [[gnu::target("avx2,fma"), gnu::always_inline]] inline
// Without it the sums of a tile would live in memory.
#ifdef __clang__
#define MILLWRIGHT_UNROLL _Pragma("unroll")
#else
#define MILLWRIGHT_UNROLL _Pragma("GCC unroll 4")
#endif

namespace millwright::detection {
namespace {

constexpr std::size_t kLanes = 8;
constexpr std::size_t kVectors = 3;
constexpr std::size_t kTile = kLanes * kVectors;
constexpr std::size_t kTogether = 4;

struct Tile {  // plain arrays: a template would drop the vectors' alignment
  __m256 v[kVectors];
};
struct Sums {
  Tile t2;
  Tile rest;  // of the squared deviation
};

MILLWRIGHT_AVX2_INLINE void clear(Tile& tile) {
  MILLWRIGHT_UNROLL
  for (__m256& one : tile.v) one = _mm256_setzero_ps();
}

// Deviations of one tile; `rest` gets their squares' sum.
MILLWRIGHT_AVX2_INLINE void centre(const PcaCoefficients& pca, const float* const* columns, std::size_t first, float* z,
                                   Sums& sums) {
  for (std::size_t j = 0; j < pca.sensors; ++j, z += kTile) {
    const __m256 middle = _mm256_broadcast_ss(&pca.centre[j]);
    const __m256 scale = _mm256_broadcast_ss(&pca.inverse_spread[j]);
    MILLWRIGHT_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) {
      const __m256 x = _mm256_loadu_ps(columns[j] + first + v * kLanes);
      const __m256 deviation = _mm256_mul_ps(_mm256_sub_ps(x, middle), scale);
      sums.rest.v[v] = _mm256_fmadd_ps(deviation, deviation, sums.rest.v[v]);
      _mm256_storeu_ps(z + v * kLanes, deviation);
    }
  }
}

// `Count` components from `first`.
template <std::size_t Count>
MILLWRIGHT_AVX2_INLINE void project(const PcaCoefficients& pca, std::size_t first, const float* z, Sums& sums) {
  Tile t[Count];
  MILLWRIGHT_UNROLL
  for (Tile& one : t) clear(one);
  const float* loading = pca.loadings.data() + first * pca.sensors;
  for (std::size_t j = 0; j < pca.sensors; ++j, z += kTile) {
    const __m256 z0 = _mm256_loadu_ps(z);
    const __m256 z1 = _mm256_loadu_ps(z + kLanes);
    const __m256 z2 = _mm256_loadu_ps(z + 2 * kLanes);
    MILLWRIGHT_UNROLL
    for (std::size_t k = 0; k < Count; ++k) {
      const __m256 p = _mm256_broadcast_ss(loading + k * pca.sensors + j);
      t[k].v[0] = _mm256_fmadd_ps(p, z0, t[k].v[0]);
      t[k].v[1] = _mm256_fmadd_ps(p, z1, t[k].v[1]);
      t[k].v[2] = _mm256_fmadd_ps(p, z2, t[k].v[2]);
    }
  }
  MILLWRIGHT_UNROLL
  for (std::size_t k = 0; k < Count; ++k) {
    const __m256 inverse = _mm256_broadcast_ss(&pca.inverse_variance[first + k]);
    MILLWRIGHT_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) {
      const __m256 square = _mm256_mul_ps(t[k].v[v], t[k].v[v]);
      sums.t2.v[v] = _mm256_fmadd_ps(square, inverse, sums.t2.v[v]);
      sums.rest.v[v] = _mm256_sub_ps(sums.rest.v[v], square);
    }
  }
}

MILLWRIGHT_AVX2_INLINE void score_tile(const PcaCoefficients& pca, const float* const* columns, std::size_t first,
                                       float* z, float* t2, float* spe) {
  Sums sums;
  clear(sums.t2);
  clear(sums.rest);
  centre(pca, columns, first, z, sums);
  // Groups of nearly the same size: 10 as 4, 3 and 3.
  std::size_t groups = (pca.components + kTogether - 1) / kTogether;
  for (std::size_t k = 0; k < pca.components; --groups) {
    const std::size_t count = (pca.components - k + groups - 1) / groups;
    if (count == 4) project<4>(pca, k, z, sums);
    if (count == 3) project<3>(pca, k, z, sums);
    if (count == 2) project<2>(pca, k, z, sums);
    if (count == 1) project<1>(pca, k, z, sums);
    k += count;
  }
  MILLWRIGHT_UNROLL
  for (std::size_t v = 0; v < kVectors; ++v) {
    _mm256_storeu_ps(t2 + v * kLanes, sums.t2.v[v]);
    _mm256_storeu_ps(spe + v * kLanes, _mm256_max_ps(sums.rest.v[v], _mm256_setzero_ps()));
  }
}

MILLWRIGHT_AVX2 void score(const PcaCoefficients& pca, const float* const* columns, std::size_t n, float* t2,
                           float* spe) {
  std::vector<float> z(pca.sensors * kTile);
  std::size_t i = 0;
  for (; i + kTile <= n; i += kTile) score_tile(pca, columns, i, z.data(), t2 + i, spe + i);
  if (i == n) return;
  // The last few, filled up with zeros to a tile.
  std::vector<float> tail(pca.sensors * kTile);
  std::vector<const float*> tails(pca.sensors);
  for (std::size_t j = 0; j < pca.sensors; ++j) {
    tails[j] = tail.data() + j * kTile;
    std::copy(columns[j] + i, columns[j] + n, tail.data() + j * kTile);
  }
  std::array<float, kTile> last_t2;
  std::array<float, kTile> last_spe;
  score_tile(pca, tails.data(), 0, z.data(), last_t2.data(), last_spe.data());
  std::copy_n(last_t2.data(), n - i, t2 + i);
  std::copy_n(last_spe.data(), n - i, spe + i);
}

}  // namespace

extern const PcaKernels kAvx2PcaKernels;
constexpr PcaKernels kAvx2PcaKernels{.name = "avx2", .score = score};

}  // namespace millwright::detection

#endif
