// Training: rows in, a bundle out, unsigned, with the test rows that it must pass wherever it is put.
//
// Threads: pure functions. Errors: what cannot be learnt from, with the reason: see detection::Model.
#pragma once

#include <string>

#include "core/result.hpp"
#include "detection/detector_options.hpp"
#include "models/bundle.hpp"
#include "models/xgboost_detector.hpp"
#include "training/gathered.hpp"
#include "training/training_data.hpp"

namespace millwright::training {

struct TrainOptions {
  std::string name = {};
  std::string version = {};
  std::string machine_type = {};
  std::vector<std::int32_t> states = {};  // in which the model is to judge; none: any
  bool regimes = false;                   // a scale for each state of its own
  detection::DetectorOptions detector = {};
  bool xgboost = false;  // trees from labelled rows instead
  models::XgboostOptions trees = {};
  std::string network = {};  // the bytes of an ONNX file instead, trained elsewhere
  double limit = 0.5;        // of the trees' probability, or of what the network gives
};

// What a machine is judged by that nobody has tuned: one model, limits from the training, and an alarm that needs
// several rows, so that one odd row is none.
detection::DetectorOptions default_detector(detection::ModelKind kind);

core::Result<models::Bundle> train(const TrainingData& data, const TrainOptions& options);
// From what sites have gathered: pca and covariance, with the limits of theory. The share of false alarms is then what
// theory expects of one row, and the test rows are drawn from the moments.
core::Result<models::Bundle> train(const Gathered& gathered, const TrainOptions& options);

}  // namespace millwright::training
