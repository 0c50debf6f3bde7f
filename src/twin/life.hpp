// Life: how long a component has left, and how likely it fails within a time. By a model of remaining life where there
// is one, else by where its health is heading, else by its health alone. The formulas: docs/twin.md.
//
// Threads: pure functions over values. Units: days; health 0 to 100.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "core/time.hpp"

namespace millwright::twin {

enum class Method : std::uint8_t {
  kHealth,  // nothing shows wear: the failure rate of its kind, more of it the worse its health
  kTrend,   // health falls: when it reaches the threshold
  kModel,   // learnt from units that failed
};
std::string_view to_string(Method method);

inline constexpr double kNotKnown = std::numeric_limits<double>::quiet_NaN();

struct Life {
  Method method = Method::kHealth;
  double days = kNotKnown;  // it lasts longer with a probability of one half
  double low = kNotKnown;   // … of (1 + share) / 2
  double high = kNotKnown;  // … of (1 - share) / 2
  double share = 0.9;       // of the truths between low and high
  double confidence = 0;    // 0 to 1, in the method's own terms
};

struct LifeRule {
  double mean_days = 1095;       // from new to failure, of a component whose health is 100
  double threshold_health = 20;  // where health is as good as failed
};

double failure_probability(const Life& life, double health, const LifeRule& rule, double within_days);

// Mean health over some time.
struct HealthPoint {
  core::TimeNs time = 0;
  double health = 100;
};

// Of a straight line through the points (least squares).
struct Trend {
  double per_day = 0;
  double error = 0;    // standard error of per_day
  double health = 0;   // on the line, at the last point
  double spread = 0;   // of the points around it, standard deviation
  double fit = 0;      // share of the points' variance that the line explains
  bool falls = false;  // beyond doubt, and still in the last third
};
Trend trend_of(const std::vector<HealthPoint>& points);

// Until health is at the threshold. Needs a trend that falls.
Life extrapolate(const Trend& trend, const LifeRule& rule);

// A component's health over the last kMinutes minutes and kHours hours, in means.
class HealthTrack {
 public:
  static constexpr std::size_t kMinutes = 120;
  static constexpr std::size_t kHours = 720;

  // Times rise. Gives whether a minute, an hour is now complete: points() has changed.
  struct Closed {
    bool minute = false;
    bool hour = false;
  };
  Closed add(core::TimeNs time, double health);
  void add_hour(const HealthPoint& hour) { push(hours_, hour, kHours); }  // kept from before a restart
  [[nodiscard]] const std::vector<HealthPoint>& minutes() const { return minutes_; }
  [[nodiscard]] const std::vector<HealthPoint>& hours() const { return hours_; }
  void forget();

 private:
  struct Mean {
    core::TimeNs start = 0;
    double sum = 0;
    double count = 0;
  };
  static bool close(Mean& mean, core::TimeNs time, double health, core::DurationNs width, std::vector<HealthPoint>& out,
                    std::size_t most);
  static void push(std::vector<HealthPoint>& out, const HealthPoint& point, std::size_t most);

  Mean minute_;
  Mean hour_;
  std::vector<HealthPoint> minutes_;
  std::vector<HealthPoint> hours_;
};

// By the minutes or the hours, whichever falls towards the threshold sooner; kHealth where neither does.
Life life_of(const HealthTrack& track, const LifeRule& rule);

}  // namespace millwright::twin
