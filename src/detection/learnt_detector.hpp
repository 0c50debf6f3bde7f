// LearntDetector: what a multivariate detector has learnt, as plain data, for a model bundle to keep. A detector made
// of it judges bit for bit as the one that it came from.
//
// Threads: value types. Shapes: see Deviations and QuadraticForm. Errors: check() says what does not fit.
#pragma once

#include <string>
#include <vector>

#include "core/result.hpp"
#include "detection/detector_options.hpp"
#include "detection/deviations.hpp"
#include "detection/matrix.hpp"

namespace millwright::detection {

struct LearntStatistic {
  Statistic kind = Statistic::kT2;
  Matrix form;
  double limit = 0;
  double smoothing = 1;
  double usual = 0;  // its mean in training, where smoothing starts
};

struct LearntModel {
  Deviations::Learnt deviations;
  std::vector<LearntStatistic> statistics;
  std::size_t components = 0;  // of PCA; states of CVA
};

struct LearntDetector {
  std::vector<std::string> sensors;
  std::vector<LearntModel> models;
  AlarmOptions alarm;
};

// Whether a detector can be made of it, whoever wrote it.
core::Status check(const LearntDetector& learnt);

}  // namespace millwright::detection
