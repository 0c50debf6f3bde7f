#include "engine/state_suppression.hpp"

#include <algorithm>

#include "core/log.hpp"
#include "core/text.hpp"

namespace millwright::engine {
namespace {

using alarms::Control;

const std::string kBy = "machine state";

// A condition of a machine is its path, then '/' and a sensor's, or '#' and what is judged of the machine as a whole.
std::vector<std::string> matches_of(const alarms::StateRule& rule, const asset::Machine& machine) {
  if (!core::glob_match(rule.machines, machine.path)) return {};
  if (rule.match == "**") return {machine.path + "/**", machine.path + "#**"};
  return {machine.path + (rule.match.starts_with('#') ? "" : "/") + rule.match};
}

bool is_ours(const Control& control) {
  return control.kind == alarms::Suppression::kByDesign && control.by == kBy;
}

bool is_of(const Control& control, const asset::Machine& machine) {
  const std::size_t length = machine.path.size();
  return control.match.size() > length && control.match.starts_with(machine.path) &&
         (control.match[length] == '/' || control.match[length] == '#');
}

bool has(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

}  // namespace

StateSuppression::StateSuppression(const asset::Model& model, const Rules& rules, alarms::AlarmManager& alarms)
    : model_(model),
      rules_(rules),
      alarms_(alarms),
      is_state_(model.sensors().size(), false),
      known_(model.machines().size()) {
  for (const asset::Sensor& sensor : model.sensors()) {
    is_state_[sensor.id.value] =
        sensor.type == core::ValueType::kState && sensor.component.empty() && sensor.name == "state";
  }
}

void StateSuppression::on_batch(core::BlockBatch& batch) {
  if (batch.purpose != core::BatchPurpose::kReadings) return;
  for (const core::Block& block : batch.blocks) {
    if (!is_state_[block.sensor.value] || block.qualities().back().quality.is_bad()) continue;
    on_state(model_.sensor(block.sensor), block.as<std::int32_t>()[block.count - 1]);
  }
}

void StateSuppression::on_state(const asset::Sensor& sensor, std::int32_t code) {
  auto& known = known_[sensor.machine.value];
  if (known == code) return;
  const auto name = sensor.states.find(code);
  const auto done = apply(model_.machine(sensor.machine), name == sensor.states.end() ? "" : core::lower(name->second));
  if (done) {
    known = code;
  } else {
    core::logger("alarms")->error("{}: {}", sensor.path, done.error().message);
  }
}

core::Status StateSuppression::apply(const asset::Machine& machine, const std::string& state) {
  std::vector<std::string> wanted;
  for (const alarms::StateRule& rule : rules_) {
    if (!has(rule.states, state)) continue;
    for (std::string& match : matches_of(rule, machine)) {
      if (!has(wanted, match)) wanted.push_back(std::move(match));
    }
  }
  for (const Control& held : alarms_.controls()) {
    if (!is_ours(held) || !is_of(held, machine)) continue;
    if (std::erase(wanted, held.match) != 0) continue;
    if (auto released = alarms_.release(held.id, kBy, state); !released) return core::unexpected(released.error());
  }
  for (const std::string& match : wanted) {
    Control control;
    control.kind = alarms::Suppression::kByDesign;
    control.match = match;
    control.by = kBy;
    control.comment = state;
    if (auto taken = alarms_.suppress(std::move(control)); !taken) return core::unexpected(taken.error());
  }
  return {};
}

void StateSuppression::release_leftovers(const asset::Model& model, const Rules& rules, alarms::AlarmManager& alarms) {
  const auto still_meant = [&](const Control& control) {
    return std::any_of(model.machines().begin(), model.machines().end(), [&](const asset::Machine& machine) {
      return is_of(control, machine) && std::any_of(rules.begin(), rules.end(), [&](const alarms::StateRule& rule) {
               return has(matches_of(rule, machine), control.match);
             });
    });
  };
  for (const Control& control : alarms.controls()) {
    if (!is_ours(control) || still_meant(control)) continue;
    if (auto released = alarms.release(control.id, kBy, "no rule says so any more"); !released) {
      core::logger("alarms")->error("{}: {}", control.match, released.error().message);
    }
  }
}

}  // namespace millwright::engine
