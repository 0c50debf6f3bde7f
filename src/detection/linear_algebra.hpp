// The linear algebra that detectors need, as functions of Matrix. The library behind it (Eigen) stays inside.
//
// Threads: pure functions. Errors: what cannot be decomposed (not finite, no convergence) is an Error.
#pragma once

#include <span>
#include <vector>

#include "core/result.hpp"
#include "detection/matrix.hpp"

namespace millwright::detection {

Matrix transposed(const Matrix& a);
Matrix product(const Matrix& a, const Matrix& b);

// Of a symmetric matrix: values from the greatest to the least, and of each its vector, a row of length 1.
struct EigenPairs {
  std::vector<double> values;
  Matrix vectors;
};
core::Result<EigenPairs> eigen_pairs(const Matrix& symmetric);

// How many of the values stand out of rounding: above 1e-10 of the greatest.
std::size_t rank(const EigenPairs& pairs);

// Σ vᵢ vᵢᵀ / √λᵢ over values above `least` of the greatest: the symmetric root of the (pseudo-)inverse.
Matrix inverse_root(const EigenPairs& pairs, double least);

// The x that minimises xᵀax - 2bᵀx, for a symmetric matrix without negative values, singular or not: a⁺b.
std::vector<double> solve(const Matrix& a, std::span<const double> b);

}  // namespace millwright::detection
