// RulModel: remaining useful life (ISO 13381-1) of a fleet's units, learnt from runs that ended in failure:
// deviations by operating regime, life features, boosted trees, and an interval from units held out in turn.
//
// Life is predicted up to a cap: before wear shows, all units look alike (F. O. Heimes, "Recurrent neural networks for
// remaining useful life estimation", 2008), and the interval says how much longer it may be.
//
// Threads: one owner. Units: cycles. Errors: kUnsupported without XGBoost's library; kInvalid with what does not fit.
// Limits: kUnitsLeast units to learn from. Format of text(): docs/format/rul-model.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "models/boosted_trees.hpp"
#include "prognostics/life_interval.hpp"
#include "prognostics/regimes.hpp"
#include "prognostics/run.hpp"

namespace millwright::prognostics {

struct RulOptions {
  double cap = 125;    // cycles
  double share = 0.9;  // of the truths within the interval
  int rounds = 400;    // trees of each of the models, whose mean counts
  int threads = 1;
};

struct Rul {
  double cycles = 0;
  double low = 0;
  double high = 0;
};

// How it was learnt: a model's card.
struct RulTraining {
  std::string source = {};
  std::string trained = {};  // RFC 3339; "": before this was kept
  std::uint64_t units = 0;
  std::uint64_t cycles = 0;
  double shortest = 0;  // lives that it has seen, in cycles
  double longest = 0;
  double rmse = 0;      // on held-out units, the truth capped, over all of their cycles
  double interval = 0;  // mean width there
  double covered = 0;   // share of the truths within it there
};

// Where nearly all (98 %) of a column's values were while it was learnt. What a running plant's are held against.
struct InputRange {
  double low = 0;
  double high = 0;
};

class RulModel {
 public:
  static constexpr std::size_t kUnitsLeast = 10;

  // Runs that go on until the unit failed, as these columns had them.
  static core::Result<RulModel> train(const std::vector<Run>& runs, RunColumns columns, const RulOptions& options);
  static core::Result<RulModel> read(std::string_view text);
  [[nodiscard]] core::Result<std::string> text() const;

  // After each cycle of a run.
  [[nodiscard]] core::Result<std::vector<Rul>> predict(const Run& run) const;

  [[nodiscard]] const RunColumns& columns() const { return columns_; }
  [[nodiscard]] std::size_t regimes() const { return regimes_.learnt().centres.size(); }
  [[nodiscard]] std::size_t sensors_kept() const { return regimes_.learnt().kept.size(); }
  [[nodiscard]] double cap() const { return cap_; }
  [[nodiscard]] double share() const { return share_; }  // of the truths between low and high
  // Settings, then sensors; empty of a model from before they were kept.
  [[nodiscard]] const std::vector<InputRange>& inputs() const { return inputs_; }
  RulTraining training;

 private:
  explicit RulModel(Regimes regimes) : regimes_(std::move(regimes)) {}

  RunColumns columns_;
  double cap_ = 0;
  double share_ = 0.9;
  std::vector<InputRange> inputs_;
  Regimes regimes_;
  LifeInterval interval_;
  std::vector<models::BoostedTrees> trees_;
};

}  // namespace millwright::prognostics
