// ControlChart: a control chart of one sensor (W. A. Shewhart; S. W. Roberts; E. S. Page; D. C. Montgomery, chapters 6
// and 9), with limits learnt from a training window (phase I) and then frozen (phase II).
//
//   xbar-r, xbar-s  mean, and range or standard deviation, of subgroups of n consecutive good readings
//   i-mr            single readings, and the range of two that follow each other
//   ewma            z = λ x̄ + (1 − λ) z beside centre ± L σ √(λ/(2−λ) (1 − (1−λ)^2t)), exact from the first point on
//   cusum           C⁺ = max(0, C⁺ + x̄ − centre − K), C⁻ likewise, each beside H: K = kσ, H = hσ; tells when it began
//
// The classical limits suppose readings that are independent within and between subgroups; machine signals are neither,
// so a limit is never narrower than what the training window itself shows (its points' spread and extremes), nor than
// `floor`, the smallest change that matters; EWMA and CUSUM are widened by the points' autocorrelation. A training with
// a trend is repeated, twice as long each time, at most kExtensionsMax times.
//
// An alarm needs `raise_count` of the last `raise_window` points outside, or one of the run `rules` where there are
// any, and returns to normal after `clear_after` without. After an absence (leave()) a mean that is outside, but still
// comes nearer, is waited for: heat comes back slowly.
//
// Threads: one owner. Units: values in the sensor's, times in source time, ns. Small: 100,000 of them are usual.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "core/time.hpp"
#include "detection/phase_one.hpp"
#include "detection/run_rules.hpp"

namespace millwright::detection {

// On disk and in the API by these names.
enum class ChartKind : std::uint8_t { kXbarR, kXbarS, kIndividuals, kEwma, kCusum };
inline constexpr std::array<std::string_view, 5> kChartNames = {"xbar-r", "xbar-s", "i-mr", "ewma", "cusum"};
constexpr std::string_view to_string(ChartKind kind) {
  return kChartNames[static_cast<std::size_t>(kind)];
}

std::optional<ChartKind> chart_kind(std::string_view name);

struct ChartOptions {
  ChartKind kind = ChartKind::kXbarR;
  std::uint32_t subgroup_size = 5;                 // i-mr: 1; ewma and cusum: 1 or more; else 2 or more
  core::DurationNs training = 20 * core::kSecond;  // of source time
  std::uint32_t training_subgroups_min = 20;       // however slow the sensor
  double sigmas = 3;                               // ewma: L
  double floor = 0;                                // half width that the limits have at least
  std::uint32_t raise_count = 3;
  std::uint32_t raise_window = 5;  // at most 32
  RuleSet rules = 0;               // instead of these two
  core::DurationNs clear_after = 5 * core::kSecond;
  core::DurationNs patience = 30 * core::kSecond;  // of waiting for a mean that comes back, without progress
  double lambda = 0.2;                             // ewma
  double slack = 0.5;                              // cusum: k
  double decision = 5;                             // cusum: h

  bool operator==(const ChartOptions&) const = default;
};

// Frozen limits.
struct ChartLimits {
  double centre = 0;
  double low = 0;
  double high = 0;
  double spread_centre = 0;  // of ranges, standard deviations or moving ranges
  double spread_high = 0;
  double sigma = 0;    // of a point, widened by autocorrelation where the chart's memory needs that
  double within = 0;   // σ of readings, from their spread within subgroups
  double overall = 0;  // σ of all readings
};

enum class ChartStatistic : std::uint8_t { kMean, kSpread, kEwma, kCusum };

// A change of the alarm's state.
struct SpcEvent {
  bool in_alarm = false;
  ChartStatistic statistic = ChartStatistic::kMean;
  RuleSet rules = 0;       // those that raised it
  double value = 0;        // what decided: the point's mean or spread, its EWMA, the sum
  double limit = 0;        // the limit that it is judged against
  core::TimeNs time = 0;   // of the point's last reading
  core::TimeNs began = 0;  // cusum: since when the sum has grown
};

class ControlChart {
 public:
  static constexpr std::uint32_t kExtensionsMax = 3;

  // Takes readings in order of time. Gives the last change of state that they caused.
  template <typename T>
  std::optional<SpcEvent> add(const ChartOptions& options, std::span<const T> values, core::TimeNs start,
                              core::DurationNs period);
  std::optional<SpcEvent> add_one(const ChartOptions& options, double value, core::TimeNs time);

  // A gap, a bad reading: the subgroup begun is dropped, all else stays.
  void interrupt() { in_subgroup_ = 0; }
  // The machine does something else now: also what the chart remembers of earlier points goes. Limits and alarm stay.
  void leave();
  // Forgets the limits and the alarm, and learns.
  void relearn() { *this = {}; }

  [[nodiscard]] bool trained() const { return trained_; }
  [[nodiscard]] bool in_alarm() const { return in_alarm_; }
  [[nodiscard]] const ChartLimits& limits() const { return limits_; }
  // How much of the training is done, 0 to 1.
  [[nodiscard]] double progress(const ChartOptions& options) const;
  void restore(const ChartLimits& limits) {
    limits_ = limits;
    trained_ = true;
  }

 private:
  struct Verdict;
  std::optional<SpcEvent> end_subgroup(const ChartOptions& options, core::TimeNs time);
  void learn(const ChartOptions& options, double mean, double spread, core::TimeNs time);
  std::optional<SpcEvent> judge(const ChartOptions& options, double mean, double spread, core::TimeNs time);
  [[nodiscard]] Verdict look(const ChartOptions& options, double mean, double spread, core::TimeNs time);
  void look_at_ewma(const ChartOptions& options, double mean, Verdict& verdict);
  void look_at_sums(const ChartOptions& options, double mean, core::TimeNs time, Verdict& verdict);
  [[nodiscard]] bool comes_back(const ChartOptions& options, double mean, core::TimeNs time);

  // Of the subgroup begun.
  std::uint32_t in_subgroup_ = 0;
  bool trained_ = false;
  bool in_alarm_ = false;
  bool left_ = false;        // a time was missed, and it is not known yet when the next began
  bool returning_ = false;   // back from it, and not where it was
  bool has_before_ = false;  // i-mr
  double sum_ = 0;
  double min_ = 0;
  double max_ = 0;
  double squares_ = 0;  // xbar-s: Σ (x − first)²
  double first_ = 0;

  ChartLimits limits_;
  std::uint32_t outside_ = 0;  // bit i: the point i ago was outside
  std::uint32_t inside_ = 0;   // points in a row well inside, on the way back
  core::TimeNs last_outside_ = 0;
  double distance_ = 0;  // from the centre on the way back, smoothed
  double nearest_ = 0;   // the least that it was
  core::TimeNs looked_at_ = 0;
  core::TimeNs nearer_at_ = 0;
  // What the kinds with a memory remember: i-mr the point before; ewma its deviation and 1 − (1 − λ)^2t; cusum
  // both sums.
  double memory_ = 0;
  double memory_2_ = 0;
  core::TimeNs began_ = 0;    // cusum: the first point of C⁺ as it is
  core::TimeNs began_2_ = 0;  // … and of C⁻
  RunRules runs_;
  std::unique_ptr<PhaseOne> phase_one_;  // while it learns
};

// What a finished phase I makes of the limits.
ChartLimits limits_of(const ChartOptions& options, const PhaseOne& learnt);

}  // namespace millwright::detection
