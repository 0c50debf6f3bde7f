// MachineStates: what each machine of a shard is doing, from its own sensor `state`. What detection asks before it
// judges: a stop is no anomaly, nor is the minute after a start.
//
// Threads: its shard's. A machine without such a sensor, or that has said nothing yet, is taken to be running.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "asset/model.hpp"
#include "core/block.hpp"

namespace millwright::engine {

inline constexpr std::int32_t kRunning = 1;  // the shipped machine types' code for it

class MachineStates {
 public:
  // `settle`: how long after a change of state a machine is not judged.
  MachineStates(const asset::Model& model, core::DurationNs settle);

  // Takes note of a block of a machine's state; any other is left alone.
  void take(const core::Block& block);
  // The state's code, where the machine is in it at `time` and has settled; else nothing.
  [[nodiscard]] std::optional<std::int32_t> settled(core::MachineId machine, core::TimeNs time) const;

 private:
  struct State {
    std::int32_t code = kRunning;
    core::TimeNs settled = INT64_MIN;  // from when on
  };
  const asset::Model& model_;
  core::DurationNs settle_;
  std::vector<State> states_;   // by MachineId
  std::vector<bool> is_state_;  // by SensorId: the machine's own `state`
};

// The code by which a machine's own sensor `state` says `name`; without such a sensor, or where it does not name its
// codes, "running" is kRunning. Nothing: the machine has no such state.
std::optional<std::int32_t> state_code(const asset::Model& model, const asset::Machine& machine, std::string_view name);

}  // namespace millwright::engine
