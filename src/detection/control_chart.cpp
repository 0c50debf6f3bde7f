#include "detection/control_chart.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "detection/spc_constants.hpp"
#include "detection/subgroup.hpp"

namespace millwright::detection {
namespace {

using core::TimeNs;

// How far beyond the training window's own extremes a limit lies at least.
constexpr double kBeyondExtremes = 1.25;
// A mean on its way back has made progress when it is nearer by this part of the limits' half width.
constexpr double kProgress = 0.02;
// It is back when it is within this part of it: at the limit itself, noise alone would raise an alarm.
constexpr double kBack = 0.9;
constexpr double kApproachS = 10;                            // over which the distance is smoothed
constexpr core::DurationNs kFirstLook = 20 * core::kSecond;  // until it is smooth enough to judge progress by

// What a spread of readings of standard deviation 1 is on average, and its own deviation.
RangeConstants spread_constants(const ChartOptions& options) {
  if (options.kind == ChartKind::kIndividuals || options.subgroup_size < 2) return range_constants(2);
  if (options.kind != ChartKind::kXbarS) return range_constants(options.subgroup_size);
  const double mean = c4(options.subgroup_size);
  return {mean, std::sqrt(std::max(0.0, 1 - mean * mean))};
}

// By the parts within and between subgroups.
double overall_sigma(const ChartOptions& options, const PhaseOne& learnt, double within) {
  const double n = options.subgroup_size;
  const double readings = n * learnt.kept();
  const double squares = (n - 1) * learnt.kept() * within * within + n * learnt.means().m2;
  return readings > 1 ? std::sqrt(squares / (readings - 1)) : 0;
}

bool remembers_moving_range(const ChartOptions& options) {
  return options.kind == ChartKind::kIndividuals || options.subgroup_size < 2;
}

}  // namespace

std::optional<ChartKind> chart_kind(std::string_view name) {
  const auto* at = std::find(kChartNames.begin(), kChartNames.end(), name);
  if (at == kChartNames.end()) return std::nullopt;
  return static_cast<ChartKind>(at - kChartNames.begin());
}

ChartLimits limits_of(const ChartOptions& options, const PhaseOne& learnt) {
  const auto [d2, d3] = spread_constants(options);
  const Scatter& means = learnt.means();
  const Scatter& spreads = learnt.spreads();
  ChartLimits limits{.centre = means.mean, .spread_centre = spreads.mean};
  limits.within = spreads.mean / d2;
  limits.overall = overall_sigma(options, learnt, limits.within);
  const double classical = options.sigmas * spreads.mean / (d2 * std::sqrt(options.subgroup_size));
  const double observed = options.sigmas * means.deviation(learnt.kept());
  limits.sigma = std::max(classical, observed) / options.sigmas;
  const double phi = learnt.autocorrelation();
  double half_width = 0;
  switch (options.kind) {
    case ChartKind::kXbarR:
    case ChartKind::kXbarS:
    case ChartKind::kIndividuals:
      half_width = std::max({classical, observed, means.reach() * kBeyondExtremes, options.floor});
      break;
    case ChartKind::kEwma: {
      const double carried = phi * (1 - options.lambda);
      limits.sigma *= std::sqrt((1 + carried) / (1 - carried));
      half_width = std::max({options.sigmas * limits.sigma * std::sqrt(options.lambda / (2 - options.lambda)),
                             learnt.ewma_reach(means.mean) * kBeyondExtremes, options.floor});
      break;
    }
    case ChartKind::kCusum:
      limits.sigma = std::max(limits.sigma * std::sqrt((1 + phi) / (1 - phi)), options.floor / options.sigmas);
      half_width = options.decision * limits.sigma;
      break;
  }
  const double spread_width =
      std::max({options.sigmas * d3 / d2 * spreads.mean, options.sigmas * spreads.deviation(learnt.kept()),
                (spreads.max - spreads.mean) * kBeyondExtremes, 2 * options.floor});
  limits.low = limits.centre - half_width;
  limits.high = limits.centre + half_width;
  limits.spread_high = spreads.mean + spread_width;
  return limits;
}

struct ControlChart::Verdict {
  bool mean_outside = false;
  bool spread_outside = false;
  SpcEvent event;  // as it is reported, where it is
};

template <typename T>
std::optional<SpcEvent> ControlChart::add(const ChartOptions& options, std::span<const T> values, TimeNs start,
                                          core::DurationNs period) {
  std::optional<SpcEvent> changed;
  std::size_t i = 0;
  while (i < values.size()) {
    const std::size_t n = std::min<std::size_t>(options.subgroup_size - in_subgroup_, values.size() - i);
    const std::span<const T> now = values.subspan(i, n);
    const SubgroupPart part = summarise(now);
    if (options.kind == ChartKind::kXbarS) {
      if (in_subgroup_ == 0) {
        first_ = static_cast<double>(now[0]);
        squares_ = 0;
      }
      squares_ += sum_of_squares(now, first_);
    }
    sum_ = in_subgroup_ != 0 ? sum_ + part.sum : part.sum;
    min_ = in_subgroup_ != 0 ? std::min(min_, part.min) : part.min;
    max_ = in_subgroup_ != 0 ? std::max(max_, part.max) : part.max;
    in_subgroup_ += static_cast<std::uint32_t>(n);
    i += n;
    if (in_subgroup_ == options.subgroup_size) {
      if (auto event = end_subgroup(options, start + period * static_cast<TimeNs>(i - 1))) changed = event;
    }
  }
  return changed;
}
template std::optional<SpcEvent> ControlChart::add(const ChartOptions&, std::span<const float>, TimeNs,
                                                   core::DurationNs);
template std::optional<SpcEvent> ControlChart::add(const ChartOptions&, std::span<const double>, TimeNs,
                                                   core::DurationNs);

std::optional<SpcEvent> ControlChart::add_one(const ChartOptions& options, double value, TimeNs time) {
  return add<double>(options, std::span<const double>(&value, 1), time, 0);
}

std::optional<SpcEvent> ControlChart::end_subgroup(const ChartOptions& options, TimeNs time) {
  const double n = in_subgroup_;
  const double mean = sum_ / in_subgroup_;
  double spread = max_ - min_;
  in_subgroup_ = 0;
  if (options.kind == ChartKind::kXbarS) {
    spread = std::sqrt(std::max(0.0, squares_ - n * (mean - first_) * (mean - first_)) / (n - 1));
  } else if (remembers_moving_range(options)) {
    spread = has_before_ ? std::abs(mean - first_) : 0;
    first_ = mean;
    if (!std::exchange(has_before_, true) && !trained_) return std::nullopt;
  }
  if (trained_) return judge(options, mean, spread, time);
  learn(options, mean, spread, time);
  return std::nullopt;
}

void ControlChart::leave() {
  in_subgroup_ = 0;
  if (left_) return;
  left_ = true;
  has_before_ = false;
  memory_ = memory_2_ = 0;
  outside_ = 0;
  runs_.clear();
  if (phase_one_) phase_one_->pause();
}

double ControlChart::progress(const ChartOptions& options) const {
  if (trained_) return 1;
  if (!phase_one_) return 0;
  const double time = static_cast<double>(phase_one_->elapsed()) /
                      static_cast<double>(std::max<core::DurationNs>(options.training << phase_one_->extensions(), 1));
  const double points = static_cast<double>(phase_one_->points()) / options.training_subgroups_min;
  return std::clamp(std::min(time, points), 0.0, 1.0);
}

void ControlChart::learn(const ChartOptions& options, double mean, double spread, TimeNs time) {
  if (!phase_one_) {
    phase_one_ = std::make_unique<PhaseOne>();
    phase_one_->set_smoothing(options.lambda);
  }
  PhaseOne& learnt = *phase_one_;
  left_ = false;
  learnt.add(mean, spread, time, options.floor);
  if (learnt.elapsed() < options.training << learnt.extensions()) return;
  if (learnt.points() < options.training_subgroups_min) return;
  learnt.finish(options.floor);
  if (learnt.extensions() < kExtensionsMax && learnt.drifts(options.floor)) return learnt.start_again();
  limits_ = limits_of(options, learnt);
  trained_ = true;
  phase_one_.reset();
}

std::optional<SpcEvent> ControlChart::judge(const ChartOptions& options, double mean, double spread, TimeNs time) {
  // What nearly all points are.
  const bool plain = options.kind <= ChartKind::kIndividuals && options.rules == 0;
  if (plain && !left_ && !returning_ && !in_alarm_ && mean >= limits_.low && mean <= limits_.high &&
      spread <= limits_.spread_high) {
    outside_ <<= 1;
    return std::nullopt;
  }
  if (left_) {
    left_ = false;
    returning_ = true;
    inside_ = 0;
    nearest_ = distance_ = std::abs(mean - limits_.centre);
    looked_at_ = time;
    nearer_at_ = time + kFirstLook;
  }
  if (returning_ && comes_back(options, mean, time) &&
      std::abs(mean - limits_.centre) > limits_.high - limits_.centre) {
    if (in_alarm_) last_outside_ = time;
    return std::nullopt;
  }

  Verdict verdict = look(options, mean, spread, time);
  const RuleSet broken =
      options.rules == 0
          ? RuleSet{0}
          : runs_.add(options.sigmas * (mean - limits_.centre) / (limits_.high - limits_.centre), options.rules);
  const bool by_rules = options.rules != 0;
  const bool outside = by_rules ? broken != 0 || (verdict.spread_outside && (options.rules & kBeyondLimits) != 0)
                                : verdict.mean_outside || verdict.spread_outside;
  outside_ = (outside_ << 1) | static_cast<std::uint32_t>(outside);
  if (!outside && !in_alarm_) return std::nullopt;

  SpcEvent& event = verdict.event;
  event.time = time;
  event.rules = broken;
  if (outside) last_outside_ = time;
  const std::uint32_t window = options.raise_window >= 32 ? ~0U : (1U << options.raise_window) - 1;
  const int needed = by_rules ? 1 : static_cast<int>(options.raise_count);
  if (!in_alarm_ && std::popcount(outside_ & window) >= needed) {
    in_alarm_ = true;
    event.in_alarm = true;
    return event;
  }
  // A source whose clock was set back must not hold an alarm for ever.
  if (in_alarm_ && !outside && (time - last_outside_ >= options.clear_after || time < last_outside_)) {
    in_alarm_ = false;
    outside_ = 0;
    return event;
  }
  return std::nullopt;
}

ControlChart::Verdict ControlChart::look(const ChartOptions& options, double mean, double spread, TimeNs time) {
  Verdict verdict;
  if (options.kind == ChartKind::kEwma) {
    look_at_ewma(options, mean, verdict);
    return verdict;
  }
  if (options.kind == ChartKind::kCusum) {
    look_at_sums(options, mean, time, verdict);
    return verdict;
  }
  verdict.mean_outside = mean < limits_.low || mean > limits_.high;
  verdict.spread_outside = spread > limits_.spread_high;
  if (verdict.mean_outside || !verdict.spread_outside) {
    verdict.event.value = mean;
    verdict.event.limit = mean > limits_.centre ? limits_.high : limits_.low;
  } else {
    verdict.event.statistic = ChartStatistic::kSpread;
    verdict.event.value = spread;
    verdict.event.limit = limits_.spread_high;
  }
  return verdict;
}

void ControlChart::look_at_ewma(const ChartOptions& options, double mean, Verdict& verdict) {
  double& deviation = memory_;  // of the EWMA from the centre
  double& settled = memory_2_;  // 1 − (1 − λ)^2t
  deviation += options.lambda * (mean - limits_.centre - deviation);
  settled = 1 - (1 - settled) * (1 - options.lambda) * (1 - options.lambda);
  const double half_width = limits_.high - limits_.centre;
  const double now = std::max(half_width * std::sqrt(settled), std::min(options.floor, half_width));
  verdict.mean_outside = std::abs(deviation) > now;
  verdict.event.statistic = ChartStatistic::kEwma;
  verdict.event.value = limits_.centre + deviation;
  verdict.event.limit = limits_.centre + std::copysign(now, deviation);
}

// A sum is cut at twice its limit, so that it finds back soon after a long fault.
void ControlChart::look_at_sums(const ChartOptions& options, double mean, TimeNs time, Verdict& verdict) {
  double& up = memory_;
  double& down = memory_2_;
  const double slack = std::max(options.slack * limits_.sigma, options.floor);
  const double decision = limits_.high - limits_.centre;
  const double deviation = mean - limits_.centre;
  if (up <= 0) began_ = time;
  if (down <= 0) began_2_ = time;
  up = std::clamp(up + deviation - slack, 0.0, 2 * decision);
  down = std::clamp(down - deviation - slack, 0.0, 2 * decision);
  verdict.mean_outside = std::max(up, down) > decision;
  verdict.event.statistic = ChartStatistic::kCusum;
  verdict.event.value = up >= down ? up : -down;
  verdict.event.limit = up >= down ? decision : -decision;
  verdict.event.began = up >= down ? began_ : began_2_;
}

// On the way back from an absence: whether to go on waiting. Ends with enough points well inside, or without progress,
// or with a step away.
bool ControlChart::comes_back(const ChartOptions& options, double mean, TimeNs time) {
  const double distance = std::abs(mean - limits_.centre);
  const double half_width = limits_.high - limits_.centre;
  inside_ = distance <= kBack * half_width ? inside_ + 1 : 0;
  const bool set_back = time < looked_at_;  // the source's clock
  const double seconds = set_back ? 0 : static_cast<double>(time - looked_at_) * 1e-9;
  distance_ += (distance - distance_) * (1 - std::exp(-seconds / kApproachS));
  looked_at_ = time;
  const bool away = distance_ > nearest_ + half_width;
  if (time <= nearer_at_ || distance_ < nearest_ - kProgress * half_width) {
    nearest_ = distance_;
    nearer_at_ = std::max(nearer_at_, time);
  }
  const bool stands = time - nearer_at_ >= options.patience;
  returning_ = inside_ < options.raise_window && !away && !stands && !set_back;
  return returning_;
}

}  // namespace millwright::detection
