#include "api/grafana.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "analytics/service.hpp"
#include "api/grafana_question.hpp"
#include "api/json_writer.hpp"
#include "api/lookup.hpp"
#include "api/machine_view.hpp"
#include "api/views.hpp"
#include "core/text.hpp"
#include "historian/chart.hpp"
#include "twin/document.hpp"

namespace millwright::api {
namespace {

using core::ErrorCode;
using core::unexpected;

constexpr std::size_t kPointsMax = 10'000;
constexpr std::size_t kNamesMax = 1000;  // of a list that people choose from
constexpr std::size_t kEventsMax = 1000;
constexpr std::size_t kAlarmsAtOnce = 1000;

void append_ms(JsonWriter& json, core::TimeNs time) {
  json.value(time / core::kMillisecond);
}

// A state, a flag or a text has no mean.
bool is_stepped(const asset::Sensor& sensor) {
  return !core::is_real(sensor.type) && sensor.type != core::ValueType::kInt64;
}

void append_value(JsonWriter& json, const asset::Sensor& sensor, GrafanaValue value,
                  const historian::Aggregate& interval) {
  if (value == GrafanaValue::kCount) {
    json.value(interval.count);
  } else if (interval.count == 0 || sensor.type == core::ValueType::kText) {
    json.null();
  } else if (value == GrafanaValue::kMean) {
    json.value(interval.mean());
  } else {
    json.real(sensor.type, value == GrafanaValue::kMin     ? interval.min
                           : value == GrafanaValue::kMax   ? interval.max
                           : value == GrafanaValue::kFirst ? interval.first
                                                           : interval.last);
  }
}

void write_columns(JsonWriter& json, std::initializer_list<std::pair<std::string_view, std::string_view>> columns) {
  json.key("columns").begin_array();
  for (const auto& [text, type] : columns) json.begin_object().member("text", text).member("type", type).end_object();
  json.end_array();
}

// Something that happened, as annotations show it: an alarm, or a machine that stood.
struct Event {
  core::TimeNs from = 0;
  core::TimeNs to = 0;  // 0: it lasts
  std::string title{};
  std::string text{};
  std::string machine{};
  std::vector<std::string> tags{};
};

class GrafanaRoutes {
 public:
  GrafanaRoutes(const Options& options, const Services& services)
      : points_max_(std::min(kPointsMax, options.history_rows_max)),
        rows_max_(options.history_rows_max),
        services_(services) {}

  [[nodiscard]] core::Result<Response> search(const Call& call) const;
  [[nodiscard]] core::Result<Response> variable(const Call& call) const;
  [[nodiscard]] core::Result<Response> metrics(const Call& call) const;
  [[nodiscard]] core::Result<Response> options(const Call& call) const;
  [[nodiscard]] core::Result<Response> query(const Call& call) const;
  [[nodiscard]] core::Result<Response> annotations(const Call& call) const;
  [[nodiscard]] core::Result<Response> tag_keys(const Call& call) const;
  [[nodiscard]] core::Result<Response> tag_values(const Call& call) const;

 private:
  // Names of sensors and lists that hold `text`; of "machines", "sites", "types" …, or "sensors pump-1", those.
  [[nodiscard]] std::vector<std::string> names(const Call& call, std::string_view text) const;
  [[nodiscard]] std::vector<std::string> tags(const Call& call, std::string_view key) const;
  [[nodiscard]] core::Result<const asset::Sensor*> find_sensor(const Call& call, std::string_view name) const;
  core::Status write_sensor(const GrafanaQuestion& question, const GrafanaTarget& target, const asset::Sensor& sensor,
                            JsonWriter& json) const;
  core::Status write_events(const Call& call, const GrafanaQuestion& question, const GrafanaTarget& target,
                            JsonWriter& json) const;
  [[nodiscard]] std::vector<Event> alarm_events(const Call& call, historian::Range range,
                                                const std::vector<GrafanaFilter>& filters) const;
  [[nodiscard]] core::Result<std::vector<Event>> downtime_events(const Call& call, historian::Range range,
                                                                 const std::vector<GrafanaFilter>& filters) const;

  const std::size_t points_max_;
  const std::size_t rows_max_;
  const Services services_;
};

// ---- what there is to choose from ----

std::vector<std::string> GrafanaRoutes::tags(const Call& call, std::string_view key) const {
  if (key == "priority") {
    std::vector<std::string> all;
    for (const auto one :
         {alarms::Priority::kLow, alarms::Priority::kMedium, alarms::Priority::kHigh, alarms::Priority::kCritical}) {
      all.emplace_back(alarms::to_string(one));
    }
    return all;
  }
  std::set<std::string> found;
  for (const asset::Machine& machine : services_.model.machines()) {
    if (found.size() == kNamesMax) break;
    if (!call.who.sees(machine.path)) continue;
    if (const auto tag = grafana_tag(machine, key); !tag.empty()) found.emplace(tag);
  }
  return {found.begin(), found.end()};
}

std::vector<std::string> GrafanaRoutes::names(const Call& call, std::string_view asked) const {
  const std::string text = core::lower(core::trim(asked));
  for (const std::string_view key : kGrafanaKeys) {
    if (text == std::string(key) + "s") return tags(call, key);
  }
  if (text == "priorities") return tags(call, "priority");
  constexpr std::string_view kSensorsOf = "sensors ";
  const bool of_machine = text.starts_with(kSensorsOf);
  const std::string_view machine_name = of_machine ? core::trim(std::string_view(text).substr(kSensorsOf.size())) : "";
  std::vector<std::string> found;
  for (const std::string_view list : {"alarms", "downtime"}) {
    if (!of_machine && (list == "alarms" || services_.analytics != nullptr) && list.find(text) != std::string::npos) {
      found.emplace_back(list);
    }
  }
  for (const asset::Machine& machine : services_.model.machines()) {
    if (!call.who.sees(machine.path) || (of_machine && machine.name != machine_name)) continue;
    for (const core::SensorId id : machine.sensors) {
      std::string name = fmt::format("{}/{}", machine.name, twin::sensor_key(services_.model.sensor(id)));
      if (of_machine || core::lower(name).find(text) != std::string::npos) found.push_back(std::move(name));
      if (found.size() == kNamesMax) return found;
    }
  }
  return found;
}

core::Result<Response> GrafanaRoutes::search(const Call& call) const {
  const auto text = grafana_text(call.request.body, "target");
  if (!text) return unexpected(text.error());
  JsonWriter json;
  json.begin_array();
  for (const std::string& name : names(call, *text)) json.value(name);
  json.end_array();
  return json_response(json.take());
}

core::Result<Response> GrafanaRoutes::variable(const Call& call) const {
  const auto text = grafana_text(call.request.body, "payload.target");
  if (!text) return unexpected(text.error());
  JsonWriter json;
  json.begin_array();
  for (const std::string& name : names(call, *text)) {
    json.begin_object().member("__text", name).member("__value", name).end_object();
  }
  json.end_array();
  return json_response(json.take());
}

void write_options(JsonWriter& json) {
  json.begin_array();
  for (const std::string_view value : kGrafanaValues) {
    json.begin_object().member("label", value).member("value", value).end_object();
  }
  json.end_array();
}

core::Result<Response> GrafanaRoutes::metrics(const Call& call) const {
  const auto text = grafana_text(call.request.body, "metric");
  if (!text) return unexpected(text.error());
  // With one chosen Grafana asks again, and still wants the others; a text that is no name is what somebody types.
  auto found = names(call, *text);
  if (std::find(found.begin(), found.end(), *text) != found.end()) found = names(call, "");
  JsonWriter json;
  json.begin_array();
  for (const std::string& name : found) {
    json.begin_object().member("label", name).member("value", name).key("payloads").begin_array();
    if (name.find('/') != std::string::npos) {
      json.begin_object().member("label", "Value").member("name", "value").member("type", "select");
      json.member("placeholder", "mean, or last of a state").key("options");
      write_options(json);
      json.end_object();
    }
    json.end_array().end_object();
  }
  json.end_array();
  return json_response(json.take());
}

core::Result<Response> GrafanaRoutes::options(const Call& call) const {
  const auto name = grafana_text(call.request.body, "name");
  if (!name) return unexpected(name.error());
  JsonWriter json;
  *name == "value" ? write_options(json) : static_cast<void>(json.begin_array().end_array());
  return json_response(json.take());
}

core::Result<Response> GrafanaRoutes::tag_keys(const Call&) const {
  JsonWriter json;
  json.begin_array();
  for (const std::string_view key : kGrafanaKeys) {
    json.begin_object().member("type", "string").member("text", key).end_object();
  }
  json.end_array();
  return json_response(json.take());
}

core::Result<Response> GrafanaRoutes::tag_values(const Call& call) const {
  const auto key = grafana_text(call.request.body, "key");
  if (!key) return unexpected(key.error());
  JsonWriter json;
  json.begin_array();
  for (const std::string& tag : tags(call, *key)) json.begin_object().member("text", tag).end_object();
  json.end_array();
  return json_response(json.take());
}

// ---- readings ----

core::Result<const asset::Sensor*> GrafanaRoutes::find_sensor(const Call& call, std::string_view name) const {
  const asset::Sensor* found = services_.model.find_sensor(name);  // by its whole path
  if (found != nullptr && call.who.sees(found->path)) return found;
  const auto slash = name.find('/');
  const auto machine = find_machine(services_.model, name.substr(0, slash), call.who);
  if (!machine) return unexpected(machine.error().within("target"));
  const std::string_view rest = slash == std::string_view::npos ? "" : name.substr(slash + 1);
  if (const asset::Sensor* sensor = services_.model.find_sensor(**machine, rest)) return sensor;
  std::vector<std::string> keys;
  for (const core::SensorId id : (*machine)->sensors) keys.push_back(twin::sensor_key(services_.model.sensor(id)));
  const std::vector<std::string_view> known(keys.begin(), keys.end());
  return unexpected(ErrorCode::kNotFound,
                    fmt::format("target '{}': machine '{}' has no such sensor{}; a target is like {}/SENSOR, alarms or "
                                "downtime",
                                name, (*machine)->name, core::did_you_mean(rest, known), (*machine)->name));
}

core::Status GrafanaRoutes::write_sensor(const GrafanaQuestion& question, const GrafanaTarget& target,
                                         const asset::Sensor& sensor, JsonWriter& json) const {
  const core::DurationNs width = std::max(historian::chart_width(question.range, question.points), question.interval);
  std::optional<core::TimeNs> next;
  const auto intervals = services_.historian.aggregates(sensor.id, question.range, width, question.points, &next);
  if (!intervals) return unexpected(intervals.error());
  const GrafanaValue suits = is_stepped(sensor) ? GrafanaValue::kLast : GrafanaValue::kMean;
  const GrafanaValue value = target.as_stated ? target.value : suits;
  json.begin_object();
  if (!target.table) {
    json.member("target", target.name).key("datapoints").begin_array();
    for (const historian::Aggregate& interval : *intervals) {
      json.begin_array();
      append_value(json, sensor, value, interval);
      append_ms(json, interval.start);
      json.end_array();
    }
    json.end_array().end_object();
    return {};
  }
  json.member("type", "table").member("target", target.name);
  write_columns(json, {{"Time", "time"},
                       {"Value", "number"},
                       {"Min", "number"},
                       {"Max", "number"},
                       {"Count", "number"},
                       {"State", "string"}});
  json.key("rows").begin_array();
  for (const historian::Aggregate& interval : *intervals) {
    json.begin_array();
    append_ms(json, interval.start);
    for (const GrafanaValue one : {value, GrafanaValue::kMin, GrafanaValue::kMax, GrafanaValue::kCount}) {
      append_value(json, sensor, one, interval);
    }
    const std::string* state =
        interval.count == 0 ? nullptr
                            : state_name(sensor, static_cast<std::uint32_t>(static_cast<std::int32_t>(interval.last)));
    state == nullptr ? json.null() : json.value(*state);
    json.end_array();
  }
  json.end_array().end_object();
  return {};
}

// ---- what happened ----

std::vector<Event> GrafanaRoutes::alarm_events(const Call& call, historian::Range range,
                                               const std::vector<GrafanaFilter>& filters) const {
  std::vector<Event> events;
  alarms::Filter page;
  page.limit = kAlarmsAtOnce;
  for (;;) {
    const auto found = services_.alarms.list(page);  // newest first
    for (const alarms::Alarm& alarm : found) {
      const bool within = alarm.raised < range.to && (alarm.cleared == 0 || alarm.cleared >= range.from);
      if (!within || !sees(call.who, services_.model, alarm) || !fits(filters, services_.model, alarm)) continue;
      events.push_back({.from = alarm.raised,
                        .to = alarm.cleared,
                        .title = fmt::format("{} alarm{}{}", alarms::to_string(alarm.priority),
                                             alarm.machine.empty() ? "" : " of ", alarm.machine),
                        .text = alarm.message,
                        .machine = alarm.machine,
                        .tags = {"alarm", std::string(alarms::to_string(alarm.priority)),
                                 std::string(alarms::to_string(alarm.state))}});
      if (events.size() == kEventsMax) return events;
    }
    if (found.size() < page.limit) return events;
    page.before_id = found.back().id;
  }
}

core::Result<std::vector<Event>> GrafanaRoutes::downtime_events(const Call& call, historian::Range range,
                                                                const std::vector<GrafanaFilter>& filters) const {
  if (services_.analytics == nullptr) {
    return unexpected(ErrorCode::kUnsupported, "this node keeps no downtime: see analytics in docs/oee.md");
  }
  const auto found = services_.analytics->downtime(
      {.scope = {.sees = [&who = call.who](const std::string& path) { return who.sees(path); }},
       .from = core::format_time(range.from),
       .to = core::format_time(range.to)});
  if (!found) return unexpected(found.error());
  std::vector<Event> events;
  for (const analytics::DowntimeRecord& record : *found) {
    const asset::Machine* machine = services_.model.find_machine(record.machine);
    if (machine == nullptr || !fits(filters, *machine)) continue;
    events.push_back({.from = record.time.from,
                      .to = record.time.to == analytics::kOpen ? 0 : record.time.to,
                      .title = fmt::format("{} stood", machine->name),
                      .text = record.comment,
                      .machine = machine->name,
                      .tags = {"downtime", record.reason.empty() ? "unexplained" : record.reason}});
    if (events.size() == kEventsMax) break;
  }
  return events;
}

// Columns as an annotation of the "JSON" data source wants them; panels show them as they are.
core::Status GrafanaRoutes::write_events(const Call& call, const GrafanaQuestion& question, const GrafanaTarget& target,
                                         JsonWriter& json) const {
  auto events = target.name == "alarms"
                    ? core::Result<std::vector<Event>>(alarm_events(call, question.range, question.filters))
                    : downtime_events(call, question.range, question.filters);
  if (!events) return unexpected(events.error());
  json.begin_object().member("type", "table").member("target", target.name);
  write_columns(json, {{"time", "time"},
                       {"timeEnd", "time"},
                       {"title", "string"},
                       {"text", "string"},
                       {"tags", "string"},
                       {"machine", "string"}});
  json.key("rows").begin_array();
  for (const Event& event : *events) {
    json.begin_array();
    append_ms(json, event.from);
    event.to == 0 ? static_cast<void>(json.null()) : append_ms(json, event.to);
    json.value(event.title)
        .value(event.text)
        .value(fmt::format("{}", fmt::join(event.tags, ",")))
        .value(event.machine)
        .end_array();
  }
  json.end_array().end_object();
  return {};
}

core::Result<Response> GrafanaRoutes::query(const Call& call) const {
  const auto question = parse_grafana_question(call.request.body, points_max_);
  if (!question) return unexpected(question.error());
  if (question->targets.size() * question->points > rows_max_) {
    return unexpected(ErrorCode::kInvalid,
                      fmt::format("{} targets of {} points are more than {} rows (api.history_rows_max); ask for fewer",
                                  question->targets.size(), question->points, rows_max_));
  }
  JsonWriter json(4096);
  json.begin_array();
  for (const GrafanaTarget& target : question->targets) {
    if (call.stopping()) return unexpected(ErrorCode::kUnavailable, "the server stops");
    if (target.name == "alarms" || target.name == "downtime") {
      if (auto written = write_events(call, *question, target, json); !written) return unexpected(written.error());
      continue;
    }
    const auto sensor = find_sensor(call, target.name);
    if (!sensor) return unexpected(sensor.error());
    if (!fits(question->filters, services_.model.machine((*sensor)->machine))) continue;
    if (auto written = write_sensor(*question, target, **sensor, json); !written) return unexpected(written.error());
  }
  json.end_array();
  return json_response(json.take());
}

core::Result<Response> GrafanaRoutes::annotations(const Call& call) const {
  const auto asked = parse_grafana_annotations(call.request.body);
  if (!asked) return unexpected(asked.error());
  std::vector<Event> events;
  if (asked->alarms) events = alarm_events(call, asked->range, asked->filters);
  if (asked->downtime) {
    auto stood = downtime_events(call, asked->range, asked->filters);
    if (!stood) return unexpected(stood.error());
    std::move(stood->begin(), stood->end(), std::back_inserter(events));
  }
  JsonWriter json;
  json.begin_array();
  for (const Event& event : events) {
    json.begin_object().key("annotation").raw(asked->annotation).key("time");
    append_ms(json, event.from);
    json.member("isRegion", event.to != 0);
    if (event.to != 0) {
      json.key("timeEnd");
      append_ms(json, event.to);
    }
    json.member("title", event.title).member("text", event.text).key("tags").begin_array();
    for (const std::string& tag : event.tags) json.value(tag);
    json.end_array().end_object();
  }
  json.end_array();
  return json_response(json.take());
}

}  // namespace

void add_grafana_routes(Router& router, const Options& options, const Services& services) {
  const auto routes = std::make_shared<const GrafanaRoutes>(options, services);
  const auto healthy = [](const Call&) { return core::Result<Response>(json_response(R"({"status":"ok"})")); };
  router.add({.path = "/v1/grafana", .alias = true, .handler = healthy});
  router.add({.path = "/v1/grafana/", .alias = true, .handler = healthy});
  using Route = core::Result<Response> (GrafanaRoutes::*)(const Call&) const;
  const auto post = [&](std::string_view path, Route route, Pace pace) {
    router.add({.method = Method::kPost,
                .path = path,
                .alias = true,
                .pace = pace,
                .only_reads = true,
                .handler = [routes, route](const Call& call) { return ((*routes).*route)(call); }});
  };
  post("/v1/grafana/search", &GrafanaRoutes::search, Pace::kQuick);
  post("/v1/grafana/query", &GrafanaRoutes::query, Pace::kSlow);
  post("/v1/grafana/annotations", &GrafanaRoutes::annotations, Pace::kSlow);
  post("/v1/grafana/tag-keys", &GrafanaRoutes::tag_keys, Pace::kQuick);
  post("/v1/grafana/tag-values", &GrafanaRoutes::tag_values, Pace::kQuick);
  post("/v1/grafana/metrics", &GrafanaRoutes::metrics, Pace::kQuick);
  post("/v1/grafana/metric-payload-options", &GrafanaRoutes::options, Pace::kQuick);
  post("/v1/grafana/variable", &GrafanaRoutes::variable, Pace::kQuick);
}

}  // namespace millwright::api
