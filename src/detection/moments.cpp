#include "detection/moments.hpp"

#include <utility>

namespace millwright::detection {

Moments::Moments(std::uint64_t count, std::vector<double> mean, Matrix products)
    : count_(count), mean_(std::move(mean)), products_(std::move(products)), step_(mean_.size()) {
  ASSERT(products_.rows() == mean_.size() && products_.columns() == mean_.size(), "a product for each pair of columns");
}

Moments Moments::first(std::size_t columns) const {
  Matrix products(columns, columns);
  for (std::size_t i = 0; i < columns; ++i) {
    for (std::size_t j = 0; j <= i; ++j) products(i, j) = products_(i, j);
  }
  return {count_, {mean_.begin(), mean_.begin() + static_cast<std::ptrdiff_t>(columns)}, std::move(products)};
}

void Moments::add(std::span<const double> row) {
  ASSERT(row.size() == mean_.size(), "a row as wide as the moments");
  ++count_;
  const auto n = static_cast<double>(count_);
  for (std::size_t i = 0; i < row.size(); ++i) step_[i] = row[i] - mean_[i];
  for (std::size_t i = 0; i < row.size(); ++i) mean_[i] += step_[i] / n;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const double after = row[i] - mean_[i];
    for (std::size_t j = 0; j <= i; ++j) products_(i, j) += after * step_[j];
  }
}

void Moments::merge(const Moments& other) {
  ASSERT(other.mean_.size() == mean_.size(), "moments of the same columns");
  if (other.count_ == 0) return;
  const auto mine = static_cast<double>(count_);
  const auto theirs = static_cast<double>(other.count_);
  const double all = mine + theirs;
  for (std::size_t i = 0; i < mean_.size(); ++i) step_[i] = other.mean_[i] - mean_[i];
  for (std::size_t i = 0; i < mean_.size(); ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      products_(i, j) += other.products_(i, j) + step_[i] * step_[j] * mine * theirs / all;
    }
    mean_[i] += step_[i] * theirs / all;
  }
  count_ += other.count_;
}

Matrix Moments::covariance() const {
  ASSERT(count_ >= 2, "a covariance needs two rows");
  const std::size_t n = mean_.size();
  Matrix out(n, n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      out(i, j) = out(j, i) = products_(i, j) / static_cast<double>(count_ - 1);
    }
  }
  return out;
}

}  // namespace millwright::detection
