#include "historian/aggregate.hpp"

#include <algorithm>
#include <array>

namespace millwright::historian {
namespace {

constexpr double kSeconds = 1e-9;

double seconds(core::DurationNs span) {
  return static_cast<double>(span) * kSeconds;
}

// Four sums side by side: an addition need not wait for the one before it.
constexpr std::size_t kLanes = 4;

double sum_of(std::span<const double> values) {
  std::array<double, kLanes> sums{};
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += values[i + lane];
  }
  for (; i < values.size(); ++i) sums[0] += values[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

double squares_of(std::span<const double> values, double mean) {
  std::array<double, kLanes> sums{};
  const auto square = [mean](double value) { return (value - mean) * (value - mean); };
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += square(values[i + lane]);
  }
  for (; i < values.size(); ++i) sums[0] += square(values[i]);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

double held_of(std::span<const core::TimeNs> times, std::span<const double> values) {
  std::array<double, kLanes> sums{};
  const std::size_t steps = values.size() - 1;
  const auto step = [&](std::size_t i) { return values[i] * static_cast<double>(times[i + 1] - times[i]); };
  std::size_t i = 0;
  for (; i + kLanes <= steps; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += step(i + lane);
  }
  for (; i < steps; ++i) sums[0] += step(i);
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) * kSeconds;
}

// Of readings that are all numbers: two passes, so that the squares are of distances from the mean.
Aggregate summarise(std::span<const core::TimeNs> times, std::span<const double> values) {
  Aggregate made;
  made.count = values.size();
  made.first = values.front();
  made.last = values.back();
  made.first_time = times.front();
  made.last_time = times.back();
  double low = made.first;
  double high = made.first;
  for (const double value : values) {
    low = value < low ? value : low;
    high = value > high ? value : high;
  }
  made.min = low;
  made.max = high;
  made.sum = sum_of(values);
  made.squares = values.size() > 1 ? squares_of(values, made.mean()) : 0;
  made.held = held_of(times, values);
  return made;
}

bool all_numbers(std::span<const double> values) {
  return std::none_of(values.begin(), values.end(), [](double value) { return std::isnan(value); });
}

}  // namespace

void add(Aggregate& whole, std::span<const core::TimeNs> times, std::span<const double> values, core::Quality quality) {
  if (values.empty()) return;
  if (quality.is_bad()) {
    whole.bad_count += values.size();
    return;
  }
  if (all_numbers(values)) return combine(whole, summarise(times, values));
  for (std::size_t from = 0; from < values.size();) {
    std::size_t to = from;
    while (to < values.size() && !std::isnan(values[to])) ++to;
    if (to > from) combine(whole, summarise(times.subspan(from, to - from), values.subspan(from, to - from)));
    for (; to < values.size() && std::isnan(values[to]); ++to) ++whole.bad_count;
    from = to;
  }
}

void combine(Aggregate& whole, const Aggregate& other) {
  whole.bad_count += other.bad_count;
  if (other.count == 0) return;
  if (whole.count == 0) {
    const Aggregate before = whole;
    whole = other;
    whole.start = before.start;
    whole.bad_count = before.bad_count;
    return;
  }
  const double a = static_cast<double>(whole.count);
  const double b = static_cast<double>(other.count);
  const double apart = other.mean() - whole.mean();
  whole.squares += other.squares + apart * apart * (a * b / (a + b));
  const bool after = other.first_time >= whole.last_time;
  const bool before = other.last_time < whole.first_time;
  whole.held += other.held;
  if (after) whole.held += whole.last * seconds(other.first_time - whole.last_time);
  if (before) whole.held += other.last * seconds(whole.first_time - other.last_time);
  whole.count += other.count;
  whole.sum += other.sum;
  whole.min = std::min(whole.min, other.min);
  whole.max = std::max(whole.max, other.max);
  if (other.first_time < whole.first_time) {
    whole.first = other.first;
    whole.first_time = other.first_time;
  }
  if (other.last_time >= whole.last_time) {
    whole.last = other.last;
    whole.last_time = other.last_time;
  }
}

bool are_apart(const Aggregate& a, const Aggregate& b) {
  return a.count == 0 || b.count == 0 || a.last_time < b.first_time || b.last_time < a.first_time;
}

}  // namespace millwright::historian
