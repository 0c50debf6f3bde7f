// Control limits of multivariate statistics: from theory, for normal rows that are independent, and from the training
// rows themselves.
//
// T², of k components that n rows have taught, for a row that is not among them (N. D. Tracy, J. C. Young, R. L. Mason,
// 1992):  k (n² - 1) / (n (n - k)) · F(1 - α; k, n - k).
//
// SPE, whose residual covariance has the eigenvalues λ (J. E. Jackson, G. S. Mudholkar, 1979), with θᵢ = Σ λⁱ and
// h₀ = 1 - 2 θ₁ θ₃ / (3 θ₂²):
//   (SPE / θ₁)^h₀ is normal, of mean 1 + θ₂ h₀ (h₀ - 1) / θ₁² and of variance 2 θ₂ h₀² / θ₁².
// Where h₀ is below 0 the power turns large into small, so the deviate changes sign with it; copies that keep it
// positive, or lose the square of θ₁ or of θ₂, put the limit in the wrong place.
//
// Threads: pure functions. Limits: α above 0 and below 1.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace millwright::detection {

double normal_quantile(double probability);
double f_quantile(double probability, double numerator, double denominator);

double t2_limit(std::size_t components, std::size_t rows, double alpha);  // rows > components ≥ 1
double spe_limit(std::span<const double> residual_eigenvalues, double alpha);

// Between the two order statistics that surround (n - 1) · share, on a line. `values` is put in another order.
double quantile(std::vector<double>& values, double share);

}  // namespace millwright::detection
