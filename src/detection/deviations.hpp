// Deviations: a machine's raw rows turned into what models judge: missing values held, centred, smoothed, scaled, with
// the rows before beside them. What was learnt in training is shared by all copies; the past is each copy's own.
//
//   auto deviations = Deviations::learn(options, sensors, training);
//   deviations->start();
//   for each row: std::span<const double> x = deviations->take(row);
//
// Threads: one owner; copies are independent. Shapes: a row has a value for each sensor, NaN where there is none; x has
// sensors · (lags + 1) values, lag by lag, the newest first. Units: in, the sensors'; out, the training's spread.
// Errors: training rows that cannot be learnt from are refused, with the sensor's name.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "detection/detector_options.hpp"
#include "detection/matrix.hpp"

namespace millwright::detection {

class Deviations {
 public:
  // Plain data, so that it can be kept: see learnt_detector.hpp.
  struct Learnt {
    std::vector<double> centre;
    std::vector<double> spread;
    std::vector<double> follow;  // part of a deviation by which the centre moves: 0 for a sensor that does not wander
    double smoothing = 1;
    std::size_t lags = 0;
  };
  explicit Deviations(Learnt learnt);  // started
  static core::Result<Deviations> learn(const ModelOptions& options, std::span<const std::string> sensors,
                                        const Matrix& rows);

  // Forgets the past: every sensor is at its centre, and the rows before were so too.
  void start();
  std::span<const double> take(std::span<const double> row);
  // The last row's.
  [[nodiscard]] std::span<const double> now() const { return window_; }

  [[nodiscard]] std::size_t sensors() const { return smooth_.size(); }
  [[nodiscard]] const Learnt& learnt() const { return *learnt_; }
  // Whether a row's deviations are its own alone: no smoothing, no drift, no lags.
  [[nodiscard]] bool of_one_row() const;

 private:
  std::shared_ptr<const Learnt> learnt_;
  std::vector<double> held_;    // the last good value
  std::vector<double> centre_;  // now
  std::vector<double> smooth_;  // the smoothed deviation, in the sensor's unit
  std::vector<double> window_;
};

}  // namespace millwright::detection
