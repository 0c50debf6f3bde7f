#include "prognostics/rul_model.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "prognostics/life_features.hpp"

namespace millwright::prognostics {
namespace {

using core::ErrorCode;
using core::Result;
using core::unexpected;
using models::BoostedTrees;
using nlohmann::json;

constexpr std::string_view kFormat = "millwright-rul";
constexpr int kVersion = 1;
constexpr std::size_t kFolds = 5;
constexpr int kModels = 2;

// What trees learn from: features, and cycles left after each.
struct Lessons {
  std::vector<float> values;
  std::vector<float> labels;  // capped
  std::vector<double> truth;

  void add(const detection::Matrix& features, std::span<const double> cycles, double cap) {
    for (std::size_t i = 0; i < features.rows(); ++i) {
      for (const double v : features.row(i)) values.push_back(static_cast<float>(v));
      truth.push_back(cycles.back() - cycles[i]);
      labels.push_back(static_cast<float>(std::min(cap, truth.back())));
    }
  }
};

models::TreeOptions tree_options(const RulOptions& options, int seed) {
  return {.objective = "reg:squarederror",
          .rounds = options.rounds,
          .depth = 5,
          .rate = 0.03,
          .rows_share = 0.5,
          .columns_share = 0.3,
          .least_weight = 20,
          .smoothing = 5,
          .threads = options.threads,
          .seed = seed};
}

// The fold of each unit: as many in each, whatever order they come in.
std::vector<std::size_t> folds_of(std::size_t units) {
  std::vector<std::size_t> out(units);
  for (std::size_t i = 0; i < units; ++i) out[i] = i % kFolds;
  std::mt19937_64 random(1);
  for (std::size_t i = units; i > 1; --i) std::swap(out[i - 1], out[random() % i]);  // the same with every library
  return out;
}

// What units are predicted that the trees have not seen.
struct HeldOut {
  std::vector<double> predicted;
  std::vector<double> truth;
};
Result<HeldOut> hold_out(const std::vector<Run>& runs, const std::vector<detection::Matrix>& features,
                         const RulOptions& options) {
  const auto folds = folds_of(runs.size());
  HeldOut out;
  for (std::size_t fold = 0; fold < kFolds; ++fold) {
    Lessons seen;
    Lessons held;
    for (std::size_t i = 0; i < runs.size(); ++i) {
      (folds[i] == fold ? held : seen).add(features[i], runs[i].cycles, options.cap);
    }
    const auto trees = BoostedTrees::train(seen.values, seen.labels, tree_options(options, 1));
    if (!trees) return unexpected(trees.error());
    const auto predicted = trees->predict(held.values, held.labels.size());
    if (!predicted) return unexpected(predicted.error());
    for (const float p : *predicted) out.predicted.push_back(std::clamp(double{p}, 0.0, options.cap));
    out.truth.insert(out.truth.end(), held.truth.begin(), held.truth.end());
  }
  return out;
}

core::Status check(const std::vector<Run>& runs) {
  if (runs.size() < RulModel::kUnitsLeast) {
    return unexpected(ErrorCode::kInvalid,
                      fmt::format("units that ran to failure: {}; it takes {} or more to learn from", runs.size(),
                                  RulModel::kUnitsLeast));
  }
  return {};
}

json to_json(const Regimes::Learnt& learnt) {
  return {{"low", learnt.low},     {"range", learnt.range},   {"centres", learnt.centres},
          {"usual", learnt.usual}, {"spread", learnt.spread}, {"kept", learnt.kept}};
}

Regimes::Learnt regimes_from(const json& from) {
  Regimes::Learnt out;
  from.at("low").get_to(out.low);
  from.at("range").get_to(out.range);
  from.at("centres").get_to(out.centres);
  from.at("usual").get_to(out.usual);
  from.at("spread").get_to(out.spread);
  from.at("kept").get_to(out.kept);
  return out;
}

// Whether shapes agree, so that nothing is read past its end.
bool fits(const Regimes::Learnt& learnt, std::size_t settings, std::size_t sensors) {
  const auto all = [](const auto& rows, std::size_t width) {
    return std::all_of(rows.begin(), rows.end(), [&](const auto& row) { return row.size() == width; });
  };
  const std::size_t regimes = learnt.centres.size();
  return regimes > 0 && learnt.usual.size() == regimes && learnt.spread.size() == regimes &&
         learnt.low.size() == settings && learnt.range.size() == settings && all(learnt.centres, settings) &&
         all(learnt.usual, learnt.kept.size()) && all(learnt.spread, learnt.kept.size()) && !learnt.kept.empty() &&
         std::all_of(learnt.kept.begin(), learnt.kept.end(), [&](std::size_t j) { return j < sensors; });
}

bool fits(const LifeInterval& interval) {
  return !interval.at.empty() && interval.low.size() == interval.at.size() &&
         interval.high.size() == interval.at.size() && std::is_sorted(interval.at.begin(), interval.at.end());
}

}  // namespace

Result<RulModel> RulModel::train(const std::vector<Run>& runs, RunColumns columns, const RulOptions& options) {
  if (auto right = check(runs); !right) return unexpected(right.error());
  auto regimes = Regimes::learn(runs);
  if (!regimes) return unexpected(regimes.error());
  std::vector<detection::Matrix> features;
  Lessons all;
  for (const Run& run : runs) {
    features.push_back(life_features(run.cycles, regimes->deviations(run)));
    all.add(features.back(), run.cycles, options.cap);
  }
  const auto held = hold_out(runs, features, options);
  if (!held) return unexpected(held.error());

  RulModel out(std::move(*regimes));
  out.columns_ = std::move(columns);
  out.cap_ = options.cap;
  out.interval_ = LifeInterval::learn(held->predicted, held->truth, options.share);
  for (int seed = 1; seed <= kModels; ++seed) {
    auto trees = BoostedTrees::train(all.values, all.labels, tree_options(options, seed));
    if (!trees) return unexpected(trees.error());
    out.trees_.push_back(std::move(*trees));
  }
  double squares = 0;
  double width = 0;
  for (std::size_t i = 0; i < held->truth.size(); ++i) {
    squares += std::pow(held->predicted[i] - std::min(options.cap, held->truth[i]), 2);
    const LifeInterval::Bounds bounds = out.interval_.around(held->predicted[i]);
    width += bounds.high - bounds.low;
  }
  const auto cycles = static_cast<double>(held->truth.size());
  out.training = {.units = runs.size(),
                  .cycles = held->truth.size(),
                  .rmse = std::sqrt(squares / cycles),
                  .interval = width / cycles};
  return out;
}

Result<std::vector<Rul>> RulModel::predict(const Run& run) const {
  const detection::Matrix features = life_features(run.cycles, regimes_.deviations(run));
  std::vector<float> values;
  for (std::size_t i = 0; i < features.rows(); ++i) {
    for (const double v : features.row(i)) values.push_back(static_cast<float>(v));
  }
  std::vector<Rul> out(features.rows());
  for (const BoostedTrees& trees : trees_) {
    const auto predicted = trees.predict(values, features.rows());
    if (!predicted) return unexpected(predicted.error());
    for (std::size_t i = 0; i < out.size(); ++i) out[i].cycles += double{(*predicted)[i]};
  }
  for (Rul& one : out) {
    one.cycles = std::clamp(one.cycles / static_cast<double>(trees_.size()), 0.0, cap_);
    const LifeInterval::Bounds bounds = interval_.around(one.cycles);
    one.low = std::min(bounds.low, one.cycles);
    one.high = std::max(bounds.high, one.cycles);
  }
  return out;
}

Result<std::string> RulModel::text() const {
  json trees = json::array();
  for (const BoostedTrees& one : trees_) {
    auto text = one.text();
    if (!text) return unexpected(text.error());
    trees.push_back(std::move(*text));
  }
  const json out = {{"format", kFormat},
                    {"version", kVersion},
                    {"unit", columns_.unit},
                    {"cycle", columns_.cycle},
                    {"settings", columns_.settings},
                    {"sensors", columns_.sensors},
                    {"cap", cap_},
                    {"regimes", to_json(regimes_.learnt())},
                    {"interval", {{"at", interval_.at}, {"low", interval_.low}, {"high", interval_.high}}},
                    {"training",
                     {{"source", training.source},
                      {"units", training.units},
                      {"cycles", training.cycles},
                      {"rmse_held_out", training.rmse},
                      {"interval_width", training.interval}}},
                    {"trees", trees}};
  return out.dump() + "\n";
}

Result<RulModel> RulModel::read(std::string_view text) {
  try {
    const json from = json::parse(text);
    if (from.at("format") != kFormat || from.at("version") != kVersion) {
      return unexpected(ErrorCode::kInvalid, fmt::format("is no remaining-life model of version {}", kVersion));
    }
    RulModel out{Regimes(regimes_from(from.at("regimes")))};
    from.at("unit").get_to(out.columns_.unit);
    from.at("cycle").get_to(out.columns_.cycle);
    from.at("settings").get_to(out.columns_.settings);
    from.at("sensors").get_to(out.columns_.sensors);
    from.at("cap").get_to(out.cap_);
    const json& interval = from.at("interval");
    interval.at("at").get_to(out.interval_.at);
    interval.at("low").get_to(out.interval_.low);
    interval.at("high").get_to(out.interval_.high);
    const json& training = from.at("training");
    training.at("source").get_to(out.training.source);
    training.at("units").get_to(out.training.units);
    training.at("cycles").get_to(out.training.cycles);
    training.at("rmse_held_out").get_to(out.training.rmse);
    training.at("interval_width").get_to(out.training.interval);
    if (!fits(out.regimes_.learnt(), out.columns_.settings.size(), out.columns_.sensors.size()) ||
        !fits(out.interval_) || !(out.cap_ > 0)) {
      return unexpected(ErrorCode::kInvalid, "is damaged: its parts do not fit each other");
    }
    // Age, and six features of each sensor.
    const std::size_t wanted = life_features({}, detection::Matrix(0, out.sensors_kept())).columns();
    for (const json& one : from.at("trees")) {
      auto trees = BoostedTrees::read(one.get<std::string>());
      if (!trees) return unexpected(trees.error());
      const auto columns = trees->columns();
      if (!columns || *columns != wanted) {
        return unexpected(ErrorCode::kInvalid, "is damaged: its trees do not fit its sensors");
      }
      out.trees_.push_back(std::move(*trees));
    }
    if (out.trees_.empty()) return unexpected(ErrorCode::kInvalid, "is damaged: it has no trees");
    return out;
  } catch (const json::exception& error) {
    return unexpected(ErrorCode::kInvalid, fmt::format("cannot be read: {}", error.what()));
  }
}

}  // namespace millwright::prognostics
