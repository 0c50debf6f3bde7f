#include "api/twin.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/cursor.hpp"
#include "api/lookup.hpp"
#include "api/machine_view.hpp"
#include "api/problem.hpp"
#include "api/views.hpp"
#include "core/mutex.hpp"
#include "core/text.hpp"

namespace millwright::api {
namespace {

using core::ErrorCode;
using core::unexpected;
using twin::ComponentView;
using twin::Twins;

constexpr std::string_view kMergePatch = "application/merge-patch+json";
constexpr std::array<std::string_view, 4> kSections{"nameplate", "reported", "desired", "computed"};
constexpr std::size_t kVersionsDefault = 100;
constexpr std::size_t kVersionsMax = 1000;
constexpr std::size_t kLookaheadMax = 3650;  // days
constexpr double kDayNs = 24.0 * static_cast<double>(core::kHour);

core::Unexpected off() {
  return unexpected(ErrorCode::kUnsupported, "this node keeps no twins");
}

// Rounded, for people and for a smaller answer.
Json rounded(double value, double step) {
  return std::isfinite(value) ? Json(std::round(value / step) * step) : Json();
}

Json ratio(double value) {
  return rounded(value, 1e-4);
}

// ---- computed ----

Json life_json(const ComponentView& one) {
  Json json = {{"method", to_string(one.life.method)},
               {"days", rounded(one.life.days, 1e-3)},
               {"low", rounded(one.life.low, 1e-3)},
               {"high", rounded(one.life.high, 1e-3)},
               {"share", one.life.share},
               {"confidence", ratio(one.life.confidence)}};
  if (one.model.empty()) return json;
  json["model"] = one.model;
  json["updated"] = time_or_null(one.predicted);
  json["cycles"] = one.cycles;
  json["problem"] = one.problem.empty() ? Json() : Json(one.problem);
  json["drift"] = {{"column", one.drift.column},
                   {"share_outside", ratio(one.drift.share)},
                   {"cycles", one.drift.cycles},
                   {"drifted", one.drift.drifted()}};
  json["outcome"] = one.outcome ? Json{{"predictions", one.outcome->predictions},
                                       {"error_days", rounded(one.outcome->error_days, 1e-3)},
                                       {"covered", ratio(one.outcome->covered)}}
                                : Json();
  return json;
}

Json reasons_json(const twin::Health& health) {
  Json reasons = Json::array();
  for (const twin::Reason& reason : health.reasons) {
    reasons.push_back({{"kind", to_string(reason.kind)},
                       {"cost", ratio(reason.cost)},
                       {"sensor", reason.sensor.empty() ? Json() : Json(reason.sensor)},
                       {"text", reason.text},
                       {"since", time_or_null(reason.since)}});
  }
  return reasons;
}

Json component_json(const ComponentView& one) {
  return {{"name", one.name},
          {"health", rounded(one.health.value, 0.1)},
          {"confidence", ratio(one.health.confidence)},
          {"reasons", reasons_json(one.health)},
          {"in_service_since", time_or_null(one.in_service)},
          {"remaining_life", life_json(one)},
          {"failure_probability",
           {{"within_days", twin::kLookaheadDays}, {"probability", ratio(one.failure_probability)}}}};
}

Json computed_json(const twin::MachineView& view) {
  Json components = Json::array();
  for (const ComponentView& one : view.components) components.push_back(component_json(one));
  return {
      {"time", time_or_null(view.time)}, {"health", rounded(view.health, 0.1)}, {"components", std::move(components)}};
}

// ---- nameplate ----

// What the plant's file says, with what was set since.
Json nameplate_json(const asset::Machine& machine, const Json& document) {
  Json out = {
      {"manufacturer", machine.manufacturer}, {"model", machine.model}, {"serial_number", machine.serial_number}};
  if (const auto edits = document.find("nameplate"); edits != document.end()) out.merge_patch(*edits);
  return out;
}

// ---- the routes ----

// What changes seldom of a twin, written once for each of its versions and each judgement.
struct Rendered {
  std::shared_ptr<const twin::MachineView> view;
  std::shared_ptr<const Twins::Current> current;
  std::string nameplate;
  std::string computed;
  Json desired;  // as it was set
};

std::shared_ptr<const Rendered> render(const asset::Machine& machine, std::shared_ptr<const twin::MachineView> view,
                                       std::shared_ptr<const Twins::Current> current) {
  const Json document = Json::parse(current->document.text);
  const auto desired = document.find("desired");
  return std::make_shared<const Rendered>(Rendered{.view = view,
                                                   .current = current,
                                                   .nameplate = to_text(nameplate_json(machine, document)),
                                                   .computed = to_text(computed_json(*view)),
                                                   .desired = desired == document.end() ? Json::object() : *desired});
}

using Sections = std::vector<std::string_view>;

class TwinRoutes {
 public:
  TwinRoutes(const Services& services, const AlarmBoard& board)
      : services_(services), board_(board), rendered_(services.model.machines().size()) {}

  [[nodiscard]] core::Result<Response> twin(const Call& call) const;
  [[nodiscard]] core::Result<Response> patch(const Call& call) const;
  [[nodiscard]] core::Result<Response> versions(const Call& call) const;
  [[nodiscard]] core::Result<Response> prediction(const Call& call) const;
  [[nodiscard]] core::Result<Response> health(const Call& call) const;

 private:
  [[nodiscard]] core::Result<const asset::Sensor*> find_sensor(const asset::Machine& machine,
                                                               std::string_view name) const;
  // The paths of the sites that are asked for.
  [[nodiscard]] core::Result<std::vector<std::string>> sites(const Call& call) const;
  // Nothing: this node keeps no twins.
  [[nodiscard]] std::shared_ptr<const Rendered> rendered(const asset::Machine& machine) const;
  [[nodiscard]] Response all(const asset::Machine& machine) const;
  [[nodiscard]] Response part(const asset::Machine& machine, const Sections& wanted, const asset::Sensor* only) const;
  void write_nameplate(const asset::Machine& machine, const Rendered* twin, JsonWriter& json) const;
  void write_reported(const asset::Machine& machine, const asset::Sensor* only, JsonWriter& json) const;
  void write_desired(const asset::Machine& machine, const Rendered* twin, const asset::Sensor* only,
                     JsonWriter& json) const;
  [[nodiscard]] MachineView view(JsonWriter& json) const {
    return {services_.model, services_.live, services_.historian.texts(), json};
  }
  [[nodiscard]] static std::string site_path(const asset::Machine& machine) {
    return machine.hierarchy[0] + "/" + machine.hierarchy[1];
  }

  const Services services_;
  const AlarmBoard& board_;
  mutable core::Mutex mutex_;
  mutable std::vector<std::shared_ptr<const Rendered>> rendered_ GUARDED_BY(mutex_);  // by machine
};

core::Result<const asset::Sensor*> TwinRoutes::find_sensor(const asset::Machine& machine, std::string_view name) const {
  if (const asset::Sensor* sensor = services_.model.find_sensor(machine, name)) return sensor;
  std::vector<std::string> keys;
  for (const core::SensorId id : machine.sensors) keys.push_back(twin::sensor_key(services_.model.sensor(id)));
  const std::vector<std::string_view> known(keys.begin(), keys.end());
  return unexpected(ErrorCode::kNotFound, fmt::format("sensor={}: machine '{}' has no such sensor{}", name,
                                                      machine.name, core::did_you_mean(name, known)));
}

std::shared_ptr<const Rendered> TwinRoutes::rendered(const asset::Machine& machine) const {
  if (services_.twins == nullptr) return nullptr;
  auto view = services_.twins->view(machine.id);
  auto current = services_.twins->document(machine.id);
  {
    core::MutexLock lock(mutex_);
    const auto& known = rendered_[machine.id.value];
    if (known && known->view == view && known->current == current) return known;
  }
  auto made = render(machine, std::move(view), std::move(current));
  core::MutexLock lock(mutex_);
  return rendered_[machine.id.value] = std::move(made);
}

void TwinRoutes::write_nameplate(const asset::Machine& machine, const Rendered* twin, JsonWriter& json) const {
  json.key("nameplate").raw(twin != nullptr ? twin->nameplate : to_text(nameplate_json(machine, Json::object())));
}

void TwinRoutes::write_reported(const asset::Machine& machine, const asset::Sensor* only, JsonWriter& json) const {
  MachineView now = view(json);
  json.key("reported").begin_object();
  if (only == nullptr) {
    const MachineSummary summary = now.summary(machine, *board_.active());
    now.state(summary);
    json.member("active_alarms", summary.active.alarms);
  }
  json.key("values").begin_object();
  for (const core::SensorId id : machine.sensors) {
    const asset::Sensor& sensor = services_.model.sensor(id);
    if (only == nullptr || only == &sensor) now.reported(sensor);
  }
  json.end_object().end_object();
}

void TwinRoutes::write_desired(const asset::Machine& machine, const Rendered* twin, const asset::Sensor* only,
                               JsonWriter& json) const {
  json.key("desired").begin_object();
  const Json none = Json::object();
  for (const auto& [key, entry] : (twin != nullptr ? twin->desired : none).items()) {
    if (only != nullptr && twin::sensor_key(*only) != key) continue;
    json.key(key).begin_object();
    for (const auto& [name, value] : entry.items()) json.key(name).raw(to_text(value));
    json.key("reported");
    const asset::Sensor* sensor = services_.model.find_sensor(machine, key);
    sensor == nullptr ? static_cast<void>(json.null()) : view(json).value(*sensor);
    const auto at = twin->view->desired.find(key);
    const twin::Deviation deviation = at == twin->view->desired.end() ? twin::Deviation{} : at->second;
    json.member("state", to_string(deviation.state)).key("since").time_or_null(deviation.since);
    json.member("alarmed", deviation.alarmed).end_object();
  }
  json.end_object();
}

std::uint64_t version_of(const Rendered* twin) {
  return twin == nullptr ? 0 : twin->current->version;
}

Response twin_response(JsonWriter json, const Rendered* twin) {
  Response response = json_response(json.take());
  response.fields.emplace_back("ETag", fmt::format("\"{}\"", version_of(twin)));
  return response;
}

Response TwinRoutes::part(const asset::Machine& machine, const Sections& wanted, const asset::Sensor* only) const {
  const auto has = [&](std::string_view name) { return std::find(wanted.begin(), wanted.end(), name) != wanted.end(); };
  const auto twin = rendered(machine);
  JsonWriter json;
  json.begin_object().member("id", machine.name).member("path", machine.path);
  json.member("version", version_of(twin.get()));
  if (has("nameplate")) write_nameplate(machine, twin.get(), json);
  if (has("reported")) write_reported(machine, only, json);
  if (has("desired")) write_desired(machine, twin.get(), only, json);
  if (has("computed")) json.key("computed").raw(twin ? twin->computed : "null");
  json.end_object();
  return twin_response(std::move(json), twin.get());
}

Response TwinRoutes::all(const asset::Machine& machine) const {
  const auto twin = rendered(machine);
  const auto active = board_.active();
  JsonWriter json(1024 + 800 * machine.sensors.size());
  MachineView now = view(json);
  json.begin_object().member("id", machine.name).member("path", machine.path).member("type", machine.type);
  json.member("description", machine.description);
  write_nameplate(machine, twin.get(), json);
  now.hierarchy(machine);
  now.state(now.summary(machine, *active));
  now.components(machine);
  json.key("active_alarms").raw(active->text_of(machine.name)).member("version", version_of(twin.get()));
  write_reported(machine, nullptr, json);
  write_desired(machine, twin.get(), nullptr, json);
  json.key("computed").raw(twin ? twin->computed : "null").end_object();
  return twin_response(std::move(json), twin.get());
}

core::Result<Sections> wanted_sections(std::string_view list) {
  Sections out;
  for (const std::string_view name : core::split(list, ',')) {
    if (std::find(kSections.begin(), kSections.end(), name) == kSections.end()) {
      return unexpected(ErrorCode::kInvalid,
                        fmt::format("section: '{}' is none{}; there are {}", name, core::did_you_mean(name, kSections),
                                    fmt::join(kSections, ", ")));
    }
    out.push_back(name);
  }
  return out;
}

core::Result<Response> TwinRoutes::twin(const Call& call) const {
  const auto machine = find_machine(services_.model, call.id(), call.who);
  if (!machine) return unexpected(machine.error());
  if (const auto name = call.parameters.text("sensor")) {
    const auto sensor = find_sensor(**machine, *name);
    if (!sensor) return unexpected(sensor.error());
    return part(**machine, {"reported", "desired"}, *sensor);
  }
  if (const auto list = call.parameters.text("section")) {
    const auto wanted = wanted_sections(*list);
    if (!wanted) return unexpected(wanted.error());
    return part(**machine, *wanted, nullptr);
  }
  return all(**machine);
}

// A single strong tag of ours, or "*", or nothing.
core::Result<std::optional<std::uint64_t>> expected_version(const std::string& if_match) {
  if (if_match.empty() || if_match == "*") return std::optional<std::uint64_t>();
  const std::string_view tag = core::trim(if_match);
  if (tag.size() > 2 && tag.front() == '"' && tag.back() == '"') {
    const auto version = core::parse_int(tag.substr(1, tag.size() - 2));
    if (version && *version >= 0) return std::optional(static_cast<std::uint64_t>(*version));
  }
  return unexpected(ErrorCode::kInvalid,
                    fmt::format("If-Match: '{}' is no ETag of a twin, such as \"3\"; send the one that GET gave", tag));
}

core::Result<Response> TwinRoutes::patch(const Call& call) const {
  const auto machine = find_machine(services_.model, call.id(), call.who);
  if (!machine) return unexpected(machine.error());
  if (services_.twins == nullptr) return off();
  const auto expected = expected_version(call.request.if_match);
  if (!expected) return unexpected(expected.error());
  const auto done = services_.twins->patch((*machine)->id, call.request.body, *expected, call.who.name);
  if (!done) {
    if (done.error().code == ErrorCode::kConflict) return problem(412, done.error().message, call.request.path);
    return unexpected(done.error());
  }
  return part(**machine, {"nameplate", "desired"}, nullptr);
}

core::Result<Response> TwinRoutes::versions(const Call& call) const {
  const auto machine = find_machine(services_.model, call.id(), call.who);
  if (!machine) return unexpected(machine.error());
  if (services_.twins == nullptr) return off();
  const auto limit = call.parameters.limit(kVersionsDefault, kVersionsMax);
  if (!limit) return unexpected(limit.error());
  const std::uint32_t query = query_hash("twin versions " + (*machine)->name);
  std::uint64_t before = 0;
  if (const auto text = call.parameters.text("cursor")) {
    const auto cursor = decode_cursor(*text, query);
    if (!cursor) return unexpected(cursor.error());
    before = static_cast<std::uint64_t>(cursor->position);
  }
  const auto versions = services_.twins->versions((*machine)->id, before, *limit + 1);
  if (!versions) return unexpected(versions.error());
  Json items = Json::array();
  for (std::size_t i = 0; i < std::min(*limit, versions->size()); ++i) {
    const twin::Version& one = (*versions)[i];
    items.push_back({{"version", one.version},
                     {"time", time_or_null(one.time)},
                     {"author", one.author},
                     {"patch", Json::parse(one.patch)},
                     {"document", Json::parse(one.document)}});
  }
  const bool more = versions->size() > *limit;
  const Json next =
      more ? Json(encode_cursor({query, static_cast<std::int64_t>((*versions)[*limit - 1].version), 0})) : Json();
  return json_response(to_text({{"items", std::move(items)}, {"next_cursor", next}}));
}

core::Result<std::vector<std::string>> TwinRoutes::sites(const Call& call) const {
  std::vector<std::string> all;
  for (const asset::Machine& machine : services_.model.machines()) {
    const std::string site = site_path(machine);
    if (call.who.sees(machine.path) && std::find(all.begin(), all.end(), site) == all.end()) all.push_back(site);
  }
  const auto wanted = call.parameters.text("factory_id");
  if (!wanted) return all;
  for (const std::string& site : all) {
    if (site == *wanted || std::string_view(site).substr(site.find('/') + 1) == *wanted) return std::vector{site};
  }
  std::vector<std::string_view> names;
  for (const std::string& site : all) names.push_back(std::string_view(site).substr(site.find('/') + 1));
  return unexpected(ErrorCode::kNotFound, fmt::format("factory_id: there is no site '{}'{}; there are {}", *wanted,
                                                      core::did_you_mean(*wanted, names), fmt::join(names, ", ")));
}

core::Result<Response> TwinRoutes::prediction(const Call& call) const {
  if (services_.twins == nullptr) return off();
  const auto wanted = sites(call);
  if (!wanted) return unexpected(wanted.error());
  const auto days =
      call.parameters.number("lookahead_days", static_cast<std::size_t>(twin::kLookaheadDays), 1, kLookaheadMax);
  if (!days) return unexpected(days.error());
  const core::TimeNs now = services_.clock.now();
  const auto after = [&](double more) {
    const double ns = more * kDayNs;
    return std::isfinite(ns) && ns < 9e18 - static_cast<double>(now)
               ? time_or_null(now + static_cast<core::DurationNs>(ns))
               : Json();
  };
  Json items = Json::array();
  for (const twin::Prediction& one : services_.twins->predictions(static_cast<double>(*days))) {
    const asset::Machine& machine = services_.model.machine(one.machine);
    const std::string site = site_path(machine);
    if (!call.who.sees(machine.path) || std::find(wanted->begin(), wanted->end(), site) == wanted->end()) continue;
    const ComponentView& component = one.component;
    items.push_back({{"machine", machine.name},
                     {"path", machine.path},
                     {"site", machine.hierarchy[1]},
                     {"component", component.name},
                     {"probability", ratio(one.probability)},
                     {"method", to_string(component.life.method)},
                     {"remaining_life", life_json(component)},
                     {"predicted_failure",
                      {{"at", after(component.life.days)},
                       {"from", after(component.life.low)},
                       {"to", after(component.life.high)}}},
                     {"health", rounded(component.health.value, 0.1)},
                     {"reasons", reasons_json(component.health)}});
  }
  return json_response(to_text({{"lookahead_days", *days}, {"time", time_or_null(now)}, {"items", std::move(items)}}));
}

// Health of a group of machines, as JSON that the caller completes.
struct Group {
  std::string name;
  std::string path;
  std::vector<double> parts;
  Json members = Json::array();
};

Json group_json(Group& group, const char* members) {
  return {{"name", group.name},
          {"path", group.path},
          {"health", rounded(twin::roll_up(group.parts), 0.1)},
          {members, std::move(group.members)}};
}

core::Result<Response> TwinRoutes::health(const Call& call) const {
  if (services_.twins == nullptr) return off();
  const auto wanted = sites(call);
  if (!wanted) return unexpected(wanted.error());
  Json items = Json::array();
  for (const std::string& path : *wanted) {
    Group site{.name = path.substr(path.find('/') + 1), .path = path, .parts = {}};
    std::vector<Group> lines;
    for (const asset::Machine& machine : services_.model.machines()) {
      if (site_path(machine) != path || !call.who.sees(machine.path)) continue;
      const std::string line = fmt::format("{}/{}/{}", path, machine.hierarchy[2], machine.hierarchy[3]);
      auto at = std::find_if(lines.begin(), lines.end(), [&](const Group& one) { return one.path == line; });
      if (at == lines.end()) {
        at = lines.insert(lines.end(), Group{.name = machine.hierarchy[3], .path = line, .parts = {}});
      }
      const auto view = services_.twins->view(machine.id);
      const auto worst = std::min_element(
          view->components.begin(), view->components.end(),
          [](const ComponentView& a, const ComponentView& b) { return a.health.value < b.health.value; });
      at->parts.push_back(view->health);
      at->members.push_back({{"id", machine.name},
                             {"health", rounded(view->health, 0.1)},
                             {"worst_component", worst == view->components.end() ? Json() : Json(worst->name)}});
    }
    for (Group& line : lines) {
      site.parts.push_back(twin::roll_up(line.parts));
      site.members.push_back(group_json(line, "machines"));
    }
    items.push_back(group_json(site, "lines"));
  }
  return json_response(to_text({{"items", std::move(items)}}));
}

}  // namespace

void add_twin_routes(Router& router, const Services& services, const AlarmBoard& board) {
  const auto routes = std::make_shared<const TwinRoutes>(services, board);
  router.add({.path = "/v1/machines/{id}/twin",
              .alias = true,
              .parameters = {"sensor", "section"},
              .handler = [routes](const Call& call) { return routes->twin(call); }});
  router.add({.method = Method::kPatch,
              .path = "/v1/machines/{id}/twin",
              .alias = true,
              .media = kMergePatch,
              .pace = Pace::kSlow,
              .right = Right::kMaintain,
              .handler = [routes](const Call& call) { return routes->patch(call); }});
  router.add({.path = "/v1/machines/{id}/twin/versions",
              .alias = true,
              .parameters = {"limit", "cursor"},
              .pace = Pace::kSlow,
              .handler = [routes](const Call& call) { return routes->versions(call); }});
  router.add({.path = "/v1/analytics/failures/prediction",
              .alias = true,
              .parameters = {"factory_id", "lookahead_days"},
              .handler = [routes](const Call& call) { return routes->prediction(call); }});
  router.add({.path = "/v1/analytics/health",
              .alias = true,
              .parameters = {"factory_id"},
              .handler = [routes](const Call& call) { return routes->health(call); }});
}

std::string twin_event_text(const asset::Machine& machine, const twin::MachineView& view) {
  Json desired = Json::object();
  for (const auto& [key, deviation] : view.desired) {
    desired[key] = {{"state", to_string(deviation.state)},
                    {"since", time_or_null(deviation.since)},
                    {"alarmed", deviation.alarmed}};
  }
  return to_text({{"id", machine.name},
                  {"version", view.version},
                  {"computed", computed_json(view)},
                  {"desired", std::move(desired)}});
}

}  // namespace millwright::api
