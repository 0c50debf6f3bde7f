// Progress: a bar on standard error for what lasts over two seconds while a person watches; else silent.
//
// Threads: one owner.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace millwright::history {

class Progress {
 public:
  explicit Progress(std::string what, std::string unit = "rows");  // "exporting"
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done` of `whole`, in any unit; `count` of the bar's unit so far.
  void update(double done, double whole, std::uint64_t count);
  [[nodiscard]] double seconds() const;

 private:
  using Clock = std::chrono::steady_clock;
  const std::string what_;
  const std::string unit_;
  const bool watched_;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point shown_;
  bool drawn_ = false;
};

}  // namespace millwright::history
