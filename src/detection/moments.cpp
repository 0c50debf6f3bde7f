#include "detection/moments.hpp"

namespace millwright::detection {

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
