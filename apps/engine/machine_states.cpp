#include "engine/machine_states.hpp"

namespace millwright::engine {
namespace {

bool is_machine_state(const asset::Sensor& sensor) {
  return sensor.type == core::ValueType::kState && sensor.component.empty() && sensor.name == "state";
}

}  // namespace

MachineStates::MachineStates(const asset::Model& model, core::DurationNs settle)
    : model_(model), settle_(settle), states_(model.machines().size()), is_state_(model.sensors().size(), false) {
  for (const asset::Sensor& sensor : model.sensors()) {
    is_state_[sensor.id.value] = is_machine_state(sensor);
  }
}

void MachineStates::take(const core::Block& block) {
  if (!is_state_[block.sensor.value]) return;
  State& state = states_[model_.sensor(block.sensor).machine.value];
  const std::int32_t code = block.as<std::int32_t>()[block.count - 1];
  if (code != state.code) state = {code, block.last_time() + settle_};
}

std::optional<std::int32_t> MachineStates::settled(core::MachineId machine, core::TimeNs time) const {
  const State& state = states_[machine.value];
  if (time < state.settled) return std::nullopt;
  return state.code;
}

std::optional<std::int32_t> state_code(const asset::Model& model, const asset::Machine& machine,
                                       std::string_view name) {
  for (const core::SensorId id : machine.sensors) {
    const asset::Sensor& sensor = model.sensor(id);
    if (!is_machine_state(sensor)) continue;
    for (const auto& [code, text] : sensor.states) {
      if (text == name) return static_cast<std::int32_t>(code);
    }
  }
  return name == "running" ? std::optional(kRunning) : std::nullopt;
}

}  // namespace millwright::engine
