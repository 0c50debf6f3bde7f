// HistoryMarks: a number for any stretch of what history has of one machine's effectiveness. It is another one once
// readings have come late there. Made of hourly roll-ups, so cheap beside the readings themselves; of two different
// histories the numbers are the same once in 2^64.
//
// Threads: a value. Errors: history's.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "analytics/intervals.hpp"
#include "asset/oee.hpp"
#include "historian/historian.hpp"

namespace millwright::analytics {

class HistoryMarks {
 public:
  // Of all whole hours that touch `range`.
  static core::Result<HistoryMarks> read(const historian::Historian& historian, const asset::Oee& oee,
                                         const Interval& range);

  [[nodiscard]] bool covers(const Interval& range) const { return range.from >= range_.from && range.to <= range_.to; }
  // Of the hours that touch `range`, which is covered.
  [[nodiscard]] std::uint64_t of(const Interval& range) const;

 private:
  [[nodiscard]] std::uint64_t before(core::TimeNs hour) const;

  Interval range_{};
  std::vector<std::pair<core::TimeNs, std::uint64_t>> sums_;  // hour, the sum of all up to it, itself among them
};

}  // namespace millwright::analytics
