// QuadraticForm: a statistic of a row of deviations x (of all sensors, at all lags), the sum of the squares of A x. T²,
// SPE, the Mahalanobis distance and both of CVA's statistics are such forms and differ in A alone; for the largest
// deviation the greatest of the squares takes the place of their sum.
//
// Why it is large: the reconstruction-based contribution of a sensor (C. F. Alcala, S. J. Qin, 2009), which is how much
// of the statistic vanishes when that sensor, at all lags, is replaced by what makes the statistic least: with M = AᵀA
// and Ξ the sensor's columns,  xᵀMΞ (ΞᵀMΞ)⁺ ΞᵀMx. A plain contribution smears one sensor's fault over the others;
// for a fault in one sensor this one names it always.
//
// Threads: immutable. Shapes: columns = sensors · (lags + 1), lag by lag, the newest first. Units: the statistic's.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "detection/matrix.hpp"

namespace millwright::detection {

enum class Gather : std::uint8_t { kSum, kGreatest };

class QuadraticForm {
 public:
  // `sensors` divides the columns.
  QuadraticForm(Matrix a, std::size_t sensors, Gather gather = Gather::kSum);

  [[nodiscard]] double value(std::span<const double> x) const;
  // One for each sensor, from 0 to the sum.
  [[nodiscard]] std::vector<double> contributions(std::span<const double> x) const;

  [[nodiscard]] const Matrix& matrix() const { return a_; }

 private:
  [[nodiscard]] std::vector<double> image(std::span<const double> x) const;  // A x

  Matrix a_;
  std::size_t sensors_ = 0;
  Gather gather_ = Gather::kSum;
};

}  // namespace millwright::detection
