// Bundle: a trained model with all that a plant must know of it: for which machines, which sensors on which grid, in
// which operating states, what it has learnt, how it was trained, and rows with the scores they must give.
//
// Threads: value types. Units: the sensors'; ns. Errors: kInvalid with the member that is wrong.
// Limits: kSensorsMax sensors, kBundleBytesMax bytes. Format: docs/format/model-bundle.md.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"
#include "detection/detector.hpp"
#include "detection/learnt_detector.hpp"
#include "detection/row_aligner.hpp"

namespace millwright::models {

inline constexpr std::size_t kSensorsMax = 2000;
inline constexpr std::size_t kBundleBytesMax = 16 * 1024 * 1024;

// What a bundle's detector can be. `spc` charts need no bundle: they learn in the plant.
inline constexpr std::string_view kXgboost = "xgboost";
inline constexpr std::string_view kOnnx = "onnx";

struct Training {
  std::vector<std::string> sources;  // files, or a plant's address
  std::uint64_t rows = 0;
  core::TimeNs from = 0;
  core::TimeNs to = 0;
  double false_alarms = 0;  // share of the training rows that alarm
};

// Of one operating state: what each sensor is less, and then divided by, before the detector sees it.
struct Regime {
  std::vector<double> centre;
  std::vector<double> spread;
};

// Rows as they come from the machine, one after the other from a start.
struct TestVector {
  detection::Matrix rows;
  std::vector<std::int32_t> states;  // of each row; without regimes of no account
  std::vector<double> scores;
};

struct Bundle {
  std::string name;     // an asset name
  std::string version;  // letters, digits, '.', '-', '_'
  std::string kind;     // pca, covariance, cva, largest, mixed, xgboost, onnx
  std::string machine_type;
  std::vector<std::string> sensors;  // within the machine: "component/sensor", or "sensor"
  detection::Grid grid;
  std::vector<std::int32_t> states;        // in which it judges; empty: any
  std::map<std::int32_t, Regime> regimes;  // by state; empty: rows as they are
  detection::LearntDetector learnt;        // of the kinds from pca to mixed
  std::string blob;                        // of the other kinds: the library's own model, as text
  double limit = 0;                        // of those: of what the library gives
  Training training;
  TestVector test;

  [[nodiscard]] std::string id() const { return name + "@" + version; }
};

// Whether a version can be part of a file's name.
bool is_version(std::string_view version);

// The payload of a bundle's file.
std::string to_payload(const Bundle& bundle);
core::Result<Bundle> parse_payload(std::string_view payload);

// The rows of a machine in `state` as the detector takes them, in place.
void scale(const Bundle& bundle, std::int32_t state, std::span<double> row);

// What judges as the bundle says. kUnsupported where this build or machine lacks what its kind needs.
core::Result<std::unique_ptr<detection::Detector>> make_detector(const Bundle& bundle);

// Scores a bundle's test rows with the detector, from a start.
std::vector<double> score_test_rows(const Bundle& bundle, detection::Detector& detector);

}  // namespace millwright::models
