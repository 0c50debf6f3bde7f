// Regimes: the few operating points that a fleet runs at, told from its settings, and what each sensor usually reads at
// each of them. A reading less the usual of its regime shows wear instead of operation.
//
// k-means from the points farthest apart; as few regimes as leave a thousandth of the settings' variance. Settings that
// vary without clusters make one regime.
// Threads: a value. Units: in, the sensors'; out, their spread in the regime. Sensors that hold still in a regime are
// left out: they tell nothing.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/result.hpp"
#include "prognostics/run.hpp"

namespace millwright::prognostics {

class Regimes {
 public:
  static constexpr std::size_t kMost = 12;

  // Plain data, so that it can be kept.
  struct Learnt {
    std::vector<double> low;                   // of each setting
    std::vector<double> range;                 // 0: it does not vary
    std::vector<std::vector<double>> centres;  // of each regime, in parts of the range
    std::vector<std::vector<double>> usual;    // of each regime, a value for each sensor kept
    std::vector<std::vector<double>> spread;
    std::vector<std::size_t> kept;  // sensors
  };

  explicit Regimes(Learnt learnt) : learnt_(std::move(learnt)) {}
  // kInvalid where no sensor varies.
  static core::Result<Regimes> learn(const std::vector<Run>& runs);

  // The kept sensors' readings as deviations from what is usual; a missing one as the one before it.
  [[nodiscard]] detection::Matrix deviations(const Run& run) const;
  [[nodiscard]] const Learnt& learnt() const { return learnt_; }

 private:
  [[nodiscard]] std::size_t nearest(std::span<const double> settings) const;

  Learnt learnt_;
};

}  // namespace millwright::prognostics
