#include "models/boosted_trees.hpp"

#include <limits>
#include <utility>

#include <fmt/format.h>

#include "models/xgboost_library.hpp"

namespace millwright::models {
namespace {

using core::ErrorCode;
using core::Result;
using core::unexpected;
using Handle = XgboostLibrary::Handle;
// A handle of the library's, freed by it.
using Owned = std::shared_ptr<void>;

constexpr int kPrediction = 0;
constexpr int kContributions = 4;
constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

core::Unexpected failed(const XgboostLibrary& library) {
  return unexpected(ErrorCode::kInvalid, fmt::format("XGBoost: {}", library.last_error()));
}

Result<Owned> make_matrix(const XgboostLibrary& library, std::span<const float> values, std::size_t rows) {
  Handle handle = nullptr;
  if (library.matrix_create(values.data(), rows, values.size() / rows, kMissing, &handle) != 0) return failed(library);
  return Owned(handle, library.matrix_free);
}

Result<Owned> make_booster(const XgboostLibrary& library, Handle matrix, int threads) {
  Handle handle = nullptr;
  if (library.booster_create(&matrix, matrix == nullptr ? 0 : 1, &handle) != 0) return failed(library);
  Owned out(handle, library.booster_free);
  if (library.booster_set(handle, "nthread", std::to_string(threads).c_str()) != 0) return failed(library);
  return out;
}

core::Status set_options(const XgboostLibrary& library, Handle booster, const TreeOptions& options) {
  const std::pair<const char*, std::string> parameters[] = {
      {"objective", options.objective},
      {"tree_method", "hist"},
      {"seed", std::to_string(options.seed)},
      {"max_depth", std::to_string(options.depth)},
      {"eta", fmt::format("{}", options.rate)},
      {"subsample", fmt::format("{}", options.rows_share)},
      {"colsample_bytree", fmt::format("{}", options.columns_share)},
      {"min_child_weight", fmt::format("{}", options.least_weight)},
      {"lambda", fmt::format("{}", options.smoothing)},
  };
  for (const auto& [name, value] : parameters) {
    if (library.booster_set(booster, name, value.c_str()) != 0) return failed(library);
  }
  return {};
}

}  // namespace

Result<BoostedTrees> BoostedTrees::train(std::span<const float> values, std::span<const float> labels,
                                         const TreeOptions& options) {
  const auto loaded = XgboostLibrary::get();
  if (!loaded) return unexpected(loaded.error());
  const XgboostLibrary& library = **loaded;
  const auto matrix = make_matrix(library, values, labels.size());
  if (!matrix) return unexpected(matrix.error());
  if (library.matrix_set_float(matrix->get(), "label", labels.data(), labels.size()) != 0) return failed(library);
  auto booster = make_booster(library, matrix->get(), options.threads);
  if (!booster) return unexpected(booster.error());
  if (auto set = set_options(library, booster->get(), options); !set) return unexpected(set.error());
  for (int round = 0; round < options.rounds; ++round) {
    if (library.booster_update(booster->get(), round, matrix->get()) != 0) return failed(library);
  }
  return BoostedTrees(library, std::move(*booster));
}

Result<BoostedTrees> BoostedTrees::read(const std::string& text) {
  const auto library = XgboostLibrary::get();
  if (!library) return unexpected(library.error());
  if (!text.starts_with('{')) return unexpected(ErrorCode::kInvalid, "XGBoost: the model is not in its JSON form");
  auto booster = make_booster(**library, nullptr, 1);
  if (!booster) return unexpected(booster.error());
  if ((*library)->booster_load(booster->get(), text.data(), text.size()) != 0) return failed(**library);
  return BoostedTrees(**library, std::move(*booster));
}

Result<std::string> BoostedTrees::text() const {
  std::uint64_t size = 0;
  const char* bytes = nullptr;
  if (library_->booster_save(booster_.get(), R"({"format": "json"})", &size, &bytes) != 0) return failed(*library_);
  return std::string(bytes, size);
}

Result<std::size_t> BoostedTrees::columns() const {
  std::uint64_t out = 0;
  if (library_->booster_features(booster_.get(), &out) != 0) return failed(*library_);
  return static_cast<std::size_t>(out);
}

Result<std::vector<float>> BoostedTrees::ask(int what, std::span<const float> values, std::size_t rows) const {
  const auto matrix = make_matrix(*library_, values, rows);
  if (!matrix) return unexpected(matrix.error());
  std::uint64_t count = 0;
  const float* out = nullptr;
  if (library_->booster_predict(booster_.get(), matrix->get(), what, 0, 0, &count, &out) != 0) return failed(*library_);
  return std::vector<float>(out, out + count);
}

Result<std::vector<float>> BoostedTrees::predict(std::span<const float> values, std::size_t rows) const {
  return ask(kPrediction, values, rows);
}

Result<std::vector<float>> BoostedTrees::contributions(std::span<const float> row) const {
  return ask(kContributions, row, 1);
}

}  // namespace millwright::models
