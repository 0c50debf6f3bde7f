// A small trained bundle and keys for the tests.
#pragma once

#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include <gtest/gtest.h>

#include "detection/multivariate_detector.hpp"
#include "models/bundle.hpp"
#include "models/seal.hpp"

namespace millwright::models::testing {

// Four sensors that one load moves; the flow leaves the others from `fault` on.
inline detection::Matrix make_rows(std::size_t count, std::uint64_t seed, std::size_t fault = SIZE_MAX) {
  std::mt19937_64 random(seed);
  // Not std::normal_distribution, whose numbers are each library's own.
  const auto noise = [&] {
    double sum = 0;
    for (int i = 0; i < 12; ++i) sum += static_cast<double>(random() >> 11) * 0x1p-53;
    return sum - 6;
  };
  detection::Matrix rows(count, 4);
  for (std::size_t i = 0; i < count; ++i) {
    const double load = noise();
    for (std::size_t j = 0; j < 4; ++j) rows(i, j) = 10.0 * static_cast<double>(j + 1) + load + 0.3 * noise();
    if (i >= fault) rows(i, 3) += 5;
  }
  return rows;
}

inline Bundle make_bundle(const std::string& version = "1.0.0",
                          detection::ModelKind kind = detection::ModelKind::kPca) {
  detection::DetectorOptions options;
  options.models = {{.kind = kind, .components = 1}};
  options.limit = {.source = detection::LimitSource::kTraining, .false_alarms = 0.01, .factor = 1.5};
  options.alarm = {.raise = 2, .of = 3};
  Bundle bundle;
  bundle.name = "pump-pca";
  bundle.version = version;
  bundle.kind = "pca";
  bundle.machine_type = "pump";
  bundle.sensors = {"motor/current", "motor/speed", "pump/pressure", "pump/flow"};
  auto detector = detection::MultivariateDetector::fit(options, bundle.sensors, make_rows(400, 1));
  EXPECT_TRUE(detector) << detector.error().message;
  bundle.learnt = detector->learnt();
  bundle.states = {1};
  bundle.training = {
      .sources = {"normal.csv"}, .rows = 400, .from = 0, .to = 399 * core::kSecond, .false_alarms = 0.005};
  bundle.test.rows = make_rows(8, 2, 4);
  bundle.test.states.assign(8, 1);
  bundle.test.scores = score_test_rows(bundle, *detector);
  return bundle;
}

inline std::string read_text(const std::filesystem::path& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace millwright::models::testing
