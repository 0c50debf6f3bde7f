// Gradient-boosted trees by XGBoost (T. Chen, C. Guestrin, "XGBoost: a scalable tree boosting system", 2016). Its
// library, libxgboost.so.0, is loaded when first needed: a plant without such a model does without it.
//
// Threads: one owner. Shapes: `values` are rows one after the other, NaN where a value is missing. Units: the labels'.
// Errors: kUnsupported where the library is not installed; kInvalid with the library's own words.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/result.hpp"

namespace millwright::models {

struct XgboostLibrary;

struct TreeOptions {
  std::string objective = "binary:logistic";
  int rounds = 100;
  int depth = 4;
  double rate = 0.1;
  double rows_share = 1;     // of the rows that a tree sees
  double columns_share = 1;  // of the columns
  double least_weight = 1;   // of a leaf
  double smoothing = 1;      // of a leaf's value
  int threads = 1;
  int seed = 1;
};

class BoostedTrees {
 public:
  static core::Result<BoostedTrees> train(std::span<const float> values, std::span<const float> labels,
                                          const TreeOptions& options);
  // The library's JSON, as text() gives it.
  static core::Result<BoostedTrees> read(const std::string& text);

  [[nodiscard]] core::Result<std::string> text() const;
  [[nodiscard]] core::Result<std::size_t> columns() const;
  // One for each row.
  [[nodiscard]] core::Result<std::vector<float>> predict(std::span<const float> values, std::size_t rows) const;
  // What each column adds to a row's prediction, and, last, what all rows have.
  [[nodiscard]] core::Result<std::vector<float>> contributions(std::span<const float> row) const;

 private:
  BoostedTrees(const XgboostLibrary& library, std::shared_ptr<void> booster)
      : library_(&library), booster_(std::move(booster)) {}
  [[nodiscard]] core::Result<std::vector<float>> ask(int what, std::span<const float> values, std::size_t rows) const;

  const XgboostLibrary* library_;
  std::shared_ptr<void> booster_;
};

}  // namespace millwright::models
