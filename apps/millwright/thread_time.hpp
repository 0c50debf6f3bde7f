// Speed by the thread's own processor time, so that what else runs on the machine counts as little as may be.
#pragma once

#include <algorithm>
#include <cstdint>
#include <ctime>

namespace millwright::app {

inline double thread_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Values a second of `round`, which handles `values` at a time: the best of several stretches.
template <typename Round>
double best_speed(std::uint64_t values, Round round) {
  constexpr int kStretches = 50;
  constexpr double kStretch_s = 0.02;
  constexpr std::uint64_t kBetweenLooks = 100'000;  // values, so that looking at the clock takes no part in it
  const std::uint64_t rounds = 1 + kBetweenLooks / std::max<std::uint64_t>(values, 1);
  double best = 0;
  for (int i = 0; i < kStretches; ++i) {
    const double begin = thread_seconds();
    std::uint64_t done = 0;
    double seconds = 0;
    while (seconds < kStretch_s) {
      for (std::uint64_t k = 0; k < rounds; ++k) round();
      done += rounds * values;
      seconds = thread_seconds() - begin;
    }
    best = std::max(best, static_cast<double>(done) / seconds);
  }
  return best;
}

}  // namespace millwright::app
