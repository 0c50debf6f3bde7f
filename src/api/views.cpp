#include "api/views.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstring>

#include <nlohmann/json.hpp>

#include "alarms/alarm_json.hpp"
#include "core/quality.hpp"
#include "core/text.hpp"

namespace millwright::api {
namespace {

// 0.1f as a double prints as 0.10000000149011612; people and programs are better served by 0.1, which reads back as
// the same float32.
double shortest(float value) {
  if (!std::isfinite(value)) return static_cast<double>(value);
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value);
  const auto parsed = error == std::errc{} ? core::parse_double({buffer, end}) : std::nullopt;
  return parsed.value_or(static_cast<double>(value));
}

std::string_view quality_class(core::Quality quality) {
  return quality.is_good() ? "good" : quality.is_uncertain() ? "uncertain" : "bad";
}

bool has_value(const pipeline::LiveValue& live) {
  return live.source_time != 0 || live.received != 0;
}

Json text_or_null(std::string_view text) {
  return text.empty() ? Json() : Json(text);
}

Json priority_json(const ActiveAlarms::Count& count) {
  return count.alarms == 0 ? Json() : Json(alarms::to_string(count.highest));
}

// The sensor that says whether the machine runs: its own `state`, or the only one of that name in it.
const asset::Sensor* state_sensor(const asset::Model& model, const asset::Machine& machine) {
  const asset::Sensor* found = nullptr;
  for (const core::SensorId id : machine.sensors) {
    const asset::Sensor& sensor = model.sensor(id);
    if (sensor.name != "state" || sensor.type != core::ValueType::kState) continue;
    if (sensor.component.empty()) return &sensor;
    if (found != nullptr) return nullptr;
    found = &sensor;
  }
  return found;
}

std::string_view machine_state(std::string_view name) {
  static constexpr std::array<std::string_view, 3> kStates = {"running", "idle", "down"};
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto at = std::find(kStates.begin(), kStates.end(), lower);
  return at == kStates.end() ? "unknown" : *at;
}

// Numbers that stand for texts have no mean.
bool has_statistics(core::ValueType type) {
  return type != core::ValueType::kText;
}

Json last_second_json(const asset::Sensor& sensor, const pipeline::LiveTable& live) {
  const pipeline::Rollup rollup = live.rollup(sensor.id);
  if (rollup.start == 0) return nullptr;
  Json json = {{"start", core::format_time(rollup.start)}, {"count", rollup.count}, {"bad_count", rollup.bad_count}};
  const bool any = rollup.count != 0 && has_statistics(sensor.type);
  json["min"] = any ? statistic_json(sensor.type, rollup.min) : Json();
  json["max"] = any ? statistic_json(sensor.type, rollup.max) : Json();
  json["mean"] = any ? Json(rollup.mean()) : Json();
  return json;
}

Json hierarchy_of(const asset::Machine& machine) {
  static constexpr std::array<const char*, 5> kLevels = {"enterprise", "site", "area", "line", "cell"};
  Json json = Json::object();
  for (std::size_t i = 0; i < kLevels.size(); ++i) json[kLevels[i]] = machine.hierarchy[i];
  return json;
}

Json sensor_json(const asset::Sensor& sensor, const Services& services) {
  const pipeline::LiveValue value = services.live.read(sensor.id);
  const bool any = has_value(value);
  Json json = {{"name", sensor.name},
               {"path", sensor.path},
               {"component", text_or_null(sensor.component)},
               {"description", sensor.description},
               {"unit", sensor.unit == nullptr ? Json() : Json(sensor.unit->symbol)},
               {"type", core::to_string(sensor.type)},
               {"range", sensor.range ? Json{{"low", sensor.range->low}, {"high", sensor.range->high}} : Json()},
               {"rate_hz", sensor.rate_hz},
               {"value", any ? value_json(value.type, value.bits, services.historian.texts()) : Json()}};
  if (sensor.type == core::ValueType::kState) {
    const std::string* name = any ? state_name(sensor, value.bits) : nullptr;
    json["state_name"] = name == nullptr ? Json() : Json(*name);
  }
  json["quality"] = core::quality_name(value.quality);
  json["quality_code"] = value.quality.code;
  json["source_time"] = time_or_null(value.source_time);
  json["received"] = time_or_null(value.received);
  json["last_second"] = last_second_json(sensor, services.live);
  return json;
}

Json component_json(const asset::Component& component, const Services& services) {
  Json sensors = Json::array();
  for (const core::SensorId id : component.sensors) {
    sensors.push_back(sensor_json(services.model.sensor(id), services));
  }
  return {{"name", component.name},
          {"part_of", text_or_null(component.part_of)},
          {"description", component.description},
          {"sensors", std::move(sensors)}};
}

Json stream_sensor_json(const asset::Sensor& sensor, const Services& services) {
  const pipeline::LiveValue value = services.live.read(sensor.id);
  const pipeline::Rollup rollup = services.live.rollup(sensor.id);
  const bool any = rollup.count != 0 && has_statistics(sensor.type);
  return {{"path", sensor.path},
          {"name", sensor.name},
          {"value", has_value(value) ? value_json(value.type, value.bits, services.historian.texts()) : Json()},
          {"quality", core::quality_name(value.quality)},
          {"mean", any ? Json(rollup.mean()) : Json()},
          {"min", any ? statistic_json(sensor.type, rollup.min) : Json()},
          {"max", any ? statistic_json(sensor.type, rollup.max) : Json()},
          {"time", time_or_null(value.source_time)}};
}

Json connector_json(const ConnectorInfo& connector) {
  return {{"name", connector.name},
          {"kind", connector.kind},
          {"state", connector.state},
          {"detail", connector.detail},
          {"since", time_or_null(connector.since)},
          {"readings", connector.readings},
          {"refused", connector.refused},
          {"reconnects", connector.reconnects}};
}

Json output_json(const OutputInfo& output) {
  return {{"name", output.name},
          {"kind", output.kind},
          {"state", output.state},
          {"detail", output.detail},
          {"since", time_or_null(output.since)},
          {"backlog", output.backlog},
          {"backlog_bytes", output.backlog_bytes},
          {"backlog_age_s", output.backlog_age_s},
          {"backlog_bytes_per_s", output.backlog_bytes_per_s},
          {"backlog_left_s", output.backlog_bytes_per_s > 0
                                 ? Json(static_cast<double>(output.backlog_bytes) / output.backlog_bytes_per_s)
                                 : Json()},
          {"delivered", output.delivered},
          {"dead", output.dead},
          {"lost", output.lost},
          {"last_error", text_or_null(output.last_error)},
          {"last_error_time", time_or_null(output.last_error_time)}};
}

}  // namespace

std::string to_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool accepts_csv(std::string_view accept) {
  for (const std::string_view range : core::split(accept, ',')) {
    const std::string_view type = core::trim(core::split(range, ';').front());
    if (type == "text/csv") return true;
    if (type == "application/json") return false;
  }
  return false;
}

Response json_response(std::string body) {
  Response response;
  response.content_type = "application/json";
  response.body = std::move(body);
  return response;
}

Json time_or_null(core::TimeNs time) {
  return time == 0 ? Json() : Json(core::format_time(time));
}

Json value_json(core::ValueType type, std::uint64_t bits, const core::Texts& texts) {
  switch (type) {
    case core::ValueType::kFloat64:
      return core::from_bits<double>(bits);
    case core::ValueType::kFloat32:
      return shortest(core::from_bits<float>(bits));
    case core::ValueType::kInt64:
      return core::from_bits<std::int64_t>(bits);
    case core::ValueType::kBool:
      return core::from_bits<std::uint8_t>(bits) != 0;
    case core::ValueType::kState:
      return core::from_bits<std::int32_t>(bits);
    case core::ValueType::kText:
      if (const auto text = texts.text(core::from_bits<std::int32_t>(bits))) return *text;
      return nullptr;
  }
  return nullptr;
}

Json statistic_json(core::ValueType type, double value) {
  if (type == core::ValueType::kFloat32 && static_cast<double>(static_cast<float>(value)) == value) {
    return shortest(static_cast<float>(value));
  }
  return value;
}

const std::string* state_name(const asset::Sensor& sensor, std::uint64_t bits) {
  if (sensor.type != core::ValueType::kState) return nullptr;
  const auto at = sensor.states.find(core::from_bits<std::int32_t>(bits));
  return at == sensor.states.end() ? nullptr : &at->second;
}

ActiveAlarms::ActiveAlarms(const std::vector<alarms::Alarm>& active) {
  for (const alarms::Alarm& alarm : active) {
    Count& count = by_machine_[alarm.machine];
    ++count.alarms;
    count.highest = std::max(count.highest, alarm.priority);
  }
}

ActiveAlarms::Count ActiveAlarms::of(const std::string& machine) const {
  const auto at = by_machine_.find(machine);
  return at == by_machine_.end() ? Count{} : at->second;
}

MachineSummary summarize(const asset::Model& model, const pipeline::LiveTable& live, const asset::Machine& machine,
                         const ActiveAlarms& active) {
  MachineSummary summary;
  core::Quality worst = core::kGood;
  for (const core::SensorId id : machine.sensors) worst = worst.worse(live.read(id).quality);
  summary.quality = quality_class(worst);
  summary.active = active.of(machine.name);
  if (const asset::Sensor* sensor = state_sensor(model, machine)) {
    const pipeline::LiveValue value = live.read(sensor->id);
    const std::string* name = has_value(value) ? state_name(*sensor, value.bits) : nullptr;
    if (name != nullptr) {
      summary.state_name = *name;
      if (!value.quality.is_bad()) summary.state = machine_state(*name);
    }
  }
  return summary;
}

Json machine_json(const asset::Machine& machine, const MachineSummary& summary) {
  return {{"id", machine.name},
          {"path", machine.path},
          {"type", machine.type},
          {"description", machine.description},
          {"site", machine.hierarchy[1]},
          {"area", machine.hierarchy[2]},
          {"line", machine.hierarchy[3]},
          {"cell", machine.hierarchy[4]},
          {"state", summary.state},
          {"state_name", text_or_null(summary.state_name)},
          {"quality", summary.quality},
          {"active_alarms", summary.active.alarms},
          {"highest_priority", priority_json(summary.active)},
          {"sensors", machine.sensors.size()}};
}

Json control_json(const alarms::Control& control) {
  return {{"id", control.id},
          {"kind", alarms::to_string(control.kind)},
          {"match", control.match},
          {"since", time_or_null(control.since)},
          {"until", time_or_null(control.until)},
          {"by", control.by},
          {"comment", control.comment},
          {"released", control.released}};
}

Json performance_json(const alarms::Performance& all) {
  Json actors = Json::array();
  for (const alarms::BadActor& one : all.bad_actors) {
    const double share = all.raises == 0 ? 0 : static_cast<double>(one.raises) / static_cast<double>(all.raises);
    actors.push_back({{"condition", one.condition}, {"raises", one.raises}, {"share", share}});
  }
  Json priorities = Json::object();
  for (std::size_t i = 0; i < all.by_priority.size(); ++i) {
    priorities[std::string(alarms::to_string(static_cast<alarms::Priority>(i)))] = all.by_priority[i];
  }
  return {{"period_s", static_cast<double>(all.period) * 1e-9},
          {"raises", all.raises},
          {"per_10min", all.per_10min},
          {"peak_10min", all.peak_10min},
          {"flood_share", all.flood_share},
          {"in_flood", all.in_flood},
          {"active", all.active},
          {"suppressed", all.suppressed},
          {"by_priority", std::move(priorities)},
          {"bad_actors", std::move(actors)},
          {"chattering", all.chattering},
          {"stale", all.stale}};
}

// Limits and capability are null until the chart has learnt; what is not finite is null anyway.
Json control_chart_json(const asset::Sensor& sensor, const ControlChart& chart) {
  const auto learnt = [&](double value) { return chart.trained && std::isfinite(value) ? Json(value) : Json(); };
  const auto specification = [&] {
    return Json{{"low", chart.specification->first}, {"high", chart.specification->second}};
  };
  return {{"sensor", sensor.path},
          {"component", text_or_null(sensor.component)},
          {"chart", chart.chart},
          {"state", chart.state},
          {"subgroup_size", chart.subgroup_size},
          {"trained", chart.trained},
          {"progress", chart.progress},
          {"centre", learnt(chart.centre)},
          {"low", learnt(chart.low)},
          {"high", learnt(chart.high)},
          {"spread_centre", learnt(chart.spread_centre)},
          {"spread_high", learnt(chart.spread_high)},
          {"specification", chart.specification ? specification() : Json()},
          {"cp", learnt(chart.cp)},
          {"cpk", learnt(chart.cpk)},
          {"pp", learnt(chart.pp)},
          {"ppk", learnt(chart.ppk)}};
}

Json twin_json(const Services& services, const asset::Machine& machine, const MachineSummary& summary,
               const std::vector<alarms::Alarm>& active) {
  Json components = Json::array();
  for (const asset::Component& component : machine.components) {
    components.push_back(component_json(component, services));
  }
  Json sensors = Json::array();
  for (const core::SensorId id : machine.sensors) {
    const asset::Sensor& sensor = services.model.sensor(id);
    if (sensor.component.empty()) sensors.push_back(sensor_json(sensor, services));
  }
  Json alarms = Json::array();
  for (const alarms::Alarm& alarm : active) alarms.push_back(alarms::alarm_json(alarm));
  return {
      {"id", machine.name},
      {"path", machine.path},
      {"type", machine.type},
      {"description", machine.description},
      {"nameplate",
       {{"manufacturer", machine.manufacturer}, {"model", machine.model}, {"serial_number", machine.serial_number}}},
      {"hierarchy", hierarchy_of(machine)},
      {"state", summary.state},
      {"state_name", text_or_null(summary.state_name)},
      {"quality", summary.quality},
      {"components", std::move(components)},
      {"sensors", std::move(sensors)},
      {"active_alarms", std::move(alarms)}};
}

Json stream_machine_json(const Services& services, const asset::Machine& machine, const MachineSummary& summary,
                         bool with_sensors) {
  Json json = {{"id", machine.name},
               {"state", summary.state},
               {"quality", summary.quality},
               {"active_alarms", summary.active.alarms},
               {"highest_priority", priority_json(summary.active)}};
  if (!with_sensors) return json;
  Json sensors = Json::array();
  for (const core::SensorId id : machine.sensors) {
    sensors.push_back(stream_sensor_json(services.model.sensor(id), services));
  }
  json["sensors"] = std::move(sensors);
  return json;
}

namespace {

struct TreeNode {
  std::string name;
  std::string_view kind;
  std::string path;
  std::vector<std::size_t> children;
};

Json tree_json(const std::vector<TreeNode>& nodes, std::size_t at) {
  const TreeNode& node = nodes[at];
  Json children = Json::array();
  for (const std::size_t child : node.children) children.push_back(tree_json(nodes, child));
  return {{"name", node.name}, {"kind", node.kind}, {"path", node.path}, {"children", std::move(children)}};
}

}  // namespace

Json hierarchy_json(const asset::Model& model, const Identity& who) {
  static constexpr std::array<std::string_view, 5> kKinds = {"enterprise", "site", "area", "line", "cell"};
  std::vector<TreeNode> nodes(1);  // nodes[0] is the enterprise
  std::unordered_map<std::string, std::size_t> by_path;
  const auto child = [&](std::size_t parent, const std::string& name, std::string_view kind, const std::string& path) {
    const auto [at, fresh] = by_path.emplace(path, nodes.size());
    if (fresh) {
      nodes[parent].children.push_back(nodes.size());
      nodes.push_back({name, kind, path, {}});
    }
    return at->second;
  };
  for (const asset::Machine& machine : model.machines()) {
    if (!who.sees(machine.path)) continue;
    std::string path = machine.hierarchy[0];
    std::size_t parent = 0;
    for (std::size_t level = 1; level < kKinds.size(); ++level) {
      const std::string& name = machine.hierarchy[level];
      if (name.empty()) continue;
      path += "/" + name;
      parent = child(parent, name, kKinds[level], path);
    }
    child(parent, machine.name, "machine", machine.path);
  }
  Json sites = Json::array();
  for (const std::size_t site : nodes[0].children) sites.push_back(tree_json(nodes, site));
  return sites;
}

Json stats_json(const PlantStatus& status, const Services& services) {
  const historian::Historian::Stats history = services.historian.stats();
  return {{"readings", status.readings},
          {"readings_per_s", status.readings_per_s},
          {"active_alarms", services.alarms.active_count()},
          {"disk_bytes", history.disk_bytes},
          {"bytes_per_reading", history.readings == 0
                                    ? Json()
                                    : Json(static_cast<double>(history.bytes) / static_cast<double>(history.readings))},
          {"alarm_latency_ms", {{"p50", status.alarm_latency_p50_ms}, {"p99", status.alarm_latency_p99_ms}}},
          {"disk_full", history.disk_full}};
}

bool sees(const Identity& who, const asset::Model& model, const alarms::Alarm& alarm) {
  if (who.sees_all()) return true;
  if (!alarm.sensor.empty()) return who.sees(alarm.sensor);
  const asset::Machine* machine = model.find_machine(alarm.machine);
  return machine != nullptr && who.sees(machine->path);
}

namespace {

// The enterprise, where somebody sees a part of it at all; how many machines, with how many sensors.
struct Seen {
  std::string enterprise;
  std::size_t machines = 0;
  std::size_t sensors = 0;
};

Seen seen_of(const asset::Model& model, const Identity& who) {
  Seen seen;
  for (const asset::Machine& machine : model.machines()) {
    if (!who.sees(machine.path)) continue;
    seen.enterprise = machine.hierarchy[0];
    ++seen.machines;
    seen.sensors += machine.sensors.size();
  }
  return seen;
}

}  // namespace

Json plant_json(const PlantStatus& status, const Services& services, const Identity& who) {
  Json connectors = Json::array();
  Json outputs = Json::array();
  const bool whole = who.sees_all();
  const Seen seen = whole ? Seen{status.enterprise, services.model.machines().size(), services.model.sensors().size()}
                          : seen_of(services.model, who);
  if (whole) {
    for (const ConnectorInfo& connector : status.connectors) connectors.push_back(connector_json(connector));
    for (const OutputInfo& output : status.outputs) outputs.push_back(output_json(output));
  }
  return {{"name", status.name},
          {"enterprise", seen.enterprise},
          {"version", status.version},
          {"started", time_or_null(status.started)},
          {"shards", status.shards},
          {"opcua_endpoint", text_or_null(whole ? status.opcua_endpoint : std::string())},
          {"machines", seen.machines},
          {"sensors", seen.sensors},
          {"connectors", std::move(connectors)},
          {"outputs", std::move(outputs)},
          {"stats", whole ? stats_json(status, services) : Json()}};
}

}  // namespace millwright::api
