// PhaseOne: what a control chart learns before it judges: the level and spread of its points, while the process is
// taken to be as it should be (phase I of D. C. Montgomery, chapter 6).
//
// Real training data is not what the textbook supposes, so:
// - A few wild points (kWildShareMax of them, beyond kWild robust sigmas from the median) do not count.
// - Points that follow each other too closely (lag-1 autocorrelation, by J. von Neumann's ratio) widen what is learnt.
// - A level that walks is not learnt: drifts() tells, and its owner starts again, for longer.
//
// Threads: one owner. Units: the sensor's. Limits: kGatheredMax points are held at most, however long the training.
#pragma once

#include <cstdint>
#include <vector>

#include "core/time.hpp"

namespace millwright::detection {

// Count, mean and sum of squared deviations by Welford's method, and the extremes.
struct Scatter {
  double mean = 0;
  double m2 = 0;
  double min = 0;
  double max = 0;
  void add(double x, std::uint32_t count_now);
  [[nodiscard]] double deviation(std::uint32_t n) const;
  // Of the farther extreme from the mean.
  [[nodiscard]] double reach() const;
};

class PhaseOne {
 public:
  static constexpr std::size_t kGatheredMax = 512;
  static constexpr double kWild = 8;
  static constexpr double kWildShareMax = 0.1;

  // A point: a subgroup's mean and its range, standard deviation or moving range.
  void add(double mean, double spread, core::TimeNs time, double floor);
  // What follows is not the continuation of what was: the time between does not count.
  void pause() { last_time_ = kNever; }
  [[nodiscard]] core::DurationNs elapsed() const { return elapsed_; }
  [[nodiscard]] std::uint32_t points() const { return points_; }  // wild ones too

  // Takes what is gathered; then the results below are of all points.
  void finish(double floor);
  [[nodiscard]] std::uint32_t kept() const { return kept_; }
  [[nodiscard]] const Scatter& means() const { return means_; }
  [[nodiscard]] const Scatter& spreads() const { return spreads_; }
  // Of the points; 0 where it is not significant or below, at most 0.98.
  [[nodiscard]] double autocorrelation() const;
  // Whether the points' level walks by more than chance, and fast enough to pass `floor` within ten such trainings.
  [[nodiscard]] bool drifts(double floor) const;
  // How far an exponentially weighted mean of the points went from `centre`.
  [[nodiscard]] double ewma_reach(double centre) const;

  void start_again();
  [[nodiscard]] std::uint32_t extensions() const { return extensions_; }
  void set_smoothing(double lambda) { lambda_ = lambda; }

 private:
  static constexpr core::TimeNs kNever = INT64_MIN;
  struct Point {
    double mean = 0;
    double spread = 0;
  };
  void keep(std::size_t count, double floor);
  void keep(const Point& point);

  std::vector<Point> gathered_;
  Scatter means_;
  Scatter spreads_;
  double steps_squared_ = 0;  // Σ (xᵢ − xᵢ₋₁)²
  double first_ = 0;
  double last_ = 0;
  double with_index_ = 0;  // Σ (i − ī)(xᵢ − x̄)
  double lambda_ = 1;
  double ewma_ = 0;
  double ewma_min_ = 0;
  double ewma_max_ = 0;
  core::DurationNs elapsed_ = 0;
  core::TimeNs last_time_ = kNever;
  std::uint32_t points_ = 0;
  std::uint32_t kept_ = 0;
  std::uint32_t extensions_ = 0;
};

}  // namespace millwright::detection
