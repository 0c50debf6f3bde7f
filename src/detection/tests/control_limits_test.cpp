#include "detection/control_limits.hpp"

#include <array>
#include <cmath>
#include <random>

#include <gtest/gtest.h>

namespace millwright::detection {
namespace {

TEST(ControlLimits, QuantilesAgreeWithTheTables) {
  EXPECT_NEAR(normal_quantile(0.975), 1.959963985, 1e-8);
  EXPECT_NEAR(normal_quantile(0.01), -2.326347874, 1e-8);
  // Montgomery, appendix V.
  EXPECT_NEAR(f_quantile(0.95, 2, 10), 4.10, 5e-3);
  EXPECT_NEAR(f_quantile(0.99, 5, 20), 4.10, 5e-3);
  EXPECT_NEAR(f_quantile(0.99, 10, 100), 2.503, 1e-3);
  EXPECT_NEAR(f_quantile(0.95, 1, 1e9), 1.959963985 * 1.959963985, 1e-5);  // a chi-square
}

TEST(ControlLimits, T2IsTracyYoungAndMasons) {
  // k = 2, n = 20: 2 · 399 / (20 · 18) · F(.99; 2, 18) = 2.2166… · 6.0129…
  EXPECT_NEAR(t2_limit(2, 20, 0.01), 2 * 399.0 / 360 * 6.01290, 1e-3);
  EXPECT_NEAR(t2_limit(1, 1'000'000, 0.05), 3.8415, 1e-3);
}

TEST(ControlLimits, SpeOfEqualEigenvaluesIsWilsonAndHilfertys) {
  // h0 = 1/3: the cube-root approximation of a chi-square of 10 degrees of freedom, 99 %: 23.209 exactly.
  const std::array<double, 10> equal{1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  EXPECT_NEAR(spe_limit(equal, 0.01), 10 * std::pow(1 - 2.0 / 90 + 2.326347874 * std::sqrt(2.0 / 90), 3), 1e-6);
  EXPECT_NEAR(spe_limit(equal, 0.01), 23.209, 0.06);
}

// The share of sums Σ λ z² above the limit, by simulation.
double share_above(std::span<const double> eigenvalues, double limit) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> normal;
  int above = 0;
  constexpr int kTrials = 200'000;
  for (int i = 0; i < kTrials; ++i) {
    double sum = 0;
    for (const double value : eigenvalues) {
      const double z = normal(random);
      sum += value * z * z;
    }
    above += sum > limit ? 1 : 0;
  }
  return above / double{kTrials};
}

TEST(ControlLimits, SpeHoldsWhatItPromises) {
  const std::array<double, 4> mixed{2, 1, 0.5, 0.1};
  EXPECT_NEAR(share_above(mixed, spe_limit(mixed, 0.01)), 0.01, 0.0025);
  EXPECT_NEAR(share_above(mixed, spe_limit(mixed, 0.05)), 0.05, 0.003);
  // One large and many small: h0 is below 0 here, where copies without the sign go wrong.
  std::array<double, 101> skewed{};
  skewed.fill(0.05);
  skewed[0] = 1;
  double theta1 = 0;
  double theta2 = 0;
  double theta3 = 0;
  for (const double v : skewed) {
    theta1 += v;
    theta2 += v * v;
    theta3 += v * v * v;
  }
  ASSERT_LT(1 - 2 * theta1 * theta3 / (3 * theta2 * theta2), 0);
  EXPECT_GT(spe_limit(skewed, 0.01), theta1);
  // Rough there, and on the safe side.
  EXPECT_NEAR(share_above(skewed, spe_limit(skewed, 0.05)), 0.035, 0.015);
}

TEST(ControlLimits, QuantileLiesBetweenNeighbours) {
  std::vector<double> values{5, 1, 4, 2, 3};
  EXPECT_DOUBLE_EQ(quantile(values, 0), 1);
  EXPECT_DOUBLE_EQ(quantile(values, 1), 5);
  EXPECT_DOUBLE_EQ(quantile(values, 0.5), 3);
  EXPECT_DOUBLE_EQ(quantile(values, 0.9), 4.6);
}

}  // namespace
}  // namespace millwright::detection
