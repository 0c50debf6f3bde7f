// Detector: judges a machine row by row, and says why. What a model bundle fills, and what a backtest drives: the same
// code in both.
//
// Threads: one owner. Shapes: a row has a value for each sensor in the order of sensors(), NaN where there is none.
// Units: a statistic is in its own; a score of 1 is the limit.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace millwright::detection {

struct StatisticInfo {
  std::string name;
  double limit = 0;
};

struct Verdict {
  double score = 0;  // alarm where above 1
  bool alarm = false;
  std::vector<double> statistics;  // as Detector::statistics() has them
  std::size_t worst = 0;           // the statistic that is highest against its limit in this row
};

class Detector {
 public:
  virtual ~Detector() = default;

  [[nodiscard]] virtual const std::vector<std::string>& sensors() const = 0;
  [[nodiscard]] virtual const std::vector<StatisticInfo>& statistics() const = 0;

  // Forgets every row, not what was learnt.
  virtual void start() = 0;
  // The verdict is valid until the next call.
  virtual const Verdict& score(std::span<const double> row) = 0;
  // What each sensor has contributed to the worst statistic of the last row.
  [[nodiscard]] virtual std::vector<double> contributions() const = 0;
};

}  // namespace millwright::detection
