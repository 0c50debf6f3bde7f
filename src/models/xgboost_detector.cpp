#include "models/xgboost_detector.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "models/xgboost_library.hpp"

namespace millwright::models {
namespace {

using core::ErrorCode;
using core::unexpected;
using Handle = XgboostLibrary::Handle;

constexpr int kProbability = 0;
constexpr int kContributions = 4;
constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

core::Unexpected failed(const XgboostLibrary& library) {
  return unexpected(ErrorCode::kInvalid, fmt::format("XGBoost: {}", library.last_error()));
}

// A handle of the library's, freed by it.
using Owned = std::shared_ptr<void>;

core::Result<Owned> make_matrix(const XgboostLibrary& library, std::span<const float> values, std::size_t rows) {
  Handle handle = nullptr;
  if (library.matrix_create(values.data(), rows, values.size() / rows, kMissing, &handle) != 0) return failed(library);
  return Owned(handle, library.matrix_free);
}

core::Result<Owned> make_booster(const XgboostLibrary& library, Handle matrix) {
  Handle handle = nullptr;
  if (library.booster_create(&matrix, matrix == nullptr ? 0 : 1, &handle) != 0) return failed(library);
  Owned out(handle, library.booster_free);
  // A shard has one core, and scores one row at a time.
  if (library.booster_set(handle, "nthread", "1") != 0) return failed(library);
  return out;
}

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
  XgboostDetector(const XgboostLibrary& library, std::vector<std::string> sensors, std::string trees, double limit,
                  Owned booster)
      : library_(library),
        sensors_(std::move(sensors)),
        statistics_{{"fault", limit}},
        trees_(std::move(trees)),
        booster_(std::move(booster)),
        row_(sensors_.size()) {
    verdict_.statistics.resize(1);
  }

  [[nodiscard]] const std::vector<std::string>& sensors() const override { return sensors_; }
  [[nodiscard]] const std::vector<detection::StatisticInfo>& statistics() const override { return statistics_; }
  void start() override {}
  const detection::Verdict& score(std::span<const double> row) override {
    std::transform(row.begin(), row.end(), row_.begin(), [](double v) { return static_cast<float>(v); });
    const std::vector<float> probability = predict(kProbability);
    verdict_.statistics[0] = probability.empty() ? 0 : static_cast<double>(probability[0]);
    verdict_.score = verdict_.statistics[0] / statistics_[0].limit;
    verdict_.alarm = verdict_.score > 1;
    return verdict_;
  }
  [[nodiscard]] std::vector<double> contributions() const override {
    const std::vector<float> parts = predict(kContributions);  // and, last, what all rows have
    std::vector<double> out(sensors_.size());
    for (std::size_t j = 0; j < std::min(out.size(), parts.size()); ++j)
      out[j] = std::max(0.0, static_cast<double>(parts[j]));
    return out;
  }
  [[nodiscard]] std::unique_ptr<Detector> copy() const override {
    auto made = make_xgboost_detector(sensors_, trees_, statistics_[0].limit);
    ASSERT(made, "what was read once is read again");
    return std::move(*made);
  }

 private:
  [[nodiscard]] std::vector<float> predict(int what) const {
    const auto matrix = make_matrix(library_, row_, 1);
    std::uint64_t count = 0;
    const float* out = nullptr;
    if (!matrix || library_.booster_predict(booster_.get(), matrix->get(), what, 0, 0, &count, &out) != 0) return {};
    return {out, out + count};
  }

  const XgboostLibrary& library_;
  std::vector<std::string> sensors_;
  std::vector<detection::StatisticInfo> statistics_;
  std::string trees_;
  Owned booster_;
  std::vector<float> row_;
  detection::Verdict verdict_;
};

}  // namespace

core::Result<std::string> train_xgboost(const detection::Matrix& rows, std::span<const double> labels,
                                        const XgboostOptions& options) {
  const auto library = XgboostLibrary::get();
  if (!library) return unexpected(library.error());
  if (auto right = check_labels(rows, labels); !right) return unexpected(right.error());
  std::vector<float> values;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    for (const double v : rows.row(i)) values.push_back(static_cast<float>(v));
  }
  const std::vector<float> wanted(labels.begin(), labels.end());
  const XgboostLibrary& xgboost = **library;
  const auto matrix = make_matrix(xgboost, values, rows.rows());
  if (!matrix) return unexpected(matrix.error());
  if (xgboost.matrix_set_float(matrix->get(), "label", wanted.data(), wanted.size()) != 0) return failed(xgboost);
  const auto booster = make_booster(xgboost, matrix->get());
  if (!booster) return unexpected(booster.error());
  const std::pair<const char*, std::string> parameters[] = {{"objective", "binary:logistic"},
                                                            {"tree_method", "hist"},
                                                            {"seed", "1"},
                                                            {"max_depth", std::to_string(options.depth)},
                                                            {"eta", fmt::format("{}", options.rate)}};
  for (const auto& [name, value] : parameters) {
    if (xgboost.booster_set(booster->get(), name, value.c_str()) != 0) return failed(xgboost);
  }
  for (int round = 0; round < options.rounds; ++round) {
    if (xgboost.booster_update(booster->get(), round, matrix->get()) != 0) return failed(xgboost);
  }
  std::uint64_t size = 0;
  const char* bytes = nullptr;
  if (xgboost.booster_save(booster->get(), R"({"format": "json"})", &size, &bytes) != 0) return failed(xgboost);
  return std::string(bytes, size);
}

core::Result<std::unique_ptr<detection::Detector>> make_xgboost_detector(const std::vector<std::string>& sensors,
                                                                         const std::string& trees, double limit) {
  const auto library = XgboostLibrary::get();
  if (!library) return unexpected(library.error());
  if (!trees.starts_with('{')) return unexpected(ErrorCode::kInvalid, "XGBoost: the model is not in its JSON form");
  auto booster = make_booster(**library, nullptr);
  if (!booster) return unexpected(booster.error());
  if ((*library)->booster_load(booster->get(), trees.data(), trees.size()) != 0) return failed(**library);
  std::uint64_t features = 0;
  if ((*library)->booster_features(booster->get(), &features) != 0) return failed(**library);
  if (features != sensors.size()) {
    return unexpected(ErrorCode::kInvalid, fmt::format("XGBoost: the model takes {} values, and there are {} sensors",
                                                       features, sensors.size()));
  }
  return std::unique_ptr<detection::Detector>(
      std::make_unique<XgboostDetector>(**library, sensors, trees, limit, std::move(*booster)));
}

}  // namespace millwright::models
