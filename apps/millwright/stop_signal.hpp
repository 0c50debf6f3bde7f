// SIGINT and SIGTERM as a flag and a wait: the first asks the process to end in order. SIGHUP, where it is wanted, asks
// it to read its configuration again.
#pragma once

#include <atomic>

#include "core/time.hpp"

namespace millwright::app {

enum class Hangup { kEnds, kReloads };  // kEnds: the process, as without us

class StopSignal {
 public:
  // Blocks the signals in this thread and those it starts later; one a process, before any other thread.
  explicit StopSignal(Hangup hangup = Hangup::kEnds);
  // Waits up to `timeout`, or until asked to reload. True once asked to stop.
  bool wait(core::DurationNs timeout);
  // Whether it was asked to reload since this was last called.
  bool take_reload() { return reload_.exchange(false); }
  [[nodiscard]] const std::atomic<bool>& flag() const { return stopped_; }

 private:
  const Hangup hangup_;
  std::atomic<bool> stopped_{false};
  std::atomic<bool> reload_{false};
};

// Asks this process to reload, from any thread.
void ask_to_reload();

}  // namespace millwright::app
