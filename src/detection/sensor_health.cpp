#include "detection/sensor_health.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "detection/control_limits.hpp"

namespace millwright::detection {
namespace {

using core::Block;
using core::TimeNs;

constexpr std::size_t kLookedAt = 64;          // readings of a block, while the usual run is learnt
constexpr double kSigmaOfMedianStep = 1.0484;  // σ of normal steps by the median of their sizes, over √2 of readings

}  // namespace

bool Held::update(bool now, TimeNs time, core::DurationNs on, core::DurationNs off) {
  if (now == holds_) {
    since_ = kNever;
    return false;
  }
  if (since_ == kNever || time < since_) since_ = time;
  if (time - since_ < (now ? on : off)) return false;
  holds_ = now;
  since_ = kNever;
  return true;
}

// The usual run: of the first readings of each block, and of those at its end.
template <typename T>
void StuckCheck::learn(const HealthOptions& options, const Block& block, std::span<const T> values) {
  if (readings_ == 0 || block.start < training_start_) training_start_ = block.start;
  double last = last_;
  std::uint32_t run = run_;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bool same = run != 0 && static_cast<double>(values[i]) == last;
    if (!same && i >= kLookedAt) break;
    run = same ? run + 1 : 1;
    last = static_cast<double>(values[i]);
    longest_ = std::max(longest_, run);
    ++readings_;
    if (!same) ++changes_;
  }
  if (readings_ < kTrainingReadings || block.last_time() - training_start_ < options.training) return;
  learnt_ = changes_ >= readings_ / kVariesOneIn;
  readings_ = changes_ = 0;
  if (!learnt_) longest_ = 0;  // it may vary one day
}

template <typename T>
std::uint32_t StuckCheck::look(const HealthOptions& options, const Block& block, std::span<const T> values) {
  if (!learnt_) learn(options, block, values);
  const T end = values.back();
  std::uint32_t tail = 1;
  while (tail < values.size() && values[values.size() - 1 - tail] == end) ++tail;
  const bool goes_on = tail == values.size() && run_ != 0 && static_cast<double>(end) == last_;
  if (!goes_on) {
    run_ = 0;
    since_ = block.time(static_cast<std::uint32_t>(values.size()) - tail);
  }
  run_ = std::min(run_, UINT32_MAX - tail) + tail;
  last_ = static_cast<double>(end);
  const double needed = std::max<double>(kReadingsMin, options.stuck_times * longest_);
  stuck_ = learnt_ && options.stuck_times > 0 && run_ >= needed && block.last_time() - since_ >= kTimeMin;
  return stuck_ ? tail : 0;
}
template std::uint32_t StuckCheck::look(const HealthOptions&, const Block&, std::span<const float>);
template std::uint32_t StuckCheck::look(const HealthOptions&, const Block&, std::span<const double>);

void StepChecks::learn(double step) {
  if (usual_step_ > 0) return;
  sample_.push_back(step);
  if (sample_.size() < kSample) return;
  usual_step_ = quantile(sample_, 0.5);
  sample_.clear();
  if (usual_step_ > 0) sample_.shrink_to_fit();
}

void StepChecks::count_spike(TimeNs time) {
  spikes_[spikes_seen_ % kSpikesMin] = time;
  ++spikes_seen_;
}

void StepChecks::end_noise_window(const HealthOptions& options, TimeNs time, std::vector<HealthFinding>& findings) {
  if (time < window_start_) window_start_ = time;
  if (time - window_start_ < kNoiseWindow || window_steps_ < 5) return;
  const double mean = window_sum_ / window_steps_;
  window_start_ = time;
  window_sum_ = 0;
  window_steps_ = 0;
  if (usual_step_ <= 0 || options.noise_times <= 0) return;
  const double usual = usual_step_ / 0.6745 * 0.7979;  // the mean of normal steps that have this median
  const double limit = (noise_.holds() ? 0.5 : 1) * options.noise_times * usual;
  if (noise_.update(mean > limit, time, kNoiseWindow, kNoiseWindow)) {
    findings.push_back({HealthCheck::kNoise, noise_.holds(), mean, options.noise_times * usual, time});
  }
}

template <typename T>
void StepChecks::look(const HealthOptions& options, const Block& block, std::span<const T> values,
                      std::vector<std::uint32_t>& doubted, std::vector<HealthFinding>& findings) {
  const double spike_step = std::max(options.spike_sigmas * kSigmaOfMedianStep * usual_step_, options.floor);
  const bool spikes = options.spike_sigmas > 0 && usual_step_ > 0;
  double steepest = 0;
  for (std::uint32_t i = 0; i < values.size(); ++i) {
    const auto x = static_cast<double>(values[i]);
    const TimeNs time = block.time(i);
    if (known_ > 0) {
      const double step = x - last_;
      learn(std::abs(step));
      window_sum_ += std::abs(step);
      ++window_steps_;
      const double seconds = static_cast<double>(time - last_time_) * 1e-9;
      const double rate = seconds > 0 ? std::abs(step) / seconds : 0;
      steepest = std::max(steepest, rate);
      if (options.rate_limit > 0 && rate > options.rate_limit) doubted.push_back(i);
      const double there = last_ - before_;
      if (spikes && known_ > 1 && there * step < 0 && std::min(std::abs(there), std::abs(step)) > spike_step) {
        if (i > 0) doubted.push_back(i - 1);
        count_spike(last_time_);
      }
    }
    before_ = last_;
    last_ = x;
    last_time_ = time;
    known_ = std::min(known_ + 1, 2U);
  }
  const TimeNs end = block.last_time();
  end_noise_window(options, end, findings);
  const bool steep = options.rate_limit > 0 && steepest > options.rate_limit;
  if (rate_.update(steep, end, 0, kRateOff)) {
    findings.push_back({HealthCheck::kRate, rate_.holds(), steepest, options.rate_limit, end});
  }
  const bool often = spikes_seen_ >= kSpikesMin && end - spikes_[spikes_seen_ % kSpikesMin] <= kSpikeWindow;
  if (spike_.update(often, end, 0, 0)) {
    findings.push_back({HealthCheck::kSpike, spike_.holds(), last_, spike_step, end});
  }
}
template void StepChecks::look(const HealthOptions&, const Block&, std::span<const float>, std::vector<std::uint32_t>&,
                               std::vector<HealthFinding>&);
template void StepChecks::look(const HealthOptions&, const Block&, std::span<const double>, std::vector<std::uint32_t>&,
                               std::vector<HealthFinding>&);

bool DriftCheck::add(std::size_t which, double mean, TimeNs time, double tolerance) {
  Level& level = levels_[which];
  if (level.time == INT64_MIN || time - level.time > kFresh || time < level.time) {
    level = {mean, time, time};
  } else {
    const double seconds = static_cast<double>(time - level.time) * 1e-9;
    level.value += (mean - level.value) * (1 - std::exp(-seconds / kSmoothing));
    level.time = time;
  }
  const Level& other = levels_[1 - which];
  // Two levels are compared once both have smoothed over what they were first, and while both are known.
  const auto settled = [&](const Level& one) {
    return one.time != INT64_MIN && std::abs(time - one.time) <= kFresh && one.time - one.start >= kFresh;
  };
  if (!settled(level) || !settled(other)) return false;
  return held_.update(std::abs(difference()) > tolerance, time, kAfter, kAfter);
}

}  // namespace millwright::detection
