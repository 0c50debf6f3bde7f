#include "api/maintenance.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "api/body.hpp"
#include "api/cursor.hpp"
#include "api/lookup.hpp"
#include "api/problem.hpp"
#include "api/views.hpp"
#include "core/text.hpp"

namespace millwright::api {
namespace {

using core::ErrorCode;
using core::unexpected;
using maintenance::Move;
using maintenance::OrderState;
using maintenance::WorkOrder;
using PlainJson = nlohmann::json;

constexpr std::string_view kMergePatch = "application/merge-patch+json";
constexpr std::string_view kOrders = "/v1/maintenance/work-orders";
constexpr std::size_t kTextBytesMax = 4000;
constexpr std::size_t kEvidenceBytesMax = 32 * 1024;
constexpr std::size_t kPageDefaultHere = 100;
constexpr std::size_t kPageMaxHere = 1000;
constexpr double kLeadDaysMax = 3650;
constexpr std::int64_t kDowntimeMax = 366 * 24 * 60;

std::string etag_of(std::int64_t version) {
  return fmt::format("\"{}\"", version);
}

std::string dumped(const PlainJson& json) {
  return json.dump(-1, ' ', false, PlainJson::error_handler_t::replace);
}

Response order_response(const WorkOrder& order, int status = 200) {
  Response response = json_response(dumped(to_json(order)));
  response.status = status;
  response.fields.emplace_back("ETag", etag_of(order.version));
  return response;
}

// Without accounts a person says who it is; with them the account does.
std::string actor(const Call& call, const Body& body) {
  const auto by = body.text("by", kNameBytesMax);
  return call.who.name == local_identity().name && by && !by->empty() ? *by : call.who.name;
}

core::Unexpected wrong(std::string_view member, std::string_view what) {
  return unexpected(ErrorCode::kInvalid, fmt::format("body: {} {}", member, what));
}

// A number from 0 to `high`; absent: 0.
core::Result<double> number_of(const Body& body, const char* name, double high) {
  const PlainJson* value = body.find(name);
  if (value == nullptr) return 0.0;
  if (value->is_number() && value->get<double>() >= 0 && value->get<double>() <= high) return value->get<double>();
  return wrong(name, fmt::format("must be a number from 0 to {}", high));
}

core::Result<maintenance::Priority> priority_of(const Body& body) {
  const auto text = body.text("priority", kNameBytesMax);
  if (!text) return unexpected(text.error());
  if (text->empty()) return maintenance::Priority::kMedium;
  if (const auto priority = maintenance::parse_priority(*text)) return *priority;
  return wrong("priority", fmt::format("'{}' is none of {}{}", *text, fmt::join(maintenance::kPriorities, ", "),
                                       core::did_you_mean(*text, maintenance::kPriorities)));
}

core::Result<core::TimeNs> time_of(const Body& body, const char* name) {
  const auto text = body.text(name, kNameBytesMax);
  if (!text) return unexpected(text.error());
  if (text->empty()) return core::TimeNs{0};
  const auto time = core::parse_time(*text);
  if (time) return *time;
  return wrong(name, fmt::format("'{}' is no date like 2026-12-24 or 2026-12-24T08:00:00Z", *text));
}

class MaintenanceRoutes {
 public:
  explicit MaintenanceRoutes(const MaintenanceServices* services) : services_(services) {}

  using Action = core::Result<Response> (MaintenanceRoutes::*)(const Call&) const;
  [[nodiscard]] core::Result<Response> run(Action action, const Call& call) const {
    if (services_ != nullptr) return (this->*action)(call);
    return unexpected(ErrorCode::kUnsupported, "work orders are off: set maintenance.enabled in the plant's file");
  }

  [[nodiscard]] core::Result<Response> orders(const Call& call) const;
  [[nodiscard]] core::Result<Response> create(const Call& call) const;
  [[nodiscard]] core::Result<Response> order(const Call& call) const;
  [[nodiscard]] core::Result<Response> patch(const Call& call) const;
  [[nodiscard]] core::Result<Response> approve(const Call& call) const { return simple(call, OrderState::kApproved); }
  [[nodiscard]] core::Result<Response> reject(const Call& call) const { return simple(call, OrderState::kRejected); }
  [[nodiscard]] core::Result<Response> start(const Call& call) const { return simple(call, OrderState::kInProgress); }
  [[nodiscard]] core::Result<Response> complete(const Call& call) const;
  [[nodiscard]] core::Result<Response> deliveries(const Call& call) const;
  [[nodiscard]] core::Result<Response> retry(const Call& call) const;
  [[nodiscard]] core::Result<Response> events(const Call& call) const;
  [[nodiscard]] core::Result<Response> add_event(const Call& call) const;
  [[nodiscard]] core::Result<Response> erps(const Call& call) const;

 private:
  [[nodiscard]] maintenance::OrderBook& book() const { return services_->desk.book(); }
  [[nodiscard]] maintenance::Sees sees(const Call& call) const {
    return [&who = call.who](std::string_view path) { return who.sees(path); };
  }
  // An order that the caller must not see does not exist.
  [[nodiscard]] core::Result<WorkOrder> seen(const Call& call, const std::string& id) const;
  [[nodiscard]] core::Result<std::string> component(const asset::Machine& machine, const Body& body) const;
  [[nodiscard]] core::Result<WorkOrder> read_order(const Call& call, const Body& body) const;
  [[nodiscard]] core::Result<Response> simple(const Call& call, OrderState to) const;
  [[nodiscard]] core::Result<Response> moved(const Call& call, Move move) const;
  // Nothing: the version fits, or none was asked for.
  [[nodiscard]] static std::optional<Response> stale(const Call& call, const WorkOrder& order);
  template <typename Filter>
  core::Status read_filter(const Call& call, Filter& filter) const;
  template <typename Things>
  Response page(const Call& call, const Things& things, std::size_t limit) const;

  const MaintenanceServices* const services_;
};

// Of the parameters that decide which list it is; not of its pages.
std::uint32_t list_hash(const Call& call) {
  std::string all(call.request.path);
  for (const char* name : {"machine", "state", "from", "to"}) {
    all += fmt::format("&{}={}", name, call.parameters.text(name).value_or(""));
  }
  return query_hash(all);
}

core::Result<WorkOrder> MaintenanceRoutes::seen(const Call& call, const std::string& id) const {
  auto order = book().find(id);
  if (!order || call.who.sees(order->machine_path)) return order;
  return unexpected(ErrorCode::kNotFound, fmt::format("there is no work order '{}'; GET {} lists them", id, kOrders));
}

core::Result<std::string> MaintenanceRoutes::component(const asset::Machine& machine, const Body& body) const {
  auto name = body.text("component", kNameBytesMax);
  if (!name || name->empty()) return name;
  std::vector<std::string_view> names;
  for (const asset::Component& one : machine.components) names.push_back(one.name);
  if (std::find(names.begin(), names.end(), *name) != names.end()) return name;
  return wrong("component", fmt::format("'{}' is none of {}'s: {}{}", *name, machine.name, fmt::join(names, ", "),
                                        core::did_you_mean(*name, names)));
}

template <typename Filter>
core::Status MaintenanceRoutes::read_filter(const Call& call, Filter& filter) const {
  const core::TimeNs now = services_->clock.now();
  if (const auto name = call.parameters.text("machine")) {
    const auto found = find_machine(services_->model, *name, call.who);
    if (!found) return unexpected(found.error());
    filter.machine = (*found)->name;
  }
  const auto from = call.parameters.moment("from", now, filter.from);
  if (!from) return unexpected(from.error());
  const auto to = call.parameters.moment("to", now, filter.to);
  if (!to) return unexpected(to.error());
  if (*from >= *to) return unexpected(ErrorCode::kInvalid, "from must be before to");
  filter.from = *from;
  filter.to = *to;
  const auto limit = call.parameters.limit(kPageDefaultHere, kPageMaxHere);
  if (!limit) return unexpected(limit.error());
  filter.limit = *limit;
  if (const auto text = call.parameters.text("cursor")) {
    const auto cursor = decode_cursor(*text, list_hash(call));
    if (!cursor) return unexpected(cursor.error());
    filter.before = cursor->position;
  }
  return {};
}

template <typename Things>
Response MaintenanceRoutes::page(const Call& call, const Things& things, std::size_t limit) const {
  PlainJson items = PlainJson::array();
  for (const auto& thing : things) items.push_back(to_json(thing));
  PlainJson next;
  if (things.size() == limit) {
    next = encode_cursor({.query = list_hash(call), .position = things.back().number, .bound = 0});
  }
  return json_response(dumped({{"items", std::move(items)}, {"next_cursor", std::move(next)}}));
}

core::Result<Response> MaintenanceRoutes::orders(const Call& call) const {
  maintenance::OrderFilter filter;
  if (auto read = read_filter(call, filter); !read) return unexpected(read.error());
  if (const auto text = call.parameters.text("state")) {
    filter.state = maintenance::parse_order_state(*text);
    if (!filter.state) {
      return unexpected(ErrorCode::kInvalid,
                        fmt::format("state={}: must be one of {}{}", *text, fmt::join(maintenance::kOrderStates, ", "),
                                    core::did_you_mean(*text, maintenance::kOrderStates)));
    }
  }
  const auto found = book().list(filter, sees(call));
  if (!found) return unexpected(found.error());
  return page(call, *found, filter.limit);
}

core::Result<WorkOrder> MaintenanceRoutes::read_order(const Call& call, const Body& body) const {
  const auto name = body.required("machine_id", kNameBytesMax, "which machine");
  if (!name) return unexpected(name.error());
  const auto found = find_machine(services_->model, *name, call.who);
  if (!found) return unexpected(found.error());
  auto part = component(**found, body);
  if (!part) return unexpected(part.error());
  auto action = body.required("recommended_action", kTextBytesMax, "what is to be done");
  if (!action) return unexpected(action.error());
  auto cause = body.text("cause", kTextBytesMax);
  if (!cause) return unexpected(cause.error());
  const auto priority = priority_of(body);
  if (!priority) return unexpected(priority.error());
  const auto failure = time_of(body, "predicted_failure_date");
  if (!failure) return unexpected(failure.error());
  const auto lead = number_of(body, "lead_time_days", kLeadDaysMax);
  if (!lead) return unexpected(lead.error());
  WorkOrder order;
  order.machine = (*found)->name;
  order.machine_path = (*found)->path;
  order.component = std::move(*part);
  order.cause = std::move(*cause);
  order.recommended_action = std::move(*action);
  order.priority = *priority;
  order.predicted_failure = *failure;
  order.lead_time = static_cast<core::DurationNs>(std::llround(*lead * 24 * 3600)) * core::kSecond;
  order.created_by = actor(call, body);
  if (const PlainJson* evidence = body.find("evidence")) {
    order.evidence = dumped(*evidence);
    if (!evidence->is_object() || order.evidence.size() > kEvidenceBytesMax) {
      return wrong("evidence", fmt::format("must be an object of at most {} bytes", kEvidenceBytesMax));
    }
  }
  return order;
}

core::Result<Response> MaintenanceRoutes::create(const Call& call) const {
  static constexpr std::array<std::string_view, 9> kMembers = {
      "machine_id", "component", "recommended_action", "predicted_failure_date", "cause", "priority", "lead_time_days",
      "evidence",   "by"};
  const auto body = Body::parse(call.request.body, kMembers);
  if (!body) return unexpected(body.error());
  auto order = read_order(call, *body);
  if (!order) return unexpected(order.error());
  const auto created = book().create(std::move(*order));
  if (!created) return unexpected(created.error());
  Response response = order_response(*created, 201);
  response.fields.emplace_back("Location", fmt::format("{}/{}", kOrders, created->id));
  return response;
}

core::Result<Response> MaintenanceRoutes::order(const Call& call) const {
  const auto found = seen(call, call.id());
  if (!found) return unexpected(found.error());
  const auto changes = book().changes(found->id);
  if (!changes) return unexpected(changes.error());
  const auto deliveries = book().deliveries(found->id);
  if (!deliveries) return unexpected(deliveries.error());
  PlainJson json = to_json(*found);
  json["changes"] = PlainJson::array();
  for (const auto& change : *changes) json["changes"].push_back(to_json(change));
  json["deliveries"] = PlainJson::array();
  for (const auto& delivery : *deliveries) json["deliveries"].push_back(to_json(delivery));
  Response response = json_response(dumped(json));
  response.fields.emplace_back("ETag", etag_of(found->version));
  return response;
}

std::optional<Response> MaintenanceRoutes::stale(const Call& call, const WorkOrder& order) {
  const std::string& wanted = call.request.if_match;
  if (wanted.empty() || wanted == "*" || wanted == etag_of(order.version)) return std::nullopt;
  return problem(412,
                 fmt::format("work order {} is at version {}, If-Match asks for {}; read it again, then decide",
                             order.id, order.version, wanted),
                 call.request.path);
}

core::Result<Response> MaintenanceRoutes::patch(const Call& call) const {
  static constexpr std::array<std::string_view, 4> kMembers = {"recommended_action", "priority",
                                                               "predicted_failure_date", "by"};
  const auto body = Body::parse(call.request.body, kMembers);
  if (!body) return unexpected(body.error());
  const auto known = seen(call, call.id());
  if (!known) return unexpected(known.error());
  if (auto refusal = stale(call, *known)) return std::move(*refusal);
  maintenance::Edit edit{.who = actor(call, *body), .expected_version = known->version};
  if (body->find("recommended_action") != nullptr) {
    auto action = body->required("recommended_action", kTextBytesMax, "what is to be done");
    if (!action) return unexpected(action.error());
    edit.recommended_action = std::move(*action);
  }
  if (body->find("priority") != nullptr) {
    const auto priority = priority_of(*body);
    if (!priority) return unexpected(priority.error());
    edit.priority = *priority;
  }
  if (const PlainJson* date = body->find("predicted_failure_date"); date != nullptr && date->is_null()) {
    edit.predicted_failure = 0;  // as a merge patch takes a member away
  } else if (date != nullptr) {
    const auto failure = time_of(*body, "predicted_failure_date");
    if (!failure) return unexpected(failure.error());
    edit.predicted_failure = *failure;
  }
  const auto edited = book().edit(known->id, edit);
  if (!edited) return unexpected(edited.error());
  return order_response(*edited);
}

core::Result<Response> MaintenanceRoutes::moved(const Call& call, Move move) const {
  const auto known = seen(call, call.id());
  if (!known) return unexpected(known.error());
  if (auto refusal = stale(call, *known)) return std::move(*refusal);
  move.expected_version = known->version;
  const auto done = services_->desk.move(known->id, move);
  if (!done) return unexpected(done.error());
  return order_response(*done);
}

core::Result<Response> MaintenanceRoutes::simple(const Call& call, OrderState to) const {
  static constexpr std::array<std::string_view, 2> kMembers = {"note", "by"};
  const auto body = Body::parse(call.request.body, kMembers);
  if (!body) return unexpected(body.error());
  auto note = body->text("note", kTextBytesMax);
  if (!note) return unexpected(note.error());
  return moved(call, {.to = to, .who = actor(call, *body), .note = std::move(*note)});
}

core::Result<Response> MaintenanceRoutes::complete(const Call& call) const {
  static constexpr std::array<std::string_view, 6> kMembers = {"findings",     "spare_parts", "downtime_min",
                                                               "completed_at", "note",        "by"};
  const auto body = Body::parse(call.request.body, kMembers);
  if (!body) return unexpected(body.error());
  Move move{.to = OrderState::kDone, .who = actor(call, *body)};
  auto findings = body->text("findings", kTextBytesMax);
  if (!findings) return unexpected(findings.error());
  auto note = body->text("note", kTextBytesMax);
  if (!note) return unexpected(note.error());
  const auto downtime = number_of(*body, "downtime_min", static_cast<double>(kDowntimeMax));
  if (!downtime) return unexpected(downtime.error());
  const auto occurred = time_of(*body, "completed_at");
  if (!occurred) return unexpected(occurred.error());
  if (const PlainJson* parts = body->find("spare_parts")) {
    const bool texts = parts->is_array() && std::all_of(parts->begin(), parts->end(),
                                                        [](const PlainJson& part) { return part.is_string(); });
    if (!texts) return wrong("spare_parts", "must be a list of texts");
    move.spare_parts = dumped(*parts);
  }
  move.findings = std::move(*findings);
  move.note = std::move(*note);
  move.downtime_min = std::llround(*downtime);
  move.occurred = *occurred;
  return moved(call, std::move(move));
}

core::Result<Response> MaintenanceRoutes::deliveries(const Call& call) const {
  std::optional<maintenance::DeliveryState> state;
  if (const auto text = call.parameters.text("state")) {
    state = maintenance::parse_delivery_state(*text);
    if (!state) {
      return unexpected(ErrorCode::kInvalid, fmt::format("state={}: must be one of {}{}", *text,
                                                         fmt::join(maintenance::kDeliveryStates, ", "),
                                                         core::did_you_mean(*text, maintenance::kDeliveryStates)));
    }
  }
  const auto limit = call.parameters.limit(kPageDefaultHere, kPageMaxHere);
  if (!limit) return unexpected(limit.error());
  const auto found = book().list_deliveries(state, *limit);
  if (!found) return unexpected(found.error());
  PlainJson items = PlainJson::array();
  for (const auto& delivery : *found) {
    if (seen(call, delivery.order)) items.push_back(to_json(delivery));
  }
  return json_response(dumped({{"items", std::move(items)}}));
}

core::Result<Response> MaintenanceRoutes::retry(const Call& call) const {
  const auto delivery = book().find_delivery(call.id());
  if (!delivery) return unexpected(delivery.error());
  if (const auto order = seen(call, delivery->order); !order) {
    return unexpected(ErrorCode::kNotFound, fmt::format("there is no delivery '{}'", call.id()));
  }
  const auto again = services_->desk.retry(delivery->id, call.who.name);
  if (!again) return unexpected(again.error());
  return json_response(dumped(to_json(*again)));
}

core::Result<Response> MaintenanceRoutes::events(const Call& call) const {
  maintenance::EventFilter filter;
  if (auto read = read_filter(call, filter); !read) return unexpected(read.error());
  const auto found = book().events(filter, sees(call));
  if (!found) return unexpected(found.error());
  return page(call, *found, filter.limit);
}

core::Result<Response> MaintenanceRoutes::add_event(const Call& call) const {
  static constexpr std::array<std::string_view, 7> kMembers = {
      "machine_id", "component", "maintenance_type", "occurred_at", "technician", "notes", "by"};
  const auto body = Body::parse(call.request.body, kMembers);
  if (!body) return unexpected(body.error());
  const auto name = body->required("machine_id", kNameBytesMax, "which machine");
  if (!name) return unexpected(name.error());
  const auto found = find_machine(services_->model, *name, call.who);
  if (!found) return unexpected(found.error());
  auto part = component(**found, *body);
  if (!part) return unexpected(part.error());
  auto type = body->required("maintenance_type", kNameBytesMax, "what was done: replacement, repair, inspection, …");
  if (!type) return unexpected(type.error());
  const auto occurred = time_of(*body, "occurred_at");
  if (!occurred) return unexpected(occurred.error());
  const core::TimeNs now = services_->clock.now();
  if (*occurred > now) return wrong("occurred_at", "lies ahead; an event is something that has been done");
  auto technician = body->text("technician", kNameBytesMax);
  if (!technician) return unexpected(technician.error());
  auto notes = body->text("notes", kTextBytesMax);
  if (!notes) return unexpected(notes.error());
  const auto added = book().add_event({.number = 0,
                                       .id = {},
                                       .machine = (*found)->name,
                                       .machine_path = (*found)->path,
                                       .component = std::move(*part),
                                       .type = std::move(*type),
                                       .occurred = *occurred == 0 ? now : *occurred,
                                       .technician = std::move(*technician),
                                       .notes = std::move(*notes),
                                       .order = {}},
                                      actor(call, *body));
  if (!added) return unexpected(added.error());
  Response response = json_response(dumped(to_json(*added)));
  response.status = 201;
  return response;
}

core::Result<Response> MaintenanceRoutes::erps(const Call&) const {
  PlainJson items = PlainJson::array();
  for (const auto& erp : services_->desk.erps()) {
    items.push_back({{"name", erp.name},
                     {"kind", erp.kind},
                     {"state", erp.state},
                     {"waiting", erp.waiting},
                     {"dead", erp.dead},
                     {"delivered", erp.delivered},
                     {"last_error", erp.last_error.empty() ? PlainJson() : PlainJson(erp.last_error)},
                     {"last_error_time",
                      erp.last_error_time == 0 ? PlainJson() : PlainJson(core::format_time(erp.last_error_time))}});
  }
  return json_response(dumped({{"items", std::move(items)}}));
}

}  // namespace

void add_maintenance_routes(Router& router, const MaintenanceServices* services) {
  const auto routes = std::make_shared<const MaintenanceRoutes>(services);
  const auto add = [&](Endpoint endpoint, MaintenanceRoutes::Action action) {
    endpoint.pace = Pace::kSlow;  // all of it waits for the database
    endpoint.handler = [routes, action](const Call& call) { return routes->run(action, call); };
    router.add(std::move(endpoint));
  };
  using Routes = MaintenanceRoutes;
  const std::vector<std::string_view> list = {"machine", "state", "from", "to", "limit", "cursor"};
  add({.path = kOrders, .alias = true, .parameters = list}, &Routes::orders);
  add({.method = Method::kPost, .path = kOrders, .alias = true, .right = Right::kMaintain}, &Routes::create);
  add({.path = "/v1/maintenance/work-orders/{id}", .alias = true}, &Routes::order);
  add({.method = Method::kPatch,
       .path = "/v1/maintenance/work-orders/{id}",
       .alias = true,
       .media = kMergePatch,
       .right = Right::kMaintain},
      &Routes::patch);
  const auto act = [&](std::string_view path, Routes::Action action) {
    add({.method = Method::kPost, .path = path, .alias = true, .right = Right::kMaintain}, action);
  };
  act("/v1/maintenance/work-orders/{id}/approve", &Routes::approve);
  act("/v1/maintenance/work-orders/{id}/reject", &Routes::reject);
  act("/v1/maintenance/work-orders/{id}/start", &Routes::start);
  act("/v1/maintenance/work-orders/{id}/complete", &Routes::complete);
  add({.path = "/v1/maintenance/events", .alias = true, .parameters = {"machine", "from", "to", "limit", "cursor"}},
      &Routes::events);
  act("/v1/maintenance/events", &Routes::add_event);
  add({.path = "/v1/maintenance/erps", .whole_plant = true}, &Routes::erps);
  add({.path = "/v1/work-order-deliveries", .parameters = {"state", "limit"}}, &Routes::deliveries);
  add({.method = Method::kPost, .path = "/v1/work-order-deliveries/{id}/retry", .right = Right::kMaintain},
      &Routes::retry);
}

}  // namespace millwright::api
