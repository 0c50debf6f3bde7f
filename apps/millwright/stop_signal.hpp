// SIGINT and SIGTERM as a flag and a wait: the first asks the process to end in order.
#pragma once

#include <atomic>

#include "core/time.hpp"

namespace millwright::app {

class StopSignal {
 public:
  // Blocks both signals in this thread and those it starts later; one a process, before any other thread.
  StopSignal();
  // Waits up to `timeout`. True once asked to stop.
  bool wait(core::DurationNs timeout);
  [[nodiscard]] const std::atomic<bool>& flag() const { return stopped_; }

 private:
  std::atomic<bool> stopped_{false};
};

}  // namespace millwright::app
