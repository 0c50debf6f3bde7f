#include "api/views.hpp"

#include <array>
#include <cmath>
#include <unordered_map>

#include <nlohmann/json.hpp>

#include "core/text.hpp"

namespace millwright::api {
namespace {

Json text_or_null(std::string_view text) {
  return text.empty() ? Json() : Json(text);
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
