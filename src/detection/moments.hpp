// Moments: count, mean and covariance of rows, in one pass, that add up: what two machines, files or sites have
// gathered merges into what one would have had of all rows (T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating formulae
// and a pairwise algorithm for computing sample variances", 1979).
//
// Threads: one owner. Shapes: `columns` values a row, all finite. Units: the rows'. Limits: 8 · columns² bytes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "detection/matrix.hpp"

namespace millwright::detection {

class Moments {
 public:
  explicit Moments(std::size_t columns) : mean_(columns), products_(columns, columns), step_(columns) {}
  // What others have gathered; `products` is square, of its lower triangle.
  Moments(std::uint64_t count, std::vector<double> mean, Matrix products);

  void add(std::span<const double> row);
  void merge(const Moments& other);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] const std::vector<double>& mean() const { return mean_; }
  // Sums of products of deviations from the mean; the lower triangle.
  [[nodiscard]] const Matrix& products() const { return products_; }
  // Of the first columns alone.
  [[nodiscard]] Moments first(std::size_t columns) const;
  // Of a sample: divided by count - 1; needs two rows.
  [[nodiscard]] Matrix covariance() const;

 private:
  std::uint64_t count_ = 0;
  std::vector<double> mean_;
  Matrix products_;
  std::vector<double> step_;
};

}  // namespace millwright::detection
