// How well the alarm system does: the metrics of ISA-18.2 clause 16 / IEC 62682, over what operators were shown.
//
// Threads: one owner. Limits: the newest kRaisesKept raises are known, none older than kPeriodMax; they are of this
// process and of the occurrences that it found at its start.
#pragma once

#include <array>
#include <deque>
#include <string>
#include <vector>

#include "alarms/alarm.hpp"

namespace millwright::alarms {

inline constexpr std::size_t kRaisesKept = 200'000;
inline constexpr core::DurationNs kPeriodMax = 30 * 24 * core::kHour;
inline constexpr core::DurationNs kFloodWindow = 10 * core::kMinute;
inline constexpr std::size_t kFloodBegins = 10;  // more raises than this in the window
inline constexpr std::size_t kFloodEnds = 5;     // fewer than this
inline constexpr std::size_t kChatterRaises = 3;
inline constexpr core::DurationNs kChatterWindow = core::kMinute;
inline constexpr core::DurationNs kStaleAge = 24 * core::kHour;

struct BadActor {
  std::string condition;
  std::uint64_t raises = 0;
};

struct Performance {
  core::DurationNs period = 0;
  std::uint64_t raises = 0;
  double per_10min = 0;          // on average
  std::uint64_t peak_10min = 0;  // in the worst 10 minutes, by the clock
  double flood_share = 0;        // of those 10 minutes, the part with more than kFloodBegins raises
  bool in_flood = false;         // now
  std::array<std::uint64_t, 4> by_priority{};
  std::vector<BadActor> bad_actors;     // the ten that were raised most
  std::vector<std::string> chattering;  // raised kChatterRaises times within kChatterWindow
  std::vector<std::string> stale;       // active longer than kStaleAge
  std::uint64_t active = 0;
  std::uint64_t suppressed = 0;  // open, and out of sight
};

class RaiseLog {
 public:
  void add(const std::string& condition, Priority priority, core::TimeNs time);
  // What follows from the raises in (now - period, now].
  [[nodiscard]] Performance over(core::DurationNs period, core::TimeNs now) const;
  // Whether there is a flood: it begins over kFloodBegins raises in the window, and ends below kFloodEnds.
  bool update_flood(core::TimeNs now);

 private:
  struct Raise {
    core::TimeNs time = 0;
    std::string condition;
    Priority priority = Priority::kMedium;
  };
  [[nodiscard]] std::size_t since(core::TimeNs time) const;
  std::deque<Raise> raises_;
  bool flood_ = false;
};

}  // namespace millwright::alarms
