#include "maintenance/work_order.hpp"

#include <algorithm>
#include <iterator>
#include <span>

#include <nlohmann/json.hpp>

namespace millwright::maintenance {
namespace {

using Json = nlohmann::json;

template <typename Enum>
std::optional<Enum> parse(std::span<const std::string_view> names, std::string_view text) {
  const auto at = std::find(names.begin(), names.end(), text);
  if (at == names.end()) return std::nullopt;
  return static_cast<Enum>(at - names.begin());
}

Json time_or_null(core::TimeNs time) {
  return time == 0 ? Json() : Json(core::format_time(time));
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

// Kept as text by us, so it parses.
Json parsed(const std::string& text) {
  return Json::parse(text, nullptr, false);
}

constexpr double kNsPerDay = 24.0 * 3600 * 1e9;

}  // namespace

std::string_view to_string(OrderState state) {
  return kOrderStates[static_cast<std::size_t>(state)];
}
std::string_view to_string(Priority priority) {
  return kPriorities[static_cast<std::size_t>(priority)];
}
std::string_view to_string(DeliveryState state) {
  return kDeliveryStates[static_cast<std::size_t>(state)];
}
std::optional<OrderState> parse_order_state(std::string_view text) {
  return parse<OrderState>(kOrderStates, text);
}
std::optional<Priority> parse_priority(std::string_view text) {
  return parse<Priority>(kPriorities, text);
}
std::optional<DeliveryState> parse_delivery_state(std::string_view text) {
  return parse<DeliveryState>(kDeliveryStates, text);
}

bool is_open(OrderState state) {
  return state != OrderState::kDone && state != OrderState::kRejected;
}

// An ERP may tell of the end without having told of the beginning; nothing goes back.
bool may_move(OrderState from, OrderState to) {
  if (!is_open(from) || to <= from) return false;
  switch (to) {
    case OrderState::kProposed:
      return false;
    case OrderState::kApproved:
      return from == OrderState::kProposed;
    case OrderState::kSent:
      return from == OrderState::kApproved;
    case OrderState::kInProgress:
    case OrderState::kDone:
      return from != OrderState::kProposed;
    case OrderState::kRejected:
      return true;
  }
  return false;
}

Json to_json(const WorkOrder& order) {
  return {{"id", order.id},
          {"reference", order.reference},
          {"machine_id", order.machine},
          {"machine_path", order.machine_path},
          {"component", text_or_null(order.component)},
          {"cause", text_or_null(order.cause)},
          {"recommended_action", order.recommended_action},
          {"priority", to_string(order.priority)},
          {"predicted_failure_date", time_or_null(order.predicted_failure)},
          {"lead_time_days", static_cast<double>(order.lead_time) / kNsPerDay},
          {"evidence", parsed(order.evidence)},
          {"source", order.by_rule ? "rule" : "person"},
          {"created_by", order.created_by},
          {"state", to_string(order.state)},
          {"version", order.version},
          {"created_at", core::format_time(order.created)},
          {"changed_at", core::format_time(order.changed)},
          {"connector", text_or_null(order.connector)},
          {"erp_id", text_or_null(order.erp_id)},
          {"erp_state", text_or_null(order.erp_state)},
          {"findings", text_or_null(order.findings)},
          {"spare_parts", parsed(order.spare_parts)},
          {"downtime_min", order.downtime_min}};
}

Json to_json(const OrderChange& change) {
  return {{"version", change.version},  {"time", core::format_time(change.time)},
          {"who", change.who},          {"from", to_string(change.from)},
          {"to", to_string(change.to)}, {"note", text_or_null(change.note)}};
}

Json to_json(const Delivery& delivery) {
  const bool waits = delivery.state == DeliveryState::kWaiting;
  return {{"id", delivery.id},
          {"order_id", delivery.order},
          {"connector", delivery.connector},
          {"state", to_string(delivery.state)},
          {"attempts", delivery.attempts},
          {"created_at", core::format_time(delivery.created)},
          {"next_attempt_at", waits ? time_or_null(delivery.next) : Json()},
          {"last_error", text_or_null(delivery.last_error)}};
}

Json to_json(const MaintenanceEvent& event) {
  return {{"event_id", event.id},
          {"machine_id", event.machine},
          {"component", text_or_null(event.component)},
          {"maintenance_type", event.type},
          {"occurred_at", core::format_time(event.occurred)},
          {"technician", text_or_null(event.technician)},
          {"notes", text_or_null(event.notes)},
          {"work_order_id", text_or_null(event.order)}};
}

}  // namespace millwright::maintenance
