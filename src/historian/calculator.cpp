#include "historian/calculator.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>

namespace millwright::historian {
namespace {

using core::DurationNs;
using core::Status;
using core::TimeNs;

constexpr std::size_t kPercentileMax = 50'000'000;

double seconds(DurationNs duration) {
  return static_cast<double>(duration) * 1e-9;
}

// A straight line between two samples, or the value of the first.
struct Segment {
  Sample from;
  Sample to;
  bool sloped = false;

  [[nodiscard]] double at(TimeNs time) const {
    if (!sloped || to.time == from.time) return from.value;
    const double part = static_cast<double>(time - from.time) / static_cast<double>(to.time - from.time);
    return from.value + (to.value - from.value) * part;
  }
};

// ---- time below the curve
// --------------------------------------------------------------------------------------------

// Adds up what lies below the curve, interval by interval, and how much of each interval it covers.
class TimeFold : public Calculator {
 public:
  TimeFold(const Grid& grid, bool stepped) : grid_(grid), stepped_(stepped), parts_(grid.size()) {}

  Status take(const Sample& sample) override {
    if (last_ && !last_->bad) cover({*last_, sample, !stepped_ && !sample.bad}, sample.time, true);
    last_ = sample;
    return {};
  }

  void finish(TimeNs known_to, std::vector<Processed>& rows) override {
    // Beyond the last reading a stepped value holds; that a sloped one does is a guess.
    if (last_ && !last_->bad) cover({*last_, *last_, false}, known_to, stepped_);
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      const Part& part = parts_[i];
      const TimeNs start = grid_.start(i);
      const DurationNs covered = part.known + part.guessed;
      if (covered == 0) {
        rows.push_back(no_data(start));
        continue;
      }
      const bool all = part.known == std::min(grid_.end(i), known_to) - start;
      rows.push_back({start, result(part.area, seconds(covered)), part_quality(all)});
    }
  }

  [[nodiscard]] bool wants_next() const override { return !stepped_; }

 private:
  struct Part {
    double area = 0;
    DurationNs known = 0;
    DurationNs guessed = 0;
  };
  [[nodiscard]] virtual double area(const Segment& segment, TimeNs from, TimeNs to) const = 0;
  [[nodiscard]] virtual double result(double area, double seconds) const = 0;

  void cover(const Segment& segment, TimeNs until, bool known) {
    TimeNs from = std::max(segment.from.time, grid_.from);
    const TimeNs end = std::min(until, grid_.to);
    while (from < end) {
      const std::size_t i = grid_.index(from);
      const TimeNs to = std::min(end, grid_.end(i));
      parts_[i].area += area(segment, from, to);
      (known ? parts_[i].known : parts_[i].guessed) += to - from;
      from = to;
    }
  }

  const Grid grid_;
  const bool stepped_;
  std::vector<Part> parts_;
  std::optional<Sample> last_;
};

class TimeAverage final : public TimeFold {
 public:
  using TimeFold::TimeFold;

 private:
  [[nodiscard]] double area(const Segment& segment, TimeNs from, TimeNs to) const override {
    return (segment.at(from) + segment.at(to)) / 2 * seconds(to - from);
  }
  [[nodiscard]] double result(double area, double seconds) const override { return area / seconds; }
};

class DurationInState final : public TimeFold {
 public:
  DurationInState(const Grid& grid, double state) : TimeFold(grid, true), state_(state) {}

 private:
  [[nodiscard]] double area(const Segment& segment, TimeNs from, TimeNs to) const override {
    return segment.from.value == state_ ? seconds(to - from) : 0;
  }
  [[nodiscard]] double result(double area, double) const override { return area; }

  const double state_;
};

// ---- values at times
// -------------------------------------------------------------------------------------------------

class Interpolative final : public Calculator {
 public:
  Interpolative(const Grid& grid, bool stepped) : grid_(grid), stepped_(stepped), rows_(grid.size()) {}

  Status take(const Sample& sample) override {
    if (sample.bad) {
      if (!bad_since_) bad_since_ = sample.time;
      return {};
    }
    for (; next_ < rows_.size() && grid_.start(next_) <= sample.time; ++next_) {
      const TimeNs time = grid_.start(next_);
      rows_[next_] = time == sample.time ? Processed{time, sample.value, core::kGood} : between(time, sample);
    }
    last_ = sample;
    bad_since_.reset();
    return {};
  }

  void finish(TimeNs known_to, std::vector<Processed>& rows) override {
    for (; next_ < rows_.size(); ++next_) {
      const TimeNs time = grid_.start(next_);
      rows_[next_] =
          last_ && time < known_to ? Processed{time, last_->value, part_quality(holds(time))} : no_data(time);
    }
    rows.insert(rows.end(), rows_.begin(), rows_.end());
  }

  [[nodiscard]] bool wants_next() const override { return !stepped_; }

 private:
  [[nodiscard]] bool holds(TimeNs time) const { return stepped_ && (!bad_since_ || *bad_since_ > time); }
  [[nodiscard]] Processed between(TimeNs time, const Sample& next) const {
    if (!last_) return no_data(time);
    const bool good = stepped_ ? holds(time) : !bad_since_;
    return {time, Segment{*last_, next, !stepped_}.at(time), part_quality(good)};
  }

  const Grid grid_;
  const bool stepped_;
  std::vector<Processed> rows_;
  std::size_t next_ = 0;  // the first that is not answered
  std::optional<Sample> last_;
  std::optional<TimeNs> bad_since_;
};

// ---- readings
// --------------------------------------------------------------------------------------------------------

class Increase final : public Calculator {
 public:
  explicit Increase(const Grid& grid) : grid_(grid), parts_(grid.size()) {}

  Status take(const Sample& sample) override {
    if (grid_.holds(sample.time)) {
      Part& part = parts_[grid_.index(sample.time)];
      part.bad = part.bad || sample.bad;
      if (!sample.bad && last_) part.sum += sample.value >= *last_ ? sample.value - *last_ : sample.value;
    }
    if (sample.bad) return {};
    if (!last_) known_from_ = sample.time;
    last_ = sample.value;
    return {};
  }

  void finish(TimeNs known_to, std::vector<Processed>& rows) override {
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      const TimeNs start = grid_.start(i);
      if (!last_ || grid_.end(i) <= known_from_ || start >= known_to) {
        rows.push_back(no_data(start));
      } else {
        rows.push_back({start, parts_[i].sum, part_quality(!parts_[i].bad && known_from_ <= start)});
      }
    }
  }

 private:
  struct Part {
    double sum = 0;
    bool bad = false;
  };
  const Grid grid_;
  std::vector<Part> parts_;
  std::optional<double> last_;
  TimeNs known_from_ = 0;
};

class Percentile final : public Calculator {
 public:
  Percentile(const Grid& grid, double percent) : grid_(grid), part_(percent / 100), rows_(grid.size()) {
    for (std::size_t i = 0; i < rows_.size(); ++i) rows_[i] = no_data(grid_.start(i));
  }

  Status take(const Sample& sample) override {
    if (!grid_.holds(sample.time)) return {};
    const std::size_t at = grid_.index(sample.time);
    if (at != at_) close();
    at_ = at;
    any_bad_ = any_bad_ || sample.bad;
    if (sample.bad) return {};
    values_.push_back(sample.value);
    if (values_.size() <= kPercentileMax) return {};
    return core::unexpected(core::ErrorCode::kInvalid,
                            fmt::format("an interval has more than {} readings, too many to find a percentile among; "
                                        "ask for shorter intervals",
                                        kPercentileMax));
  }

  void finish(TimeNs, std::vector<Processed>& rows) override {
    close();
    rows.insert(rows.end(), rows_.begin(), rows_.end());
  }

 private:
  void close() {
    if (!values_.empty()) rows_[at_] = {grid_.start(at_), value(), part_quality(!any_bad_)};
    values_.clear();
    any_bad_ = false;
  }

  double value() {
    const double rank = part_ * static_cast<double>(values_.size() - 1);
    const auto below = values_.begin() + static_cast<std::ptrdiff_t>(rank);
    std::nth_element(values_.begin(), below, values_.end());
    const double rest = rank - std::floor(rank);
    if (rest == 0) return *below;
    return *below + (*std::min_element(below + 1, values_.end()) - *below) * rest;
  }

  const Grid grid_;
  const double part_;
  std::vector<Processed> rows_;
  std::size_t at_ = 0;
  std::vector<double> values_;
  bool any_bad_ = false;
};

}  // namespace

std::unique_ptr<Calculator> make_calculator(const Calculation& calculation, const Grid& grid, bool stepped) {
  switch (calculation.function) {
    case Function::kInterpolative:
      return std::make_unique<Interpolative>(grid, stepped);
    case Function::kTimeAverage:
      return std::make_unique<TimeAverage>(grid, stepped);
    case Function::kDurationInState:
      return std::make_unique<DurationInState>(grid, calculation.argument);
    case Function::kIncrease:
      return std::make_unique<Increase>(grid);
    case Function::kPercentile:
      return std::make_unique<Percentile>(grid, calculation.argument);
    default:
      return nullptr;
  }
}

Processed no_data(TimeNs start) {
  return {start, std::numeric_limits<double>::quiet_NaN(), core::kBadNoData};
}

core::Quality part_quality(bool all) {
  return all ? core::kGood : core::kUncertainDataSubNormal;
}

}  // namespace millwright::historian
