// Raw history a page at a time, forwards and backwards, and where the next page begins. An answer reads no more rows
// than a page holds, however long the asked time is.
//
// Threads: any. Units: OPC UA's times are steps of 100 ns; a reading counts as of the step that it is within.
// Errors: the historian's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"
#include "historian/historian.hpp"

namespace millwright::opcua {

inline constexpr core::DurationNs kUaStep = 100;  // ns

// Where an answer goes on. Nothing is kept for it on the server: the client brings it back.
struct Place {
  core::TimeNs time = 0;   // of the next readings; for values at times, the index of the next
  std::uint32_t skip = 0;  // so many readings of that time were given already
  bool begun = false;      // what comes first has been given

  // `request`: what was asked; a place counts for the same request only.
  [[nodiscard]] std::string encode(std::string_view request) const;
  static std::optional<Place> decode(std::string_view bytes, std::string_view request);
};

struct Page {
  std::vector<historian::Reading> readings;
  std::optional<Place> next;  // where there is more
};

// [from.time, to), the earliest first.
core::Result<Page> read_forwards(const historian::Historian& historian, core::SensorId sensor, const Place& from,
                                 core::TimeNs to, std::size_t limit);
// [low, from.time], the latest first.
core::Result<Page> read_backwards(const historian::Historian& historian, core::SensorId sensor, const Place& from,
                                  core::TimeNs low, std::size_t limit);

// The nearest reading on either side of a step; one within it is on both.
core::Result<std::optional<historian::Reading>> at_or_before(const historian::Historian& historian,
                                                             core::SensorId sensor, core::TimeNs time);
core::Result<std::optional<historian::Reading>> at_or_after(const historian::Historian& historian,
                                                            core::SensorId sensor, core::TimeNs time);

}  // namespace millwright::opcua
