// Calibrate: raw values to engineering values by the sensor's polynomial, and a mark on what lies outside its range.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "pipeline/stage.hpp"

namespace millwright::pipeline {

struct SensorScale {
  std::vector<double> coefficients;                // c0 + c1 x + c2 x² …; empty: as it comes
  std::optional<std::pair<double, double>> range;  // low, high; readings outside become kUncertainEuExceeded
};

// Floats only: counts and states are never scaled. float32 is computed in double and rounded once.
class Calibrate final : public Stage {
 public:
  explicit Calibrate(std::vector<SensorScale> scales) : scales_(std::move(scales)) {}  // by SensorId
  void on_batch(core::BlockBatch& batch) override;

 private:
  std::vector<SensorScale> scales_;
};

}  // namespace millwright::pipeline
