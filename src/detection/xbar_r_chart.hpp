// XbarRChart: X-bar and R control charts of one sensor (W. A. Shewhart; D. C. Montgomery, chapter 6), with limits
// learnt from a training window (phase I) and then frozen (phase II).
//
// Subgroups are n consecutive good readings. The classical limits, centre ± A2·R̄ and D3·R̄ … D4·R̄, suppose readings
// that are independent within and between subgroups; machine signals are neither, so a limit is never narrower than
// what the training window itself shows (its subgroups' spread and extremes), nor than `floor`, the smallest change
// that matters. An alarm needs `raise_count` of the last `raise_window` subgroups outside, and returns to normal after
// `clear_after` without one outside.
//
// Threads: one owner. Units: values in the sensor's, times in source time, ns. Plain data: 100,000 of them are usual.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "core/time.hpp"

namespace millwright::detection {

struct XbarROptions {
  std::uint32_t subgroup_size = 5;
  core::DurationNs training = 20 * core::kSecond;  // of source time
  std::uint32_t training_subgroups_min = 20;       // however slow the sensor
  double sigmas = 3;
  double floor = 0;  // half width that the X-bar limits have at least
  std::uint32_t raise_count = 3;
  std::uint32_t raise_window = 5;  // at most 32
  core::DurationNs clear_after = 5 * core::kSecond;
};

// Frozen limits.
struct XbarRLimits {
  double centre = 0;
  double low = 0;
  double high = 0;
  double range_centre = 0;
  double range_high = 0;
};

enum class Chart : std::uint8_t { kMean, kRange };

// A change of the alarm's state.
struct SpcEvent {
  bool in_alarm = false;
  Chart chart = Chart::kMean;
  double value = 0;       // the subgroup's mean or range that decided
  double limit = 0;       // the limit that it is judged against
  core::TimeNs time = 0;  // of the subgroup's last reading
};

class XbarRChart {
 public:
  // Takes readings in order of time. Gives the last change of state that they caused.
  template <typename T>
  std::optional<SpcEvent> add(const XbarROptions& options, std::span<const T> values, core::TimeNs start,
                              core::DurationNs period);
  std::optional<SpcEvent> add_one(const XbarROptions& options, double value, core::TimeNs time);

  // A gap, a stop of the machine: the subgroup begun is dropped, limits and alarm stay.
  void interrupt() { in_subgroup_ = 0; }

  [[nodiscard]] bool trained() const { return trained_; }
  [[nodiscard]] bool in_alarm() const { return in_alarm_; }
  [[nodiscard]] const XbarRLimits& limits() const { return limits_; }
  void restore(const XbarRLimits& limits) {
    limits_ = limits;
    trained_ = true;
  }

 private:
  std::optional<SpcEvent> end_subgroup(const XbarROptions& options, core::TimeNs time);
  void learn(const XbarROptions& options, double mean, double range, core::TimeNs time);
  std::optional<SpcEvent> judge(const XbarROptions& options, double mean, double range, core::TimeNs time);

  // Count, mean and sum of squared deviations by Welford's method, and the extremes.
  struct Spread {
    double mean = 0;
    double m2 = 0;
    double min = 0;
    double max = 0;
    void add(double x, std::uint32_t count_now);
    [[nodiscard]] double deviation(std::uint32_t n) const;
  };

  XbarRLimits limits_;
  Spread means_;
  Spread ranges_;
  double sum_ = 0;
  double min_ = 0;
  double max_ = 0;
  core::TimeNs training_start_ = 0;
  core::TimeNs last_outside_ = 0;
  std::uint32_t in_subgroup_ = 0;
  std::uint32_t subgroups_ = 0;
  std::uint32_t outside_ = 0;  // bit i: the subgroup i ago was outside
  bool trained_ = false;
  bool in_alarm_ = false;
};

}  // namespace millwright::detection
