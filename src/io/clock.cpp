#include "io/clock.hpp"

#include <chrono>
#include <thread>

namespace millwright::io {

core::TimeNs RealClock::now() const {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

core::TimeNs RealClock::monotonic() const {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void RealClock::sleep(core::DurationNs duration) {
  std::this_thread::sleep_for(std::chrono::nanoseconds(duration));
}

}  // namespace millwright::io
