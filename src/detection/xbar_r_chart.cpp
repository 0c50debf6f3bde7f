#include "detection/xbar_r_chart.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "detection/spc_constants.hpp"
#include "detection/subgroup.hpp"

namespace millwright::detection {
namespace {

using core::TimeNs;

// How far beyond the training window's own extremes a limit lies at least.
constexpr double kBeyondExtremes = 1.25;

}  // namespace

void XbarRChart::Spread::add(double x, std::uint32_t count_now) {
  if (count_now == 1) {
    *this = {.mean = x, .m2 = 0, .min = x, .max = x};
    return;
  }
  const double delta = x - mean;
  mean += delta / count_now;
  m2 += delta * (x - mean);
  min = std::min(min, x);
  max = std::max(max, x);
}

double XbarRChart::Spread::deviation(std::uint32_t n) const {
  return n > 1 ? std::sqrt(m2 / (n - 1)) : 0;
}

template <typename T>
std::optional<SpcEvent> XbarRChart::add(const XbarROptions& options, std::span<const T> values, TimeNs start,
                                        core::DurationNs period) {
  std::optional<SpcEvent> changed;
  std::size_t i = 0;
  while (i < values.size()) {
    const std::size_t n = std::min<std::size_t>(options.subgroup_size - in_subgroup_, values.size() - i);
    const SubgroupPart part = summarise(values.subspan(i, n));
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
template std::optional<SpcEvent> XbarRChart::add(const XbarROptions&, std::span<const float>, TimeNs, core::DurationNs);
template std::optional<SpcEvent> XbarRChart::add(const XbarROptions&, std::span<const double>, TimeNs,
                                                 core::DurationNs);

std::optional<SpcEvent> XbarRChart::add_one(const XbarROptions& options, double value, TimeNs time) {
  return add<double>(options, std::span<const double>(&value, 1), time, 0);
}

std::optional<SpcEvent> XbarRChart::end_subgroup(const XbarROptions& options, TimeNs time) {
  const double mean = sum_ / in_subgroup_;
  const double range = max_ - min_;
  in_subgroup_ = 0;
  if (trained_) return judge(options, mean, range, time);
  learn(options, mean, range, time);
  return std::nullopt;
}

void XbarRChart::learn(const XbarROptions& options, double mean, double range, TimeNs time) {
  if (subgroups_ == 0 || time < training_start_) training_start_ = time;
  ++subgroups_;
  means_.add(mean, subgroups_);
  ranges_.add(range, subgroups_);
  if (time - training_start_ < options.training || subgroups_ < options.training_subgroups_min) return;

  const auto [d2, d3] = range_constants(options.subgroup_size);
  const double centre = means_.mean;
  const double range_centre = ranges_.mean;
  const double classical = options.sigmas * range_centre / (d2 * std::sqrt(options.subgroup_size));
  const double extreme = std::max(means_.max - centre, centre - means_.min) * kBeyondExtremes;
  const double half_width =
      std::max({classical, options.sigmas * means_.deviation(subgroups_), extreme, options.floor});
  const double range_width =
      std::max({options.sigmas * d3 / d2 * range_centre, options.sigmas * ranges_.deviation(subgroups_),
                (ranges_.max - range_centre) * kBeyondExtremes, 2 * options.floor});
  limits_ = {.centre = centre,
             .low = centre - half_width,
             .high = centre + half_width,
             .range_centre = range_centre,
             .range_high = range_centre + range_width};
  trained_ = true;
}

std::optional<SpcEvent> XbarRChart::judge(const XbarROptions& options, double mean, double range, TimeNs time) {
  const bool mean_outside = mean < limits_.low || mean > limits_.high;
  const bool range_outside = range > limits_.range_high;
  const bool outside = mean_outside || range_outside;
  outside_ = (outside_ << 1) | static_cast<std::uint32_t>(outside);
  if (!outside && !in_alarm_) return std::nullopt;

  SpcEvent event{.time = time};
  if (mean_outside || !range_outside) {
    event.value = mean;
    event.limit = mean > limits_.centre ? limits_.high : limits_.low;
  } else {
    event.chart = Chart::kRange;
    event.value = range;
    event.limit = limits_.range_high;
  }
  if (outside) last_outside_ = time;
  const std::uint32_t window = options.raise_window >= 32 ? ~0U : (1U << options.raise_window) - 1;
  if (!in_alarm_ && std::popcount(outside_ & window) >= static_cast<int>(options.raise_count)) {
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

}  // namespace millwright::detection
