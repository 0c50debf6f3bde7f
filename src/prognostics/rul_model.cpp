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

// The middle 98 % of each column.
std::vector<InputRange> input_ranges(const std::vector<Run>& runs) {
  std::vector<std::vector<double>> columns(runs.front().settings.columns() + runs.front().sensors.columns());
  for (const Run& run : runs) {
    for (std::size_t i = 0; i < run.cycles.size(); ++i) {
      std::size_t column = 0;
      const auto take = [&](const detection::Matrix& of) {
        for (std::size_t j = 0; j < of.columns(); ++j, ++column) {
          if (std::isfinite(of(i, j))) columns[column].push_back(of(i, j));
        }
      };
      take(run.settings);
      take(run.sensors);
    }
  }
  std::vector<InputRange> out;
  for (std::vector<double>& values : columns) {
    if (values.empty()) values.push_back(0);
    const auto at = [&](double share) {
      const auto place = values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
      std::nth_element(values.begin(), place, values.end());
      return *place;
    };
    out.push_back({at(0.01), at(0.99)});
  }
  return out;
}

json to_json(const std::vector<InputRange>& inputs) {
  json out = json::array();
  for (const InputRange& input : inputs) out.push_back({input.low, input.high});
  return out;
}

std::vector<InputRange> inputs_from(const json& from) {
  std::vector<InputRange> out;
  for (const json& one : from) out.push_back({one.at(0).get<double>(), one.at(1).get<double>()});
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
  out.share_ = options.share;
  out.inputs_ = input_ranges(runs);
  const auto [shortest, longest] = std::minmax_element(
      runs.begin(), runs.end(), [](const Run& a, const Run& b) { return a.cycles.back() < b.cycles.back(); });
  double squares = 0;
  double width = 0;
  double covered = 0;
  for (std::size_t i = 0; i < held->truth.size(); ++i) {
    squares += std::pow(held->predicted[i] - std::min(options.cap, held->truth[i]), 2);
    const LifeInterval::Bounds bounds = out.interval_.around(held->predicted[i]);
    width += bounds.high - bounds.low;
    if (held->truth[i] >= bounds.low && held->truth[i] <= bounds.high) ++covered;
  }
  const auto cycles = static_cast<double>(held->truth.size());
  out.training = {.units = runs.size(),
                  .cycles = held->truth.size(),
                  .shortest = shortest->cycles.back(),
                  .longest = longest->cycles.back(),
                  .rmse = std::sqrt(squares / cycles),
                  .interval = width / cycles,
                  .covered = covered / cycles};
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
                    {"share", share_},
                    {"inputs", to_json(inputs_)},
                    {"regimes", to_json(regimes_.learnt())},
                    {"interval", {{"at", interval_.at}, {"low", interval_.low}, {"high", interval_.high}}},
                    {"training",
                     {{"source", training.source},
                      {"trained", training.trained},
                      {"shortest_life", training.shortest},
                      {"longest_life", training.longest},
                      {"covered", training.covered},
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
    out.share_ = from.value("share", 0.9);
    out.inputs_ = inputs_from(from.value("inputs", json::array()));
    const json& interval = from.at("interval");
    interval.at("at").get_to(out.interval_.at);
    interval.at("low").get_to(out.interval_.low);
    interval.at("high").get_to(out.interval_.high);
    const json& training = from.at("training");
    training.at("source").get_to(out.training.source);
    out.training.trained = training.value("trained", "");
    out.training.shortest = training.value("shortest_life", 0.0);
    out.training.longest = training.value("longest_life", 0.0);
    out.training.covered = training.value("covered", 0.0);
    training.at("units").get_to(out.training.units);
    training.at("cycles").get_to(out.training.cycles);
    training.at("rmse_held_out").get_to(out.training.rmse);
    training.at("interval_width").get_to(out.training.interval);
    if (!fits(out.regimes_.learnt(), out.columns_.settings.size(), out.columns_.sensors.size()) ||
        !fits(out.interval_) || !(out.cap_ > 0) || !(out.share_ > 0 && out.share_ < 1) ||
        (!out.inputs_.empty() && out.inputs_.size() != out.columns_.settings.size() + out.columns_.sensors.size())) {
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
