#include "models/xgboost_detector.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "models/boosted_trees.hpp"

namespace millwright::models {
namespace {

using core::ErrorCode;
using core::unexpected;

core::Status check_labels(const detection::Matrix& rows, std::span<const double> labels) {
  const auto faults = static_cast<std::size_t>(std::count(labels.begin(), labels.end(), 1.0));
  const auto normal = static_cast<std::size_t>(std::count(labels.begin(), labels.end(), 0.0));
  if (labels.size() != rows.rows() || faults + normal != labels.size()) {
    return unexpected(ErrorCode::kInvalid, "each training row needs a label, 0 or 1");
  }
  if (faults < 10 || normal < 10) {
    return unexpected(
        ErrorCode::kInvalid,
        fmt::format("{} rows are labelled 0 and {} are labelled 1; it takes 10 or more of either", normal, faults));
  }
  return {};
}

class XgboostDetector final : public detection::Detector {
 public:
  XgboostDetector(std::vector<std::string> sensors, std::string text, double limit, BoostedTrees trees)
      : sensors_(std::move(sensors)),
        statistics_{{"fault", limit}},
        text_(std::move(text)),
        trees_(std::move(trees)),
        row_(sensors_.size()) {
    verdict_.statistics.resize(1);
  }

  [[nodiscard]] const std::vector<std::string>& sensors() const override { return sensors_; }
  [[nodiscard]] const std::vector<detection::StatisticInfo>& statistics() const override { return statistics_; }
  void start() override {}
  const detection::Verdict& score(std::span<const double> row) override {
    std::transform(row.begin(), row.end(), row_.begin(), [](double v) { return static_cast<float>(v); });
    const auto probability = trees_.predict(row_, 1);
    verdict_.statistics[0] = probability ? static_cast<double>(probability->front()) : 0;
    verdict_.score = verdict_.statistics[0] / statistics_[0].limit;
    verdict_.alarm = verdict_.score > 1;
    return verdict_;
  }
  [[nodiscard]] std::vector<double> contributions() const override {
    const auto parts = trees_.contributions(row_);
    std::vector<double> out(sensors_.size());
    if (!parts) return out;
    for (std::size_t j = 0; j < out.size(); ++j) out[j] = std::max(0.0, static_cast<double>((*parts)[j]));
    return out;
  }
  [[nodiscard]] std::unique_ptr<Detector> copy() const override {
    auto made = make_xgboost_detector(sensors_, text_, statistics_[0].limit);
    ASSERT(made, "what was read once is read again");
    return std::move(*made);
  }

 private:
  std::vector<std::string> sensors_;
  std::vector<detection::StatisticInfo> statistics_;
  std::string text_;
  BoostedTrees trees_;
  std::vector<float> row_;
  detection::Verdict verdict_;
};

}  // namespace

core::Result<std::string> train_xgboost(const detection::Matrix& rows, std::span<const double> labels,
                                        const XgboostOptions& options) {
  if (auto right = check_labels(rows, labels); !right) return unexpected(right.error());
  std::vector<float> values;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    for (const double v : rows.row(i)) values.push_back(static_cast<float>(v));
  }
  const std::vector<float> wanted(labels.begin(), labels.end());
  const auto trees =
      BoostedTrees::train(values, wanted, {.rounds = options.rounds, .depth = options.depth, .rate = options.rate});
  if (!trees) return unexpected(trees.error());
  return trees->text();
}

core::Result<std::unique_ptr<detection::Detector>> make_xgboost_detector(const std::vector<std::string>& sensors,
                                                                         const std::string& trees, double limit) {
  auto read = BoostedTrees::read(trees);
  if (!read) return unexpected(read.error());
  const auto columns = read->columns();
  if (!columns) return unexpected(columns.error());
  if (*columns != sensors.size()) {
    return unexpected(ErrorCode::kInvalid, fmt::format("XGBoost: the model takes {} values, and there are {} sensors",
                                                       *columns, sensors.size()));
  }
  return std::unique_ptr<detection::Detector>(
      std::make_unique<XgboostDetector>(sensors, trees, limit, std::move(*read)));
}

}  // namespace millwright::models
