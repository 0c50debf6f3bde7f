// MultivariateDetector: one or several models side by side, each statistic smoothed and held against its limit; the
// worst decides. What is learnt is shared by all copies, so that a machine's detector is small. A single PCA without
// memory scores many rows at once in float32 (PcaBatch), and again in float64 where a statistic comes near its limit.
//
//   auto detector = MultivariateDetector::fit(options, sensors, training);
//   detector->calibrate(normal, 0.01);  // if there are normal rows that training has not seen
//   for each row: detector->score(row).alarm …
//
// Threads: one owner; copies are independent. Errors: see Model; limits that theory cannot give.
#pragma once

#include <memory>
#include <optional>

#include "core/result.hpp"
#include "detection/detector.hpp"
#include "detection/learnt_detector.hpp"
#include "detection/model.hpp"
#include "detection/pca_batch.hpp"

namespace millwright::detection {

class MultivariateDetector final : public Detector {
 public:
  static core::Result<MultivariateDetector> fit(const DetectorOptions& options, std::vector<std::string> sensors,
                                                const Matrix& rows);
  // From moments of raw rows alone (see Model), with the limits of theory.
  static core::Result<MultivariateDetector> fit(const DetectorOptions& options, std::vector<std::string> sensors,
                                                const Moments& gathered);
  // kInvalid where it does not fit together.
  static core::Result<MultivariateDetector> from(LearntDetector learnt);
  [[nodiscard]] LearntDetector learnt() const;

  // Moves the limits so that this share of `rows` is above: first each statistic's by itself, then all by one factor,
  // so that the alarms of all together are that many. Starts anew.
  core::Status calibrate(const Matrix& rows, double false_alarms);

  [[nodiscard]] const std::vector<std::string>& sensors() const override { return learnt_->sensors; }
  [[nodiscard]] const std::vector<StatisticInfo>& statistics() const override { return limits_; }
  void start() override;
  const Verdict& score(std::span<const double> row) override;
  void score_columns(std::span<const double* const> columns, std::size_t rows, const EachRow& each) override;
  [[nodiscard]] std::vector<double> contributions() const override;
  [[nodiscard]] std::unique_ptr<Detector> copy() const override;

  // Components of PCA, states of CVA, of each model.
  [[nodiscard]] std::vector<std::size_t> components() const;

 private:
  // A statistic's place among the models.
  struct Place {
    std::size_t model = 0;
    std::size_t form = 0;
    double smoothing = 1;
    double usual = 0;  // its mean in training, where smoothing starts
  };
  struct Learnt {
    std::vector<std::string> sensors;
    std::vector<Model> models;
    std::vector<Place> places;
    AlarmOptions alarm;
    std::optional<PcaBatch> batch;  // where rows can be scored many at once
  };
  MultivariateDetector() = default;

  void lay_out(const DetectorOptions& options, std::vector<std::string> sensors, std::vector<Model> models);
  void judge(std::span<const double> row);  // fills verdict_.statistics
  void smooth(std::size_t statistic, double value);
  const Verdict& decide();  // from verdict_.statistics
  void score_part(std::span<const double* const> columns, std::size_t first, std::size_t rows, const EachRow& each);
  // The statistics of rows scored from a start, one column each.
  Matrix run(const Matrix& rows);

  std::shared_ptr<const Learnt> learnt_;
  std::vector<StatisticInfo> limits_;
  std::vector<Deviations> deviations_;  // of each model
  Verdict verdict_;
  std::vector<double> recent_;  // ratios of the last `of` rows, a ring
  std::vector<double> raised_;  // what they came to, for the last `hold` + 1 rows, a ring
  std::vector<double> sorted_;
  std::size_t rows_ = 0;
};

}  // namespace millwright::detection
