// Sensor health: whether a sensor can be believed, whatever the machine does. Checks of one sensor's values, by what is
// usual for it; where a check fails, the readings at hand are doubted and a device alarm is due.
//
//   stuck     no change for several times the longest run that was usual, of a sensor whose readings used to vary
//   range     outside its range by more than a margin, for longer than a moment
//   spike     a reading far from both of its neighbours: judged when the next one is there, so the last reading of a
//             block is judged too late to be marked
//   rate      a step between two readings that is steeper than the configured limit
//   noise     steps between readings several times as large as usual
//   drift     away from a redundant sensor by more than the tolerance
// A gap is no matter of values, and found by the clock that its owner has.
//
// Threads: one owner. Times: source time, ns. Plain data and small: stuck and range look at a block's end alone, once
// they have learnt.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/block.hpp"
#include "core/time.hpp"

namespace millwright::detection {

enum class HealthCheck : std::uint8_t { kStuck, kRange, kGap, kSpike, kRate, kNoise, kDrift };
inline constexpr std::array<std::string_view, 7> kHealthNames = {"stuck", "range", "gap",  "spike",
                                                                 "rate",  "noise", "drift"};
constexpr std::string_view to_string(HealthCheck check) {
  return kHealthNames[static_cast<std::size_t>(check)];
}

struct HealthOptions {
  core::DurationNs training = core::kMinute;  // of source time, until what is usual is known
  double stuck_times = 5;                     // of the longest usual run; 0: not checked
  double spike_sigmas = 0;                    // of usual steps; 0: not checked
  double rate_limit = 0;                      // units/s; 0: not checked
  double noise_times = 0;                     // of the usual step; 0: not checked
  double floor = 0;                           // the smallest step that matters, for spikes

  bool operator==(const HealthOptions&) const = default;
};

// A change of a check's state.
struct HealthFinding {
  HealthCheck check = HealthCheck::kStuck;
  bool in_alarm = false;
  double value = 0;
  double limit = 0;
  core::TimeNs time = 0;
};

// A condition that counts only when it has held for a while, and is over only when it has been away for a while.
class Held {
 public:
  // Gives whether the state changed.
  bool update(bool now, core::TimeNs time, core::DurationNs on, core::DurationNs off);
  [[nodiscard]] bool holds() const { return holds_; }
  // Neither holds nor begins to.
  [[nodiscard]] bool idle() const { return !holds_ && since_ == kNever; }

 private:
  static constexpr core::TimeNs kNever = INT64_MIN;
  core::TimeNs since_ = kNever;
  bool holds_ = false;
};

class StuckCheck {
 public:
  static constexpr std::uint32_t kReadingsMin = 15;                // that a run has at least to be called stuck
  static constexpr core::DurationNs kTimeMin = 2 * core::kSecond;  // that it lasts at least
  static constexpr std::uint32_t kTrainingReadings = 100;          // at least, however long it takes
  static constexpr std::uint32_t kVariesOneIn = 20;                // readings: else long runs are its nature

  // Gives how many readings at the block's end are stuck. `values` are the block's; bad ones must not be given.
  template <typename T>
  std::uint32_t look(const HealthOptions& options, const core::Block& block, std::span<const T> values);
  // The machine does something else: the run ends without a verdict.
  void leave() { run_ = 0; }
  [[nodiscard]] bool stuck() const { return stuck_; }
  [[nodiscard]] bool varies() const { return longest_ != 0 && learnt_; }
  [[nodiscard]] double value() const { return last_; }
  [[nodiscard]] core::TimeNs since() const { return since_; }

 private:
  template <typename T>
  void learn(const HealthOptions& options, const core::Block& block, std::span<const T> values);

  double last_ = 0;
  core::TimeNs since_ = 0;  // of the run at the end
  core::TimeNs training_start_ = 0;
  std::uint32_t run_ = 0;  // equal readings at the end of all
  std::uint32_t longest_ = 0;
  std::uint32_t readings_ = 0;  // of training
  std::uint32_t changes_ = 0;
  bool learnt_ = false;
  bool stuck_ = false;
};

// Spike, rate and noise: checks that look at every step, for sensors that ask for them.
class StepChecks {
 public:
  static constexpr std::size_t kSample = 256;  // steps by which what is usual is measured
  static constexpr std::uint32_t kSpikesMin = 3;
  static constexpr core::DurationNs kSpikeWindow = core::kMinute;
  static constexpr core::DurationNs kRateOff = 10 * core::kSecond;
  static constexpr core::DurationNs kNoiseWindow = 5 * core::kSecond;

  // Adds the readings to be doubted, by index, and changes of state.
  template <typename T>
  void look(const HealthOptions& options, const core::Block& block, std::span<const T> values,
            std::vector<std::uint32_t>& doubted, std::vector<HealthFinding>& findings);
  [[nodiscard]] bool noisy() const { return noise_.holds(); }
  void leave() { known_ = 0; }

 private:
  void learn(double step);
  void count_spike(core::TimeNs time);
  void end_noise_window(const HealthOptions& options, core::TimeNs time, std::vector<HealthFinding>& findings);

  double before_ = 0;  // the reading before the last
  double last_ = 0;
  core::TimeNs last_time_ = 0;
  std::uint32_t known_ = 0;     // readings that are known of these: 0 to 2
  std::vector<double> sample_;  // steps without their sign, while it learns
  double usual_step_ = 0;       // their median; 0: not known yet
  std::array<core::TimeNs, kSpikesMin> spikes_{};
  std::uint32_t spikes_seen_ = 0;
  core::TimeNs window_start_ = 0;
  double window_sum_ = 0;
  std::uint32_t window_steps_ = 0;
  Held spike_;
  Held rate_;
  Held noise_;
};

// Two sensors that measure the same: their levels, smoothed over kSmoothing, are compared.
class DriftCheck {
 public:
  static constexpr double kSmoothing = 10;  // s
  static constexpr core::DurationNs kAfter = 10 * core::kSecond;
  static constexpr core::DurationNs kFresh = 30 * core::kSecond;

  // Takes a block's mean of sensor `which`, 0 (the one checked) or 1. Gives whether the alarm changed.
  bool add(std::size_t which, double mean, core::TimeNs time, double tolerance);
  [[nodiscard]] bool drifts() const { return held_.holds(); }
  [[nodiscard]] double difference() const { return levels_[0].value - levels_[1].value; }

 private:
  struct Level {
    double value = 0;
    core::TimeNs start = INT64_MIN;
    core::TimeNs time = INT64_MIN;
  };
  std::array<Level, 2> levels_;
  Held held_;
};

}  // namespace millwright::detection
