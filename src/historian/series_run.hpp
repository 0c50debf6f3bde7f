// SeriesRun: readings of one series as columns: put together from blocks, brought into order, each once; and from there
// encoded again, or summed up for the roll-ups.
//
// Threads: one. Shapes: times, values (their own bytes) and qualities of the same length.
#pragma once

#include <vector>

#include "historian/aggregate.hpp"
#include "historian/codec.hpp"
#include "historian/historian.hpp"
#include "historian/row_codec.hpp"

namespace millwright::historian {

class SeriesRun {
 public:
  void clear();
  void append(const DecodedBlock& block);
  void append(core::ValueType type, std::span<const Reading> readings);
  // Readings [from, to) of another.
  void append(const SeriesRun& other, std::size_t from, std::size_t to);
  // In order of time; of equal readings (time, value, quality) one. What came at one time stays in its order.
  void put_in_order();

  [[nodiscard]] bool empty() const { return times_.empty(); }
  [[nodiscard]] std::size_t size() const { return times_.size(); }
  [[nodiscard]] std::span<const core::TimeNs> times() const { return times_; }
  [[nodiscard]] core::ValueType type() const { return type_; }
  // The latest time that is believed; INT64_MIN: none.
  [[nodiscard]] core::TimeNs latest() const;
  // Whether all times are believed, and seconds that have a reading have no more than `each`, on the whole. Of readings
  // in order.
  [[nodiscard]] bool is_slow(std::size_t each) const;
  [[nodiscard]] Reading reading(std::size_t i) const;

  // Readings [from, to) as a block that points in here; at most core::kMaxBlockReadings.
  core::Block block(std::size_t from, std::size_t to);
  // Adds to `rows` one row for each interval that readings [from, to) lie in. Readings whose time is not
  // believed are left out.
  void sum_up(std::size_t from, std::size_t to, const Intervals& intervals, std::vector<RollupRow>& rows);
  // All that is known of the readings together, as a chunk says it.
  Aggregate statistics();
  // Leaves out readings that a straight line between those kept passes within `bound` of (swinging_door.hpp).
  void thin(double bound);

 private:
  void make_doubles();
  // Appends the qualities of readings [from, to).
  void take_runs(std::size_t from, std::size_t to, std::vector<core::QualityRun>& runs) const;

  core::ValueType type_ = core::ValueType::kFloat64;
  core::TimeNs received_ = 0;
  bool in_order_ = true;
  std::vector<core::TimeNs> times_;
  std::vector<std::byte> values_;
  std::vector<core::QualityRun> runs_;
  std::vector<double> doubles_;  // the values, once asked for
  std::vector<core::QualityRun> block_runs_;
};

// All rows as one.
Aggregate total(std::span<const RollupRow> rows);
// Rows of one width into rows of a greater one that is a multiple of it, both in order.
void sum_up(std::span<const RollupRow> rows, core::DurationNs width, std::vector<RollupRow>& coarser);

}  // namespace millwright::historian
