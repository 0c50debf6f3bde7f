// What a control chart needs of the readings of a subgroup, or of a part of one: sum, extremes.
//
// Threads: pure. Four additions go on beside each other; their order, and so the last bits of the sum, is fixed by the
// length alone and the same for float32 with and without vectors.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace millwright::detection {

struct SubgroupPart {
  double sum = 0;
  double min = 0;
  double max = 0;
};

namespace detail {

template <typename T>
struct Lanes {
  std::array<double, 4> sums{};
  T low;
  T high;
};

template <typename T>
void take_four(const T* values, Lanes<T>& lanes) {
  for (std::size_t j = 0; j < 4; ++j) {
    lanes.sums[j] += static_cast<double>(values[j]);
    lanes.low = std::min(lanes.low, values[j]);
    lanes.high = std::max(lanes.high, values[j]);
  }
}

// All whole fours of `values`; gives how many values that were.
template <typename T>
std::size_t take_fours(std::span<const T> values, Lanes<T>& lanes) {
  std::size_t i = 0;
  for (; i + 4 <= values.size(); i += 4) take_four(values.data() + i, lanes);
  return i;
}

#if defined(__SSE2__)
inline std::size_t take_fours(std::span<const float> values, Lanes<float>& lanes) {
  __m128 lows = _mm_set1_ps(lanes.low);
  __m128 highs = lows;
  __m128d sums01 = _mm_setzero_pd();
  __m128d sums23 = _mm_setzero_pd();
  std::size_t i = 0;
  for (; i + 4 <= values.size(); i += 4) {
    const __m128 x = _mm_loadu_ps(values.data() + i);
    lows = _mm_min_ps(lows, x);
    highs = _mm_max_ps(highs, x);
    sums01 = _mm_add_pd(sums01, _mm_cvtps_pd(x));
    sums23 = _mm_add_pd(sums23, _mm_cvtps_pd(_mm_movehl_ps(x, x)));
  }
  std::array<float, 4> low;
  std::array<float, 4> high;
  _mm_storeu_ps(low.data(), lows);
  _mm_storeu_ps(high.data(), highs);
  lanes.low = *std::min_element(low.begin(), low.end());
  lanes.high = *std::max_element(high.begin(), high.end());
  _mm_storeu_pd(lanes.sums.data(), sums01);
  _mm_storeu_pd(lanes.sums.data() + 2, sums23);
  return i;
}
#endif

}  // namespace detail

// `values` is not empty.
template <typename T>
SubgroupPart summarise(std::span<const T> values) {
  detail::Lanes<T> lanes{.low = values[0], .high = values[0]};
  std::size_t i = detail::take_fours(values, lanes);
  double rest = 0;
  for (; i < values.size(); ++i) {
    rest += static_cast<double>(values[i]);
    lanes.low = std::min(lanes.low, values[i]);
    lanes.high = std::max(lanes.high, values[i]);
  }
  const double sum = (lanes.sums[0] + lanes.sums[2]) + (lanes.sums[1] + lanes.sums[3]) + rest;
  return {sum, static_cast<double>(lanes.low), static_cast<double>(lanes.high)};
}

// Σ (x − from)². With a reading of the subgroup as `from`, nothing is lost to a large mean.
template <typename T>
double sum_of_squares(std::span<const T> values, double from) {
  double sum = 0;
  for (const T value : values) sum += (static_cast<double>(value) - from) * (static_cast<double>(value) - from);
  return sum;
}

}  // namespace millwright::detection
