#include "historian/chart.hpp"

#include <cmath>

#include "core/assert.hpp"

namespace millwright::historian {
namespace {

using core::DurationNs;
using core::Result;
using core::Status;
using core::TimeNs;

constexpr std::size_t kReadingsAtOnce = 1'000'000;

struct Point {
  double x = 0;  // seconds from the first
  double y = 0;
};

// Chooses one reading of each group, once the group after it is known.
class Chooser {
 public:
  Chooser(core::ValueType type, const Reading& first, double group_seconds)
      : type_(type), first_(first), group_seconds_(group_seconds), chosen_{first}, anchor_(point(first)) {}

  void take(const Reading& reading) {
    const Point at = point(reading);
    const auto group = static_cast<std::int64_t>(std::ceil(at.x / group_seconds_)) - 1;
    if (group != group_) {
      close();
      group_ = group;
    }
    next_.push_back(reading);
    mean_.x += at.x;
    mean_.y += at.y;
  }

  std::vector<Reading> finish(const Reading& last) {
    close();
    const Point at = point(last);
    if (!group_readings_.empty()) choose(at);
    chosen_.push_back(last);
    return std::move(chosen_);
  }

 private:
  [[nodiscard]] Point point(const Reading& reading) const {
    return {static_cast<double>(reading.time - first_.time) * 1e-9, core::as_double(type_, reading.bits)};
  }

  // The group that was being filled is the next one of that before it.
  void close() {
    if (next_.empty()) return;
    const auto count = static_cast<double>(next_.size());
    if (!group_readings_.empty()) choose({mean_.x / count, mean_.y / count});
    group_readings_.swap(next_);
    next_.clear();
    mean_ = {};
  }

  void choose(const Point& beyond) {
    const Reading* best = &group_readings_.front();
    double largest = -1;
    for (const Reading& reading : group_readings_) {
      const Point at = point(reading);
      const double area =
          std::abs((anchor_.x - beyond.x) * (at.y - anchor_.y) - (anchor_.x - at.x) * (beyond.y - anchor_.y));
      if (area > largest) {
        largest = area;
        best = &reading;
      }
    }
    anchor_ = point(*best);
    chosen_.push_back(*best);
  }

  const core::ValueType type_;
  const Reading first_;
  const double group_seconds_;
  std::vector<Reading> chosen_;
  Point anchor_;  // the reading chosen last
  std::int64_t group_ = -1;
  std::vector<Reading> group_readings_;
  std::vector<Reading> next_;
  Point mean_;  // of next_, before it is divided
};

bool is_shown(core::ValueType type, const Reading& reading) {
  return !reading.quality.is_bad() && std::isfinite(core::as_double(type, reading.bits));
}

// Calls `take` with every reading that is shown; it gives whether to go on.
template <typename Take>
Status each(const Historian& historian, core::SensorId sensor, core::ValueType type, Range range, std::size_t at_once,
            const Check& check, const Take& take) {
  while (range.from < range.to) {
    if (check) {
      if (auto go_on = check(); !go_on) return go_on;
    }
    std::optional<TimeNs> next;
    const auto readings = historian.raw(sensor, range, at_once, &next);
    if (!readings) return core::unexpected(readings.error());
    for (const Reading& reading : *readings) {
      if (is_shown(type, reading) && !take(reading)) return {};
    }
    range.from = next.value_or(range.to);
  }
  return {};
}

}  // namespace

DurationNs chart_width(Range range, std::size_t points) {
  constexpr std::uint64_t kCoarser = 4;  // times a tier's width: a quarter of the points is what that may cost
  const auto span = static_cast<std::uint64_t>(range.to) - static_cast<std::uint64_t>(range.from);
  // The first and the last interval may be cut by the range.
  const std::uint64_t width = span / std::max<std::uint64_t>(points - 1, 1) + 1;
  std::uint64_t unit = 1;
  for (const DurationNs tier : {core::kSecond, core::kMinute, core::kHour}) {
    if (width >= kCoarser * static_cast<std::uint64_t>(tier)) unit = static_cast<std::uint64_t>(tier);
  }
  return static_cast<DurationNs>(std::min<std::uint64_t>((width + unit - 1) / unit * unit, INT64_MAX));
}

Result<std::vector<Reading>> largest_triangles(const Historian& historian, const asset::Model& model,
                                               core::SensorId sensor, Range range, std::size_t points,
                                               const Check& check) {
  if (points < kChartPointsMin) {
    return core::unexpected(core::ErrorCode::kInvalid, "a chart has 3 points or more");
  }
  const core::ValueType type = model.sensor(sensor).type;
  std::vector<Reading> few;
  const auto add_few = [&](const Reading& reading) {
    few.push_back(reading);
    return few.size() <= points;
  };
  if (auto done = each(historian, sensor, type, range, points + 1, check, add_few); !done) {
    return core::unexpected(done.error());
  }
  if (few.size() <= points) return few;

  const auto last = historian.before(sensor, range.to);
  if (!last) return core::unexpected(last.error());
  const auto inner = *last ? historian.before(sensor, (*last)->time) : last;
  if (!inner) return core::unexpected(inner.error());
  if (!*last || !*inner) return few;  // they went meanwhile
  const Reading first = few.front();
  const double seconds = static_cast<double>((*inner)->time - first.time) * 1e-9;
  Chooser chooser(type, first, seconds / static_cast<double>(points - 2));
  const auto choose = [&](const Reading& reading) {
    chooser.take(reading);
    return true;
  };
  const Range between{first.time + 1, (*last)->time};
  if (auto done = each(historian, sensor, type, between, kReadingsAtOnce, check, choose); !done) {
    return core::unexpected(done.error());
  }
  return chooser.finish(**last);
}

}  // namespace millwright::historian
