// What a multivariate detector is made of, as plain data; docs/format/detector.md has the same as YAML.
//
// Threads: value types. Units: rows for lags, holds and memories; smoothing is the weight of the newest row (1: none).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace millwright::detection {

enum class ModelKind : std::uint8_t {
  kPca,         // T² and SPE; with lags, dynamic PCA
  kCovariance,  // the distance under the whole covariance; with smoothing, MEWMA
  kCva,         // canonical variates: states and residuals of the past
  kLargest,     // the largest single deviation
};
enum class Centre : std::uint8_t { kMean, kMedian };
enum class Spread : std::uint8_t {
  kDeviation,  // standard deviation
  kMedian,  // 1.4826 · median absolute deviation, at least a fifth of the standard deviation: outliers do not widen it
  kSteps,   // of differences between neighbours, / √2: slow wandering does not widen it
};
enum class Statistic : std::uint8_t { kT2, kSpe, kDistance, kState, kResidual, kLargest };

// Sensors whose level wanders by nature, such as a temperature that follows the hall's: judged against their own recent
// past instead of the training's centre. Those named, and those that training shows to: medians of `block` rows spread
// `ratio` times as much as neighbouring rows do.
struct DriftOptions {
  std::vector<std::string> columns = {};
  double ratio = 0;  // 0: only those named
  double memory = 200;
  std::size_t block = 50;
};

struct ModelOptions {
  ModelKind kind = ModelKind::kPca;
  Centre centre = Centre::kMean;
  Spread spread = Spread::kDeviation;
  double smoothing = 1;  // of the sensors
  DriftOptions drift = {};
  std::size_t lags = 0;        // further rows before this one; CVA's past has lags + 1 rows
  std::size_t components = 0;  // of PCA, or CVA's states; 0: as `explained` says
  double explained = 0.9;      // share of the variance that the components have at least; 0: by cross-validation
  double shrinkage = 0;        // of correlations towards none
  std::vector<Statistic> statistics = {};  // none: all of the kind
  double statistic_smoothing = 1;
};

enum class LimitSource : std::uint8_t {
  kTraining,  // a quantile of the training rows' own statistics
  kTheory,    // for independent normal rows
};

struct LimitOptions {
  LimitSource source = LimitSource::kTraining;
  double false_alarms = 0.01;  // share of normal rows above each statistic's limit
  double factor = 1;           // on every limit
};

// Alarm: of the last `of` rows, `raise` were above their limit, now or at one of the `hold` rows before.
struct AlarmOptions {
  std::size_t raise = 1;
  std::size_t of = 1;
  std::size_t hold = 0;
};

struct DetectorOptions {
  std::vector<ModelOptions> models;  // the worst of them decides
  LimitOptions limit;
  AlarmOptions alarm;
};

std::string to_string(Statistic statistic);
// Those that a kind has.
std::vector<Statistic> statistics_of(ModelKind kind);

}  // namespace millwright::detection
