// RowAligner: readings of several sensors, each with times of its own, as rows on one grid. A row at time t, a multiple
// of the period, holds for each sensor what came in (t - period, t]: the last value or the mean. Training and the live
// way both make their rows with it.
//
//   RowAligner aligner(sensors, {.period = core::kSecond}, emit);
//   aligner.add(sensor, time, value);  …
//   aligner.flush();                    // emits the rows that are complete
//   aligner.expire(newest - wait);      // and those that have waited long enough
//
// A row is complete once every sensor has come to its time. A sensor without a value in it keeps its last one, which is
// NaN before its first. Rows in which no sensor has a value are left out: a gap is no data.
//
// Threads: one owner; `emit` is called within add_run, add, flush and expire, and must not call back. Units: ns, the
// sensors'. Limits: kRowsMax rows wait at most, older ones are emitted as they are; a reading that comes after its row
// was emitted is counted as late, and dropped.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <vector>

#include "core/time.hpp"

namespace millwright::detection {

enum class Resample : std::uint8_t { kLast, kMean };

struct Grid {
  core::DurationNs period = core::kSecond;
  Resample resample = Resample::kLast;
};

class RowAligner {
 public:
  static constexpr std::size_t kRowsMax = 4096;
  // Rows one after the other on the grid, a column of values for each sensor; valid within the call.
  using Emit = std::function<void(core::TimeNs first, std::size_t rows, std::span<const double* const> columns)>;

  RowAligner(std::size_t sensors, const Grid& grid, Emit emit);

  // A value that is not finite is none.
  void add(std::size_t sensor, core::TimeNs time, double value);
  // Says only that the sensor has come to that time.
  void pass(std::size_t sensor, core::TimeNs time);
  // The same for values at start + i · period.
  template <typename T>
  void add_run(std::size_t sensor, core::TimeNs start, core::DurationNs period, std::span<const T> values);

  void flush();
  // Emits the rows up to `horizon` whether they are complete or not.
  void expire(core::TimeNs horizon);
  // Whether a row has values and waits for more.
  [[nodiscard]] bool waiting() const { return used_ != 0; }
  // The latest time that any sensor has come to.
  [[nodiscard]] core::TimeNs newest() const { return newest_; }
  [[nodiscard]] std::uint64_t late() const { return late_; }

 private:
  [[nodiscard]] std::int64_t row_of(core::TimeNs time) const;  // the first row at or after it
  [[nodiscard]] std::int64_t complete() const;                 // the last row that all sensors have come to
  [[nodiscard]] double* column(std::size_t sensor) { return cells_.data() + sensor * capacity_; }
  // Makes slots for rows, at most half of kRowsMax; false where the first is late.
  bool make_room(std::int64_t first, std::int64_t last);
  void grow(std::size_t rows);
  void put(std::size_t sensor, std::size_t slot, double value, bool older);
  void emit_to(std::int64_t row);                      // the rows up to this one
  void emit_run(std::size_t first, std::size_t rows);  // slots
  void drop(std::size_t rows);                         // slots at the front

  const Grid grid_;
  const Emit emit_;
  std::size_t capacity_ = 16;             // slots
  std::size_t used_ = 0;                  // slots up to the last that has a value
  std::int64_t base_ = INT64_MIN;         // row of slot 0; before the first reading: none
  std::vector<double> cells_;             // sensor by sensor, a slot after the other; NaN: no value
  std::vector<std::uint32_t> counts_;     // of a mean's values, as cells_; empty where the last value counts
  std::vector<std::uint8_t> has_values_;  // by slot
  std::vector<double> last_;              // by sensor: its value in the last row emitted
  std::vector<core::TimeNs> passed_;      // by sensor: how far it has come
  std::vector<const double*> columns_;
  core::TimeNs newest_ = INT64_MIN;
  std::uint64_t late_ = 0;
};

template <typename T>
void RowAligner::add_run(std::size_t sensor, core::TimeNs start, core::DurationNs period, std::span<const T> values) {
  if (period != grid_.period || !counts_.empty() || start <= passed_[sensor]) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      add(sensor, start + static_cast<core::DurationNs>(i) * period, static_cast<double>(values[i]));
    }
    return;
  }
  // A value a row, the commonest case: straight into the column. Half of the room at a time, that some may wait.
  constexpr std::size_t kPiece = kRowsMax / 2;
  for (std::size_t at = 0; at < values.size(); at += kPiece) {
    auto piece = values.subspan(at, std::min(kPiece, values.size() - at));
    const core::TimeNs first = start + static_cast<core::DurationNs>(at) * period;
    const core::TimeNs last = first + static_cast<core::DurationNs>(piece.size() - 1) * period;
    std::int64_t row = row_of(first);
    const std::int64_t end = row + static_cast<std::int64_t>(piece.size());
    if (base_ != INT64_MIN && row < base_) {
      const auto late = static_cast<std::size_t>(std::min(base_, end) - row);
      late_ += late;
      piece = piece.subspan(late);
      row += static_cast<std::int64_t>(late);
    }
    if (!piece.empty() && make_room(row, end - 1)) {
      const auto slot = static_cast<std::size_t>(row - base_);
      double* to = column(sensor) + slot;
      for (std::size_t i = 0; i < piece.size(); ++i) {
        const auto value = static_cast<double>(piece[i]);
        to[i] = value - value == 0 ? value : std::numeric_limits<double>::quiet_NaN();  // what is not finite is none
      }
      std::fill_n(has_values_.begin() + static_cast<std::ptrdiff_t>(slot), piece.size(), std::uint8_t{1});
      used_ = std::max(used_, slot + piece.size());
    }
    pass(sensor, last);
  }
}

}  // namespace millwright::detection
