// Matrix: rows of doubles, one after the other; a row is a point in time, a column a sensor (or a sensor at a lag).
//
// Threads: a value type. Units: the caller's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "core/assert.hpp"

namespace millwright::detection {

class Matrix {
 public:
  Matrix() = default;
  Matrix(std::size_t rows, std::size_t columns) : rows_(rows), columns_(columns), values_(rows * columns) {}

  [[nodiscard]] std::size_t rows() const { return rows_; }
  [[nodiscard]] std::size_t columns() const { return columns_; }
  [[nodiscard]] bool empty() const { return rows_ == 0; }

  double& operator()(std::size_t row, std::size_t column) { return values_[row * columns_ + column]; }
  double operator()(std::size_t row, std::size_t column) const { return values_[row * columns_ + column]; }
  [[nodiscard]] std::span<double> row(std::size_t row) { return {values_.data() + row * columns_, columns_}; }
  [[nodiscard]] std::span<const double> row(std::size_t row) const {
    return {values_.data() + row * columns_, columns_};
  }

  // The first row sets the width.
  void append(std::span<const double> row) {
    if (rows_ == 0) columns_ = row.size();
    ASSERT(row.size() == columns_, "rows are as wide as the first");
    values_.insert(values_.end(), row.begin(), row.end());
    ++rows_;
  }
  // The rows from `first`, at most `count` of them.
  [[nodiscard]] Matrix slice(std::size_t first, std::size_t count) const {
    Matrix part;
    part.columns_ = columns_;
    first = std::min(first, rows_);
    part.rows_ = std::min(count, rows_ - first);
    const auto begin = values_.begin() + static_cast<std::ptrdiff_t>(first * columns_);
    part.values_.assign(begin, begin + static_cast<std::ptrdiff_t>(part.rows_ * columns_));
    return part;
  }

 private:
  std::size_t rows_ = 0;
  std::size_t columns_ = 0;
  std::vector<double> values_;
};

}  // namespace millwright::detection
