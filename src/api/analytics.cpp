#include "api/analytics.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "api/analytics_json.hpp"
#include "api/body.hpp"
#include "api/cursor.hpp"
#include "core/text.hpp"

namespace millwright::api {
namespace {

using analytics::OrderAction;
using analytics::Service;
using core::ErrorCode;
using core::unexpected;

constexpr std::size_t kEventsDefault = 1000;
constexpr std::size_t kCommentBytesMax = 2000;

analytics::Scope scope_of(const Call& call) {
  return {.factory = std::string(call.parameters.text("factory_id").value_or("")),
          .machine = std::string(call.parameters.text("machine").value_or("")),
          .sees = [&who = call.who](const std::string& path) { return who.sees(path); }};
}

std::string text_of(const Call& call, std::string_view name) {
  return std::string(call.parameters.text(name).value_or(""));
}

Response csv_response(std::string csv, std::string_view name) {
  Response response;
  response.content_type = "text/csv; charset=utf-8; header=present";
  response.body = std::move(csv);
  response.fields.emplace_back("Content-Disposition", fmt::format("attachment; filename=\"{}.csv\"", name));
  return response;
}

core::Result<Response> oee(Service& service, const Call& call) {
  static constexpr std::array<std::string_view, 3> kLevels{"machine", "line", "site"};
  static constexpr std::array<std::string_view, 4> kBys{"period", "shift", "day", "hour"};
  const auto level = call.parameters.choice("level", kLevels, 2);
  if (!level) return unexpected(level.error());
  const auto by = call.parameters.choice("by", kBys, 0);
  if (!by) return unexpected(by.error());
  const auto answer = service.oee({.scope = scope_of(call),
                                   .from = text_of(call, "from"),
                                   .to = text_of(call, "to"),
                                   .level = static_cast<analytics::Level>(*level),
                                   .by = static_cast<analytics::By>(*by),
                                   .stopping = call.stopping});
  if (!answer) return unexpected(answer.error());
  if (accepts_csv(call.request.accept)) return csv_response(oee_csv(*answer), "oee");
  return json_response(to_text(oee_json(*answer)));
}

core::Result<Response> downtime(Service& service, const Call& call) {
  const auto unexplained = call.parameters.boolean("unexplained");
  if (!unexplained) return unexpected(unexplained.error());
  const auto limit = call.parameters.limit(kEventsDefault, kPageMax);
  if (!limit) return unexpected(limit.error());
  analytics::DowntimeRequest request{.scope = scope_of(call),
                                     .from = text_of(call, "from"),
                                     .to = text_of(call, "to"),
                                     .reason = text_of(call, "reason"),
                                     .unexplained = unexplained->value_or(false)};
  const std::uint32_t query =
      query_hash(fmt::format("downtime {} {} {} {} {} {}", request.scope.factory, request.scope.machine, request.from,
                             request.to, request.reason, request.unexplained));
  std::size_t begin = 0;
  if (const auto cursor = call.parameters.text("cursor")) {
    const auto place = decode_cursor(*cursor, query);
    if (!place) return unexpected(place.error());
    begin = static_cast<std::size_t>(place->position);
    request.to = core::format_time(place->bound);  // what has come since is not of this list
  } else if (request.to.empty()) {
    request.to = core::format_time(service.now());
  }
  auto events = service.downtime(request);
  if (!events) return unexpected(events.error());
  begin = std::min(begin, events->size());
  const std::size_t end = std::min(events->size(), begin + *limit);
  const std::vector<analytics::DowntimeRecord> page(events->begin() + static_cast<std::ptrdiff_t>(begin),
                                                    events->begin() + static_cast<std::ptrdiff_t>(end));
  Json next;
  if (end < events->size()) {
    const auto bound = core::parse_time(request.to);
    next = encode_cursor({query, static_cast<std::int64_t>(end), bound ? *bound : service.now()});
  }
  if (accepts_csv(call.request.accept)) return csv_response(downtime_csv(service.model(), page), "downtime");
  Json items = Json::array();
  for (const auto& event : page) items.push_back(downtime_json(service.model(), event));
  return json_response(to_text({{"items", std::move(items)}, {"next_cursor", std::move(next)}}));
}

// kNotFound also where the caller must not see its machine.
core::Result<analytics::DowntimeRecord> seen_downtime(Service& service, const Call& call, const std::string& id) {
  auto record = service.find_downtime(id);
  if (!record || call.who.sees(record->machine)) return record;
  return unexpected(ErrorCode::kNotFound, fmt::format("there is no downtime '{}'", id));
}

Response downtime_response(Service& service, const analytics::DowntimeRecord& record) {
  Response response = json_response(to_text(downtime_json(service.model(), record)));
  response.fields.emplace_back("ETag", fmt::format("\"{}\"", record.version));
  return response;
}

core::Result<Response> one_downtime(Service& service, const Call& call) {
  const auto record = seen_downtime(service, call, call.id());
  if (!record) return unexpected(record.error());
  const auto versions = service.downtime_versions(call.id());
  if (!versions) return unexpected(versions.error());
  Json json = downtime_json(service.model(), *record);
  json["versions"] = Json::array();
  for (const auto& former : *versions) json["versions"].push_back(downtime_json(service.model(), former));
  Response response = json_response(to_text(json));
  response.fields.emplace_back("ETag", fmt::format("\"{}\"", record->version));
  return response;
}

// Who changes, and the version that they know: of If-Match, "3" in quotes.
core::Result<analytics::ChangedBy> changed_by(const Call& call) {
  analytics::ChangedBy by{.who = call.who.name};
  std::string_view tag = core::trim(call.request.if_match);
  if (tag.empty() || tag == "*") return by;
  if (tag.size() > 2 && tag.front() == '"' && tag.back() == '"') tag = tag.substr(1, tag.size() - 2);
  by.version = core::parse_int(tag);
  if (by.version) return by;
  return unexpected(ErrorCode::kInvalid, "If-Match: write the event's version in quotes, such as \"3\"");
}

core::Result<Response> explain(Service& service, const Call& call) {
  static constexpr std::array<std::string_view, 2> kMembers = {"reason", "comment"};
  const auto body = Body::parse(call.request.body, kMembers);
  if (!body) return unexpected(body.error());
  const auto reason = body->text("reason", kNameBytesMax);
  if (!reason) return unexpected(reason.error());
  const auto comment = body->text("comment", kCommentBytesMax);
  if (!comment) return unexpected(comment.error());
  const auto by = changed_by(call);
  if (!by) return unexpected(by.error());
  if (const auto seen = seen_downtime(service, call, call.id()); !seen) return unexpected(seen.error());
  const auto given = [&](const char* name, const std::string& text) {
    return body->has(name) ? std::optional(text) : std::nullopt;
  };
  const auto record = service.explain(call.id(), given("reason", *reason), given("comment", *comment), *by);
  if (!record) return unexpected(record.error());
  return downtime_response(service, *record);
}

core::Result<Response> split(Service& service, const Call& call) {
  static constexpr std::array<std::string_view, 1> kMembers = {"at"};
  const auto body = Body::parse(call.request.body, kMembers);
  if (!body) return unexpected(body.error());
  const auto at = body->required("at", kNameBytesMax, "when, like 2026-11-21T08:15:30Z");
  if (!at) return unexpected(at.error());
  const auto by = changed_by(call);
  if (!by) return unexpected(by.error());
  if (const auto seen = seen_downtime(service, call, call.id()); !seen) return unexpected(seen.error());
  const auto both = service.split(call.id(), *at, *by);
  if (!both) return unexpected(both.error());
  Json items = Json::array();
  for (const auto& event : *both) items.push_back(downtime_json(service.model(), event));
  return json_response(to_text({{"items", std::move(items)}}));
}

core::Result<Response> merge(Service& service, const Call& call) {
  static constexpr std::array<std::string_view, 1> kMembers = {"with"};
  const auto body = Body::parse(call.request.body, kMembers);
  if (!body) return unexpected(body.error());
  const auto with = body->required("with", kNameBytesMax, "the other event's id");
  if (!with) return unexpected(with.error());
  const auto by = changed_by(call);
  if (!by) return unexpected(by.error());
  for (const std::string& id : {call.id(), *with}) {
    if (const auto seen = seen_downtime(service, call, id); !seen) return unexpected(seen.error());
  }
  const auto record = service.merge(call.id(), *with, *by);
  if (!record) return unexpected(record.error());
  return downtime_response(service, *record);
}

core::Result<Response> calendars(Service& service, const Call& call) {
  const auto machines = service.machines(scope_of(call));
  if (!machines) return unexpected(machines.error());
  Json items = Json::array();
  for (const analytics::Calendar* calendar : service.calendars().all()) {
    std::vector<std::string> names;
    for (const asset::Machine* machine : *machines) {
      if (&service.calendars().of(machine->id) == calendar) names.push_back(machine->name);
    }
    if (names.empty()) continue;
    const auto period =
        service.period(text_of(call, "from"), text_of(call, "to"), calendar->zone(), 7 * 24 * core::kHour);
    if (!period) return unexpected(period.error());
    items.push_back(calendar_json(*calendar, *period, names));
  }
  return json_response(to_text({{"items", std::move(items)}}));
}

core::Result<analytics::ProductionOrder> seen_order(Service& service, const Call& call, const std::string& id) {
  auto order = service.orders().find(id);
  if (!order || call.who.sees(order->equipment)) return order;
  return unexpected(ErrorCode::kNotFound, fmt::format("there is no production order '{}'", id));
}

core::Result<Response> list_orders(Service& service, const Call& call) {
  const auto limit = call.parameters.limit(kEventsDefault, kPageMax);
  if (!limit) return unexpected(limit.error());
  std::string equipment;
  if (call.parameters.text("machine")) {
    const auto machine = service.machines(scope_of(call));
    if (!machine) return unexpected(machine.error());
    equipment = machine->front()->path;
  }
  const auto orders = service.orders().list(equipment, *limit);
  if (!orders) return unexpected(orders.error());
  Json items = Json::array();
  for (const auto& order : *orders) {
    if (call.who.sees(order.equipment)) items.push_back(order_json(service.model(), order));
  }
  return json_response(to_text({{"items", std::move(items)}}));
}

core::Result<Response> one_order(Service& service, const Call& call) {
  const auto order = seen_order(service, call, call.id());
  if (!order) return unexpected(order.error());
  return json_response(to_text(order_json(service.model(), *order)));
}

// The order as it is after what the body asks for.
core::Result<Response> take_order(Service& service, const Call& call, OrderAction action) {
  auto message = analytics::parse_order(call.request.body,
                                        analytics::KnownOrder{action, action == OrderAction::kCreate ? "" : call.id()});
  if (!message) return unexpected(message.error());
  if (action == OrderAction::kCounts && message->key.empty()) message->key = call.request.idempotency_key;
  const auto taken =
      service.take(*message, call.who.name, [&](const std::string& path) { return call.who.sees(path); });
  if (!taken) return unexpected(taken.error());
  const auto order = service.orders().find(*taken);
  if (!order) return unexpected(order.error());
  return json_response(to_text(order_json(service.model(), *order)));
}

using Answer = core::Result<Response> (*)(Service&, const Call&);

Handler on(Service* service, std::function<core::Result<Response>(Service&, const Call&)> answer) {
  return [service, answer = std::move(answer)](const Call& call) -> core::Result<Response> {
    if (service != nullptr) return answer(*service, call);
    return unexpected(ErrorCode::kUnsupported, "this node computes no effectiveness");
  };
}

void add_order_routes(Router& router, Service* service) {
  router.add({.path = "/v1/production-orders",
              .parameters = {"factory_id", "machine", "limit"},
              .pace = Pace::kSlow,
              .handler = on(service, list_orders)});
  router.add({.path = "/v1/production-orders/{id}", .pace = Pace::kSlow, .handler = on(service, one_order)});
  const auto post = [&](std::string_view path, OrderAction action) {
    router.add(
        {.method = Method::kPost,
         .path = path,
         .pace = Pace::kSlow,
         .right = Right::kOperate,
         .handler = on(service, [action](Service& s, const Call& call) { return take_order(s, call, action); })});
  };
  post("/v1/production-orders", OrderAction::kCreate);
  post("/v1/production-orders/{id}/start", OrderAction::kStart);
  post("/v1/production-orders/{id}/finish", OrderAction::kFinish);
  post("/v1/production-orders/{id}/material", OrderAction::kMaterial);
  post("/v1/production-orders/{id}/counts", OrderAction::kCounts);
}

}  // namespace

void add_analytics_routes(Router& router, Service* service) {
  router.add({.path = "/v1/analytics/oee",
              .alias = true,
              .parameters = {"factory_id", "machine", "from", "to", "level", "by"},
              .pace = Pace::kSlow,
              .handler = on(service, oee)});
  router.add({.path = "/v1/calendars",
              .parameters = {"factory_id", "machine", "from", "to"},
              .pace = Pace::kSlow,
              .handler = on(service, calendars)});
  router.add({.path = "/v1/downtime",
              .parameters = {"factory_id", "machine", "from", "to", "reason", "unexplained", "limit", "cursor"},
              .pace = Pace::kSlow,
              .handler = on(service, downtime)});
  router.add({.path = "/v1/downtime/reasons", .handler = on(service, [](Service& s, const Call&) {
                                                return core::Result<Response>(
                                                    json_response(to_text(reasons_json(s.reasons()))));
                                              })});
  router.add({.path = "/v1/downtime/{id}", .pace = Pace::kSlow, .handler = on(service, one_downtime)});
  const auto change = [&](Method method, std::string_view path, Answer answer) {
    router.add({.method = method,
                .path = path,
                .pace = Pace::kSlow,
                .right = Right::kOperate,
                .handler = on(service, answer)});
  };
  change(Method::kPatch, "/v1/downtime/{id}", explain);
  change(Method::kPost, "/v1/downtime/{id}/split", split);
  change(Method::kPost, "/v1/downtime/{id}/merge", merge);
  add_order_routes(router, service);
}

}  // namespace millwright::api
