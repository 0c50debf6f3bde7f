// What a machine's effectiveness is computed from: the sensor of its state and what each state means, its counters of
// pieces, and how long a piece takes at best. src/analytics computes with it.
//
// Threads: values. Units: nanoseconds.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/ids.hpp"
#include "core/time.hpp"

namespace millwright::asset {

// What a machine does, as effectiveness sees it.
enum class Activity : std::uint8_t {
  kRunning,      // makes pieces
  kIdle,         // could, but waits
  kDown,         // cannot: it has failed
  kSetup,        // is set up, adjusted, warmed up
  kPlannedStop,  // is not meant to: cleaning, maintenance, no order
};
inline constexpr std::array<std::string_view, 5> kActivityNames{"running", "idle", "down", "setup", "planned-stop"};
constexpr std::string_view to_string(Activity activity) {
  return kActivityNames[static_cast<std::size_t>(activity)];
}

struct Oee {
  core::SensorId state;
  std::map<std::int64_t, Activity> activities;  // by the state's code
  // Two of the three, or none: then pieces are those told with production orders.
  core::SensorId good;
  core::SensorId reject;
  core::SensorId total;
  core::SensorId product;                            // a text; not valid: production orders tell it
  core::DurationNs ideal_cycle = 0;                  // of a piece; 0: only availability is known
  std::map<std::string, core::DurationNs> products;  // those that differ
  core::DurationNs small_stop = 5 * core::kMinute;   // a stop up to this long slows, a longer one is downtime
  core::DurationNs start_up = 10 * core::kMinute;    // so long after a longer stop, rejects are those of starting up

  [[nodiscard]] bool counts() const { return good.valid() || reject.valid() || total.valid(); }
  [[nodiscard]] core::DurationNs cycle_of(const std::string& name) const {
    const auto own = products.find(name);
    return own == products.end() ? ideal_cycle : own->second;
  }
};

}  // namespace millwright::asset
