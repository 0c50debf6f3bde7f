#include "api/handlers.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/cursor.hpp"
#include "api/lookup.hpp"
#include "api/machine_view.hpp"
#include "api/openapi.hpp"
#include "api/views.hpp"
#include "core/text.hpp"

namespace millwright::api {
namespace {

using core::ErrorCode;
using core::unexpected;

}  // namespace

Handlers::Handlers(const Options& options, const Services& services, const AlarmBoard& board)
    : options_(options),
      services_(services),
      board_(board),
      hierarchy_(to_text(hierarchy_json(services.model, local_identity()))) {}

Response Handlers::plant(const Identity& who) const {
  // The hierarchy is large and for most always the same: it is spliced in as text.
  const bool whole = who.sees_all();
  const std::string rest = to_text(plant_json(services_.plant_status(), services_, who));
  return json_response(fmt::format(R"({{"hierarchy":{},{})",
                                   whole ? hierarchy_ : to_text(hierarchy_json(services_.model, who)),
                                   std::string_view(rest).substr(1)));
}

core::Result<Response> Handlers::machines(const Parameters& parameters, const Identity& who) const {
  const auto all = services_.model.machines();
  const auto limit = parameters.limit(kPageDefault, kPageMax);
  if (!limit) return unexpected(limit.error());
  // A cursor is the index of a machine, so it holds for this model alone.
  const std::uint32_t query =
      query_hash(fmt::format("machines {} {}", all.size(), all.empty() ? std::string() : all.back().path));
  std::size_t first = 0;
  if (const auto text = parameters.text("cursor")) {
    const auto cursor = decode_cursor(*text, query);
    if (!cursor) return unexpected(cursor.error());
    first = std::min(static_cast<std::size_t>(cursor->position), all.size());
  }
  const auto active = board_.active();
  JsonWriter json(64 + 400 * std::min(*limit, all.size()));
  MachineView view(services_.model, services_.live, services_.historian.texts(), json);
  json.begin_object().key("items").begin_array();
  std::size_t written = 0;
  std::size_t end = first;
  for (; end < all.size(); ++end) {
    if (!who.sees(all[end].path)) continue;
    if (written++ == *limit) break;
    view.machine(all[end], view.summary(all[end], *active));
  }
  json.end_array().key("next_cursor");
  json.text_or_null(end < all.size() ? encode_cursor({query, static_cast<std::int64_t>(end), 0}) : "").end_object();
  return json_response(json.take());
}

core::Result<Response> Handlers::machine(std::string_view name, const Identity& who) const {
  const auto found = find_machine(services_.model, name, who);
  if (!found) return unexpected(found.error());
  JsonWriter json;
  MachineView view(services_.model, services_.live, services_.historian.texts(), json);
  view.machine(**found, view.summary(**found, *board_.active()));
  return json_response(json.take());
}

core::Result<Subscription> Handlers::subscription(const Parameters& parameters, std::string_view last_event_id,
                                                  const Identity& who) const {
  Subscription subscription;
  subscription.who = who;
  if (const auto list = parameters.text("machine")) {
    for (const std::string_view name : core::split(*list, ',')) {
      const auto machine = find_machine(services_.model, name, who);
      if (!machine) return unexpected(machine.error());
      auto& ids = subscription.machines;
      if (std::find(ids.begin(), ids.end(), (*machine)->id) == ids.end()) ids.push_back((*machine)->id);
    }
  }
  if (!last_event_id.empty()) {
    const auto version = core::parse_int(last_event_id);
    if (!version || *version < 0) {
      return unexpected(ErrorCode::kInvalid,
                        fmt::format("Last-Event-ID: '{}' is no id that this stream gave; send the last "
                                    "one received, or leave it out",
                                    last_event_id));
    }
    subscription.alarms_after = static_cast<std::uint64_t>(*version);
  }
  return subscription;
}

Response Handlers::open_api() const {
  Response response = json_response(std::string(open_api_document()));
  response.fields.emplace_back("Cache-Control", "no-cache");
  return response;
}

Response Handlers::health() const {
  return json_response(R"({"status":"ok"})");
}

Response Handlers::ready() const {
  bool ready = true;
  Json checks = Json::array();
  for (const Check& check : services_.readiness()) {
    ready = ready && check.ok;
    checks.push_back({{"name", check.name}, {"ok", check.ok}, {"detail", check.detail}});
  }
  Response response =
      json_response(to_text({{"status", ready ? "ready" : "not ready"}, {"checks", std::move(checks)}}));
  if (!ready) response.status = 503;
  return response;
}

Response Handlers::metrics() const {
  Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = services_.metrics.text();
  return response;
}

}  // namespace millwright::api
