// Detector: judges a machine row by row, and says why. What a model bundle fills, and what a backtest drives: the same
// code in both.
//
// Threads: one owner. Shapes: a row has a value for each sensor in the order of sensors(), NaN where there is none.
// Units: a statistic is in its own; a score of 1 is the limit.
#pragma once

#include <cstdint>
#include <functional>
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
  // The same for several rows at once, a column of values for each sensor; `each` is told of every row in turn. Alarms
  // are those that score() gives; where no row is near a limit, scores may be those of float32.
  using EachRow = std::function<void(std::size_t row, const Verdict& verdict)>;
  virtual void score_columns(std::span<const double* const> columns, std::size_t rows, const EachRow& each);
  // What each sensor has contributed to the worst statistic of the last row; within score_columns of rows that alarm.
  [[nodiscard]] virtual std::vector<double> contributions() const = 0;

  // Another one that has learnt the same, started.
  [[nodiscard]] virtual std::unique_ptr<Detector> copy() const = 0;
};

}  // namespace millwright::detection
