// Control chart constants, computed, not tabled: the distribution of the range W of n independent standard normal
// readings (L. H. C. Tippett, 1925). With Φ the normal distribution function,
//   d2(n) = E[W]   = ∫ 1 − Φ(x)^n − (1 − Φ(x))^n dx
//   E[W²]          = 2 ∬_{x<y} 1 − Φ(y)^n − (1 − Φ(x))^n + (Φ(y) − Φ(x))^n dx dy,   d3(n)² = E[W²] − d2(n)²
// A2 = 3 / (d2 √n), D3 = max(0, 1 − 3 d3/d2), D4 = 1 + 3 d3/d2 (D. C. Montgomery, Introduction to Statistical Quality
// Control, chapter 6). The standard deviation s of n such readings has the mean c4(n) = √(2/(n−1)) Γ(n/2) / Γ((n−1)/2)
// and the variance 1 − c4².
#pragma once

#include <cstdint>

namespace millwright::detection {

struct RangeConstants {
  double d2 = 0;
  double d3 = 0;
};

inline constexpr std::uint32_t kSubgroupMax = 1000;

// For 2 ≤ n ≤ kSubgroupMax. Takes milliseconds the first time for an n, then is remembered. From any thread.
RangeConstants range_constants(std::uint32_t n);

double c4(std::uint32_t n);  // for n ≥ 2

}  // namespace millwright::detection
