#include "detection/detector.hpp"

namespace millwright::detection {

void Detector::score_columns(std::span<const double* const> columns, std::size_t rows, const EachRow& each) {
  std::vector<double> row(columns.size());
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns.size(); ++j) row[j] = columns[j][i];
    each(i, score(row));
  }
}

}  // namespace millwright::detection
