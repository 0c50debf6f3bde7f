// Clock: the seam to time. Real, or simulated and moved by hand.
//
// Threads: all of it from any thread.
#pragma once

#include <atomic>

#include "core/time.hpp"

namespace millwright::io {

class Clock {
 public:
  virtual ~Clock() = default;
  // UTC now. May jump when somebody sets the machine's clock: for stamping readings, never for measuring or retention.
  [[nodiscard]] virtual core::TimeNs now() const = 0;
  // Never jumps, starts anywhere: for measuring, time-outs and intervals.
  [[nodiscard]] virtual core::TimeNs monotonic() const = 0;
  virtual void sleep(core::DurationNs duration) = 0;
};

class RealClock final : public Clock {
 public:
  [[nodiscard]] core::TimeNs now() const override;
  [[nodiscard]] core::TimeNs monotonic() const override;
  void sleep(core::DurationNs duration) override;
};

// Time stands still until advance(), set_wall() or sleep() moves it.
class SimClock final : public Clock {
 public:
  explicit SimClock(core::TimeNs start) : wall_(start) {}
  [[nodiscard]] core::TimeNs now() const override { return wall_.load(); }
  [[nodiscard]] core::TimeNs monotonic() const override { return monotonic_.load(); }
  void sleep(core::DurationNs duration) override { advance(duration); }

  void advance(core::DurationNs duration) {
    wall_ += duration;
    monotonic_ += duration;
  }
  // The wall clock alone jumps, as when an operator or NTP sets it.
  void set_wall(core::TimeNs time) { wall_ = time; }

 private:
  std::atomic<core::TimeNs> wall_;
  std::atomic<core::TimeNs> monotonic_{0};
};

}  // namespace millwright::io
