#include "api/machine_view.hpp"

#include <algorithm>
#include <array>

#include "core/quality.hpp"
#include "core/text.hpp"
#include "twin/document.hpp"

namespace millwright::api {
namespace {

constexpr std::array<std::string_view, 5> kLevels = {"enterprise", "site", "area", "line", "cell"};

std::string_view quality_class(core::Quality quality) {
  return quality.is_good() ? "good" : quality.is_uncertain() ? "uncertain" : "bad";
}

bool has_value(const pipeline::LiveValue& live) {
  return live.source_time != 0 || live.received != 0;
}

// The sensor that says whether the machine runs: its own `state`, or the only one of that name in it.
const asset::Sensor* state_sensor(const asset::Model& model, const asset::Machine& machine) {
  const asset::Sensor* found = nullptr;
  for (const core::SensorId id : machine.sensors) {
    const asset::Sensor& sensor = model.sensor(id);
    if (sensor.type != core::ValueType::kState || sensor.name != "state") continue;
    if (sensor.component.empty()) return &sensor;
    if (found != nullptr) return nullptr;
    found = &sensor;
  }
  return found;
}

std::string_view machine_state(std::string_view name) {
  static constexpr std::array<std::string_view, 3> kStates = {"running", "idle", "down"};
  const auto at = std::find(kStates.begin(), kStates.end(), core::lower(name));
  return at == kStates.end() ? "unknown" : *at;
}

// Numbers that stand for texts have no mean.
bool has_statistics(const asset::Sensor& sensor, const pipeline::Rollup& rollup) {
  return rollup.count != 0 && sensor.type != core::ValueType::kText;
}

}  // namespace

const std::string* state_name(const asset::Sensor& sensor, std::uint64_t bits) {
  if (sensor.type != core::ValueType::kState) return nullptr;
  const auto at = sensor.states.find(core::from_bits<std::int32_t>(bits));
  return at == sensor.states.end() ? nullptr : &at->second;
}

MachineSummary MachineView::summary(const asset::Machine& machine, const ActiveAlarms& active) const {
  MachineSummary summary;
  core::Quality worst = core::kGood;
  for (const core::SensorId id : machine.sensors) worst = worst.worse(live_.read(id).quality);
  summary.quality = quality_class(worst);
  summary.active = active.of(machine.name);
  if (const asset::Sensor* sensor = state_sensor(model_, machine)) {
    const pipeline::LiveValue value = live_.read(sensor->id);
    const std::string* name = has_value(value) ? state_name(*sensor, value.bits) : nullptr;
    if (name != nullptr) {
      summary.state_name = *name;
      if (!value.quality.is_bad()) summary.state = machine_state(*name);
    }
  }
  return summary;
}

void MachineView::state(const MachineSummary& summary) {
  json_.member("state", summary.state).key("state_name").text_or_null(summary.state_name);
  json_.member("quality", summary.quality);
}

void MachineView::alarm_count(const MachineSummary& summary) {
  json_.member("active_alarms", summary.active.alarms).key("highest_priority");
  summary.active.alarms == 0 ? json_.null() : json_.value(alarms::to_string(summary.active.highest));
}

void MachineView::machine(const asset::Machine& machine, const MachineSummary& summary) {
  json_.begin_object().member("id", machine.name).member("path", machine.path).member("type", machine.type);
  json_.member("description", machine.description);
  for (std::size_t i = 1; i < kLevels.size(); ++i) json_.member(kLevels[i], machine.hierarchy[i]);
  state(summary);
  alarm_count(summary);
  json_.member("sensors", machine.sensors.size()).end_object();
}

void MachineView::hierarchy(const asset::Machine& machine) {
  json_.key("hierarchy").begin_object();
  for (std::size_t i = 0; i < kLevels.size(); ++i) json_.member(kLevels[i], machine.hierarchy[i]);
  json_.end_object();
}

void MachineView::value(const pipeline::LiveValue& live) {
  if (!has_value(live)) {
    json_.null();
    return;
  }
  switch (live.type) {
    case core::ValueType::kFloat64:
    case core::ValueType::kFloat32:
      json_.real(live.type, core::as_double(live.type, live.bits));
      return;
    case core::ValueType::kInt64:
      json_.value(core::from_bits<std::int64_t>(live.bits));
      return;
    case core::ValueType::kBool:
      json_.value(core::from_bits<std::uint8_t>(live.bits) != 0);
      return;
    case core::ValueType::kState:
      json_.value(core::from_bits<std::int32_t>(live.bits));
      return;
    case core::ValueType::kText: {
      const auto text = texts_.text(core::from_bits<std::int32_t>(live.bits));
      text ? json_.value(*text) : json_.null();
      return;
    }
  }
}

void MachineView::value(const asset::Sensor& sensor) {
  value(live_.read(sensor.id));
}

void MachineView::mean_min_max(const asset::Sensor& sensor, const pipeline::Rollup& rollup, bool mean_first) {
  const bool any = has_statistics(sensor, rollup);
  const auto mean = [&] {
    json_.key("mean");
    any ? json_.value(rollup.mean()) : json_.null();
  };
  if (mean_first) mean();
  json_.key("min");
  any ? json_.real(sensor.type, rollup.min) : json_.null();
  json_.key("max");
  any ? json_.real(sensor.type, rollup.max) : json_.null();
  if (!mean_first) mean();
}

void MachineView::last_second(const asset::Sensor& sensor) {
  const pipeline::Rollup rollup = live_.rollup(sensor.id);
  json_.key("last_second");
  if (rollup.start == 0) {
    json_.null();
    return;
  }
  json_.begin_object().key("start").time_or_null(rollup.start).member("count", rollup.count);
  json_.member("bad_count", rollup.bad_count);
  mean_min_max(sensor, rollup, false);
  json_.end_object();
}

void MachineView::sensor(const asset::Sensor& sensor) {
  const pipeline::LiveValue live = live_.read(sensor.id);
  json_.begin_object().member("name", sensor.name).member("path", sensor.path);
  json_.key("component").text_or_null(sensor.component).member("description", sensor.description);
  json_.key("unit").text_or_null(sensor.unit == nullptr ? std::string_view() : sensor.unit->symbol);
  json_.member("type", core::to_string(sensor.type)).key("range");
  if (sensor.range) {
    json_.begin_object().member("low", sensor.range->low).member("high", sensor.range->high).end_object();
  } else {
    json_.null();
  }
  json_.member("rate_hz", sensor.rate_hz).key("value");
  value(live);
  if (sensor.type == core::ValueType::kState) {
    const std::string* name = has_value(live) ? state_name(sensor, live.bits) : nullptr;
    json_.key("state_name");
    name == nullptr ? json_.null() : json_.value(*name);
  }
  json_.member("quality", core::quality_name(live.quality)).member("quality_code", live.quality.code);
  json_.key("source_time").time_or_null(live.source_time).key("received").time_or_null(live.received);
  last_second(sensor);
  json_.end_object();
}

void MachineView::components(const asset::Machine& machine) {
  json_.key("components").begin_array();
  for (const asset::Component& component : machine.components) {
    json_.begin_object().member("name", component.name).key("part_of").text_or_null(component.part_of);
    json_.member("description", component.description).key("sensors").begin_array();
    for (const core::SensorId id : component.sensors) sensor(model_.sensor(id));
    json_.end_array().end_object();
  }
  json_.end_array().key("sensors").begin_array();
  for (const core::SensorId id : machine.sensors) {
    const asset::Sensor& one = model_.sensor(id);
    if (one.component.empty()) sensor(one);
  }
  json_.end_array();
}

void MachineView::reported(const asset::Sensor& sensor) {
  const pipeline::LiveValue live = live_.read(sensor.id);
  json_.key(twin::sensor_key(sensor)).begin_object().key("value");
  value(live);
  const std::string* name = has_value(live) ? state_name(sensor, live.bits) : nullptr;
  if (name != nullptr) json_.member("state_name", *name);
  if (sensor.unit != nullptr) json_.member("unit", sensor.unit->symbol);
  json_.member("quality", core::quality_name(live.quality)).key("time").time_or_null(live.source_time).end_object();
}

void MachineView::streamed(const asset::Sensor& sensor) {
  const pipeline::LiveValue live = live_.read(sensor.id);
  json_.begin_object().member("path", sensor.path).member("name", sensor.name).key("value");
  value(live);
  json_.member("quality", core::quality_name(live.quality));
  mean_min_max(sensor, live_.rollup(sensor.id), true);
  json_.key("time").time_or_null(live.source_time).end_object();
}

void MachineView::streamed(const asset::Machine& machine, const MachineSummary& summary, bool with_sensors) {
  json_.begin_object().member("id", machine.name).member("state", summary.state).member("quality", summary.quality);
  alarm_count(summary);
  if (with_sensors) {
    json_.key("sensors").begin_array();
    for (const core::SensorId id : machine.sensors) streamed(model_.sensor(id));
    json_.end_array();
  }
  json_.end_object();
}

}  // namespace millwright::api
