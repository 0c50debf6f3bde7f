#include "historian/swinging_door.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/assert.hpp"

namespace millwright::historian {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

SwingingDoor::SwingingDoor(double bound) : bound_(bound) {
  ASSERT(bound >= 0 && std::isfinite(bound), "a swinging door with a finite bound of 0 or more");
}

void SwingingDoor::begin_at(const Reading& reading) {
  hinge_ = reading;
  last_.reset();
  slope_low_ = -kInfinity;
  slope_high_ = kInfinity;
}

// Whether a line from the hinge to this reading means anything.
bool SwingingDoor::continues(const Reading& reading) const {
  const Reading& before = last_ ? *last_ : *hinge_;
  core::TimeNs span = 0;
  return reading.time > before.time && !__builtin_sub_overflow(reading.time, hinge_->time, &span) &&
         reading.quality == hinge_->quality && std::isfinite(reading.value) && std::isfinite(hinge_->value) &&
         std::isfinite(reading.value - hinge_->value);
}

// Whether the line from the hinge to this reading passes within the bound of all between.
bool SwingingDoor::passes(const Reading& reading) const {
  const double slope = (reading.value - hinge_->value) / static_cast<double>(reading.time - hinge_->time);
  return slope >= slope_low_ && slope <= slope_high_;
}

void SwingingDoor::narrow(const Reading& reading) {
  const auto span = static_cast<double>(reading.time - hinge_->time);
  slope_low_ = std::max(slope_low_, (reading.value - bound_ - hinge_->value) / span);
  slope_high_ = std::min(slope_high_, (reading.value + bound_ - hinge_->value) / span);
  last_ = reading;
}

SwingingDoor::Keep SwingingDoor::add(const Reading& reading) {
  if (!hinge_ || !continues(reading)) {
    const bool before = last_.has_value();
    begin_at(reading);
    return {before, true};
  }
  // The line to the last reading passed, so it can be the next hinge.
  const bool before = last_ && !passes(reading);
  if (before) begin_at(Reading(*last_));
  narrow(reading);
  return {before, false};
}

bool SwingingDoor::finish() {
  const bool keep = last_.has_value();
  hinge_.reset();
  last_.reset();
  return keep;
}

std::vector<std::uint32_t> swinging_door(std::span<const core::TimeNs> times, std::span<const double> values,
                                         std::span<const core::Quality> qualities, double bound) {
  ASSERT(times.size() == values.size() && (qualities.empty() || qualities.size() == values.size()),
         "a time and a quality for each value");
  SwingingDoor door(bound);
  std::vector<std::uint32_t> kept;
  std::uint32_t i = 0;
  for (; i < values.size(); ++i) {
    const auto keep = door.add({times[i], values[i], qualities.empty() ? core::kGood : qualities[i]});
    if (keep.before) kept.push_back(i - 1);
    if (keep.now) kept.push_back(i);
  }
  if (door.finish()) kept.push_back(i - 1);
  return kept;
}

}  // namespace millwright::historian
