// Evaluation: alarms against labels, row by row, and how long each labelled event went unnoticed.
//
// Threads: one owner. Units: shares from 0 to 1; delays in rows and in seconds of the data's own time.
#pragma once

#include <cstdint>

#include "core/time.hpp"

namespace millwright::backtest {

class Evaluation {
 public:
  // Rows in order of time.
  void add(bool labelled, bool alarm, core::TimeNs time);

  [[nodiscard]] double f1() const { return share(2 * hits_, 2 * hits_ + false_alarms_ + misses_); }
  [[nodiscard]] double false_alarm_rate() const { return share(false_alarms_, false_alarms_ + quiet_); }
  [[nodiscard]] double missed_alarm_rate() const { return share(misses_, misses_ + hits_); }

  [[nodiscard]] std::uint64_t hits() const { return hits_; }
  [[nodiscard]] std::uint64_t false_alarms() const { return false_alarms_; }
  [[nodiscard]] std::uint64_t misses() const { return misses_; }
  [[nodiscard]] std::uint64_t quiet() const { return quiet_; }  // rightly

  // Runs of labelled rows, and those with an alarm in them.
  [[nodiscard]] std::uint64_t events() const { return events_; }
  [[nodiscard]] std::uint64_t detected() const { return detected_; }
  // From an event's first row to its first alarm, the mean over the detected ones; 0: in that row.
  [[nodiscard]] double delay_rows() const { return share(delay_rows_, detected_); }
  [[nodiscard]] double delay_seconds() const;

 private:
  static double share(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
  }

  std::uint64_t hits_ = 0;
  std::uint64_t false_alarms_ = 0;
  std::uint64_t misses_ = 0;
  std::uint64_t quiet_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t detected_ = 0;
  std::uint64_t delay_rows_ = 0;
  double delay_seconds_ = 0;  // summed
  bool in_event_ = false;
  bool seen_ = false;  // the event has had an alarm
  std::uint64_t event_rows_ = 0;
  core::TimeNs event_start_ = 0;
};

}  // namespace millwright::backtest
