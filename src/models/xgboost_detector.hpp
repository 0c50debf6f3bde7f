// Gradient-boosted trees (boosted_trees.hpp) as a detector: the probability that a row is of a fault, as rows with
// labels have taught it.
//
// Threads: functions from any; a detector has one owner. Units: a probability; its contributions are log odds.
// Errors: kUnsupported where the library is not installed; kInvalid with the library's own words.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "detection/detector.hpp"
#include "detection/matrix.hpp"

namespace millwright::models {

struct XgboostOptions {
  int rounds = 100;
  int depth = 4;
  double rate = 0.1;
};

// The trained trees as XGBoost's JSON. `labels` are 0 and 1, one for each row, some of either.
core::Result<std::string> train_xgboost(const detection::Matrix& rows, std::span<const double> labels,
                                        const XgboostOptions& options);

// Alarms where the probability is above `limit`.
core::Result<std::unique_ptr<detection::Detector>> make_xgboost_detector(const std::vector<std::string>& sensors,
                                                                         const std::string& trees, double limit);

}  // namespace millwright::models
