// StateSuppression: takes alarms of a machine out of sight while the machine's own `state` says that it stands, as the
// rules of `alarms.suppress_by_state` have it (ISA-18.2: suppressed by design).
//
// Threads: its shard's. It runs before detection, so that a stop and what the stop does to the sensors come in this
// order. What it has suppressed is kept by the alarms' journal: after a restart it holds until the machine says
// otherwise. Errors: where the journal takes no control, the next reading of the state tries again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "alarms/alarm_manager.hpp"
#include "asset/model.hpp"
#include "core/block.hpp"
#include "pipeline/stage.hpp"

namespace millwright::engine {

class StateSuppression final : public pipeline::Stage {
 public:
  using Rules = std::vector<alarms::StateRule>;
  StateSuppression(const asset::Model& model, const Rules& rules, alarms::AlarmManager& alarms);

  void on_batch(core::BlockBatch& batch) override;

  // Ends what rules of an earlier configuration have suppressed. Once, at the start.
  static void release_leftovers(const asset::Model& model, const Rules& rules, alarms::AlarmManager& alarms);

 private:
  void on_state(const asset::Sensor& sensor, std::int32_t code);
  core::Status apply(const asset::Machine& machine, const std::string& state);

  const asset::Model& model_;
  const Rules rules_;
  alarms::AlarmManager& alarms_;
  std::vector<bool> is_state_;                      // by SensorId
  std::vector<std::optional<std::int32_t>> known_;  // by MachineId: the state that is in force
};

}  // namespace millwright::engine
