// Calculators: one value an interval from a sensor's readings, taken one after the other. See processed.hpp for what
// they mean.
//
// Shapes: a Grid of intervals of one width; the readings around it come first and last. Threads: one.
#pragma once

#include <memory>
#include <vector>

#include "historian/processed.hpp"

namespace millwright::historian {

struct Sample {
  core::TimeNs time = 0;
  double value = 0;
  bool bad = false;
};

struct Grid {
  core::TimeNs from = 0;
  core::TimeNs to = 0;  // the last interval ends here, even where that is short
  core::DurationNs width = 0;

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>((to - from - 1) / width) + 1; }
  [[nodiscard]] bool holds(core::TimeNs time) const { return time >= from && time < to; }
  [[nodiscard]] std::size_t index(core::TimeNs time) const { return static_cast<std::size_t>((time - from) / width); }
  [[nodiscard]] core::TimeNs start(std::size_t i) const { return from + static_cast<core::DurationNs>(i) * width; }
  [[nodiscard]] core::TimeNs end(std::size_t i) const { return to - start(i) < width ? to : start(i) + width; }
};

class Calculator {
 public:
  virtual ~Calculator() = default;
  // In order of time: the last reading before the grid that is not bad, and the first bad one after it, where there is
  // one; all in the grid; and, where they are asked for, the readings after it up to the first that is not bad.
  virtual core::Status take(const Sample& sample) = 0;
  // Writes a row an interval. What holds is known up to `known_to`.
  virtual void finish(core::TimeNs known_to, std::vector<Processed>& rows) = 0;
  [[nodiscard]] virtual bool wants_next() const { return false; }
};

// For the functions of time and of readings around an interval's ends.
std::unique_ptr<Calculator> make_calculator(const Calculation& calculation, const Grid& grid, bool stepped);

// What a row says that has nothing to say.
Processed no_data(core::TimeNs start);
// Of a row that was made of all of its interval, or of a part of it.
core::Quality part_quality(bool all);

}  // namespace millwright::historian
