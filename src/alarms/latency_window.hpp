// The last kLatencyWindow alarm latencies, and their quantiles.
#pragma once

#include <cstddef>
#include <vector>

#include "alarms/alarm_manager.hpp"

namespace millwright::alarms {

class LatencyWindow {
 public:
  void add(double ms) {
    if (ms_.size() < kLatencyWindow) {
      ms_.push_back(ms);
    } else {
      ms_[next_] = ms;
    }
    next_ = (next_ + 1) % kLatencyWindow;
  }
  [[nodiscard]] const std::vector<double>& values() const { return ms_; }

 private:
  std::vector<double> ms_;
  std::size_t next_ = 0;
};

// Nearest rank: p99 of 10,000 is the 9,900th.
Latency quantiles(std::vector<double> ms);

}  // namespace millwright::alarms
