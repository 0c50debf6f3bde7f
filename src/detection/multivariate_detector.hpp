// MultivariateDetector: one or several models side by side, each statistic smoothed and held against its limit; the
// worst decides. What is learnt is shared by all copies, so that a machine's detector is small.
//
//   auto detector = MultivariateDetector::fit(options, sensors, training);
//   detector->calibrate(normal, 0.01);  // if there are normal rows that training has not seen
//   for each row: detector->score(row).alarm …
//
// Threads: one owner; copies are independent. Errors: see Model; limits that theory cannot give.
#pragma once

#include <memory>

#include "core/result.hpp"
#include "detection/detector.hpp"
#include "detection/model.hpp"

namespace millwright::detection {

class MultivariateDetector final : public Detector {
 public:
  static core::Result<MultivariateDetector> fit(const DetectorOptions& options, std::vector<std::string> sensors,
                                                const Matrix& rows);

  // Moves the limits so that this share of `rows` is above: first each statistic's by itself, then all by one factor,
  // so that the alarms of all together are that many. Starts anew.
  core::Status calibrate(const Matrix& rows, double false_alarms);

  [[nodiscard]] const std::vector<std::string>& sensors() const override { return learnt_->sensors; }
  [[nodiscard]] const std::vector<StatisticInfo>& statistics() const override { return limits_; }
  void start() override;
  const Verdict& score(std::span<const double> row) override;
  [[nodiscard]] std::vector<double> contributions() const override;

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
  };
  MultivariateDetector() = default;

  void lay_out(const DetectorOptions& options, std::vector<std::string> sensors, std::vector<Model> models);
  void judge(std::span<const double> row);  // fills verdict_.statistics
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
