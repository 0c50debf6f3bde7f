// LifeInterval: how far the truth lies from what was predicted, by what was predicted: quantiles of the errors on units
// that training had not seen (split conformal prediction, H. Papadopoulos and others, 2002; by the prediction's
// size as V. Vovk and others, "Mondrian confidence machine", 2003).
//
// Threads: a value. Units: cycles.
#pragma once

#include <span>
#include <vector>

namespace millwright::prognostics {

struct LifeInterval {
  struct Bounds {
    double low = 0;
    double high = 0;
  };

  // `share` of the truths are to lie within. Needs one pair or more.
  static LifeInterval learn(std::span<const double> predicted, std::span<const double> truth, double share);
  [[nodiscard]] Bounds around(double predicted) const;  // not below 0

  std::vector<double> at;   // predictions, rising
  std::vector<double> low;  // the truth less the prediction there
  std::vector<double> high;
};

}  // namespace millwright::prognostics
