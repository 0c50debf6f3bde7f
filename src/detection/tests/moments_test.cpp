#include "detection/moments.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace millwright::detection {
namespace {

TEST(Moments, OfRowsWorkedOutByHand) {
  Moments moments(2);
  for (const auto& row : {std::vector{1.0, 2.0}, std::vector{3.0, 0.0}, std::vector{5.0, 1.0}}) moments.add(row);
  EXPECT_EQ(moments.count(), 3);
  EXPECT_DOUBLE_EQ(moments.mean()[0], 3);
  EXPECT_DOUBLE_EQ(moments.mean()[1], 1);
  const Matrix covariance = moments.covariance();
  EXPECT_DOUBLE_EQ(covariance(0, 0), 4);
  EXPECT_DOUBLE_EQ(covariance(1, 1), 1);
  EXPECT_DOUBLE_EQ(covariance(0, 1), -1);
  EXPECT_DOUBLE_EQ(covariance(1, 0), -1);
}

// Parts of any size, also empty ones, far from zero, merge into what one would have had of all rows.
TEST(Moments, PartsAddUp) {
  Moments whole(3);
  std::vector<Moments> parts(4, Moments(3));
  for (int i = 0; i < 1000; ++i) {
    const std::vector<double> row{1e6 + std::sin(i), std::cos(0.3 * i), 5 * std::sin(i) + std::cos(1.7 * i)};
    whole.add(row);
    parts[i < 10 ? 0 : i < 400 ? 1 : 3].add(row);
  }
  Moments sum(3);
  for (const Moments& part : parts) sum.merge(part);
  EXPECT_EQ(sum.count(), whole.count());
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(sum.mean()[i], whole.mean()[i], 1e-8);
    for (std::size_t j = 0; j < 3; ++j) EXPECT_NEAR(sum.covariance()(i, j), whole.covariance()(i, j), 1e-9);
  }
}

}  // namespace
}  // namespace millwright::detection
