#include "twin/life.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace millwright::twin {
namespace {

constexpr double kDay = 24.0 * static_cast<double>(core::kHour);
constexpr std::size_t kPointsLeast = 10;
constexpr double kDoubt = 4;            // standard errors; points that follow each other are not independent
constexpr double kStillFalling = 0.25;  // of the whole slope, in the last third
constexpr double kFallLeast = 2;        // points of health, over the whole line
constexpr double kTrendSpread = 0.3;    // of the logarithm of the time left, at the least: no wear is a straight line
constexpr double kRatePerPoints = 50;   // points of health lost that make failures ten times as frequent

double normal(double z) {
  return 0.5 * std::erfc(-z / std::sqrt(2.0));
}

// z of the upper end of an interval that holds `share`: bisection, for it is asked seldom.
double z_of(double share) {
  double low = 0;
  double high = 8;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (normal(middle) < (1 + share) / 2 ? low : high) = middle;
  }
  return low;
}

// The probability that lies below x, of a distribution with its ends and middle where low, middle and high say: a
// normal one on each side.
double below(double x, double low, double middle, double high, double z) {
  const double width = x < middle ? middle - low : high - middle;
  if (!(width > 0)) return x < middle ? 0 : 1;
  return normal((x - middle) / width * z);
}

struct Line {
  double slope = 0;
  double at_end = 0;
  double error = 0;
  double spread = 0;
  double fit = 0;
};

Line line_through(const HealthPoint* points, std::size_t count) {
  const auto n = static_cast<double>(count);
  const core::TimeNs origin = points[count - 1].time;
  const auto day = [&](std::size_t i) { return static_cast<double>(points[i].time - origin) / kDay; };
  double mean_x = 0;
  double mean_y = 0;
  for (std::size_t i = 0; i < count; ++i) {
    mean_x += day(i) / n;
    mean_y += points[i].health / n;
  }
  double xx = 0;
  double xy = 0;
  double yy = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double x = day(i) - mean_x;
    const double y = points[i].health - mean_y;
    xx += x * x;
    xy += x * y;
    yy += y * y;
  }
  Line out;
  out.at_end = mean_y;
  if (!(xx > 0)) return out;
  out.slope = xy / xx;
  out.at_end = mean_y - out.slope * mean_x;
  const double left = std::max(0.0, yy - out.slope * xy);
  out.spread = count > 2 ? std::sqrt(left / (n - 2)) : 0;
  out.error = out.spread / std::sqrt(xx);
  out.fit = yy > 0 ? 1 - left / yy : 0;
  return out;
}

}  // namespace

std::string_view to_string(Method method) {
  static constexpr std::array<std::string_view, 3> kNames{"health", "health-trend", "model"};
  return kNames[static_cast<std::size_t>(method)];
}

double failure_probability(const Life& life, double health, const LifeRule& rule, double within_days) {
  const double rate = std::pow(10.0, (100 - health) / kRatePerPoints) / rule.mean_days;
  const double by_health = -std::expm1(-rate * within_days);
  if (life.method == Method::kHealth) return by_health;
  const double z = z_of(life.share);
  if (life.method == Method::kModel) return below(within_days, life.low, life.days, life.high, z);
  const auto log = [](double days) { return std::log(std::max(days, 1e-6)); };
  return std::max(by_health, below(log(within_days), log(life.low), log(life.days), log(life.high), z));
}

Trend trend_of(const std::vector<HealthPoint>& points) {
  Trend out;
  if (points.size() < kPointsLeast) return out;
  const Line all = line_through(points.data(), points.size());
  const std::size_t third = points.size() / 3;
  const Line last = line_through(points.data() + points.size() - third, third);
  out = {.per_day = all.slope,
         .error = all.error,
         .health = all.at_end,
         .spread = all.spread,
         .fit = all.fit,
         .falls = false};
  const double days = static_cast<double>(points.back().time - points.front().time) / kDay;
  out.falls =
      all.slope < -kDoubt * all.error && last.slope < kStillFalling * all.slope && -all.slope * days >= kFallLeast;
  return out;
}

Life extrapolate(const Trend& trend, const LifeRule& rule) {
  const double fall = -trend.per_day;
  const double days = std::max(1.0 / 24, (trend.health - rule.threshold_health) / fall);
  const double by_spread = trend.spread / fall / days;
  const double by_slope = trend.error / fall;
  const double spread = std::max(kTrendSpread, std::hypot(by_spread, by_slope));
  Life out{.method = Method::kTrend, .days = days};
  const double factor = std::exp(z_of(out.share) * spread);
  out.low = days / factor;
  out.high = days * factor;
  out.confidence = std::clamp(trend.fit, 0.0, 1.0);
  return out;
}

HealthTrack::Closed HealthTrack::add(core::TimeNs time, double health) {
  return {.minute = close(minute_, time, health, core::kMinute, minutes_, kMinutes),
          .hour = close(hour_, time, health, core::kHour, hours_, kHours)};
}

bool HealthTrack::close(Mean& mean, core::TimeNs time, double health, core::DurationNs width,
                        std::vector<HealthPoint>& out, std::size_t most) {
  const core::TimeNs start = core::floor_to(time, width);
  const bool over = mean.count > 0 && start != mean.start;
  if (over) {
    push(out, {mean.start, mean.sum / mean.count}, most);
    mean = {};
  }
  mean.start = start;
  mean.sum += health;
  mean.count += 1;
  return over;
}

void HealthTrack::push(std::vector<HealthPoint>& out, const HealthPoint& point, std::size_t most) {
  if (!out.empty() && out.back().time >= point.time) return;  // the clock was set back
  if (out.size() >= most) out.erase(out.begin());
  out.push_back(point);
}

void HealthTrack::forget() {
  *this = HealthTrack();
}

Life life_of(const HealthTrack& track, const LifeRule& rule) {
  Life best;
  for (const auto* points : {&track.minutes(), &track.hours()}) {
    const Trend trend = trend_of(*points);
    if (!trend.falls) continue;
    const Life life = extrapolate(trend, rule);
    if (best.method == Method::kHealth || life.days < best.days) best = life;
  }
  return best;
}

}  // namespace millwright::twin
