// A dead-band: how far a number has to move before an OPC UA server tells it (OPC 10000-4, 7.22.2, DataChangeFilter).
//
// Threads: a value type.
#pragma once

#include <string_view>

#include "core/result.hpp"

namespace millwright::connectors {

struct DeadBand {
  double value = 0;         // 0: every change is told
  bool is_percent = false;  // of the node's EURange; else in the node's own unit
  bool operator==(const DeadBand&) const = default;
};

// "0.5" or "2%".
core::Result<DeadBand> parse_dead_band(std::string_view text);

}  // namespace millwright::connectors
