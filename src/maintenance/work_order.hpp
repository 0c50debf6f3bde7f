// WorkOrder: what shall be done to a machine, why, and how far it has come.
//
//   proposed ─► approved ─► sent ─► in-progress ─► done
//       └──────────┴─────────┴──────────┴────────► rejected
//
// A person approves or rejects; "sent" means that the ERP has it; without an ERP an approved order is begun and ended
// by people here. Every move is one version.
//
// Threads: values. Source: docs/maintenance.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "core/time.hpp"

namespace millwright::maintenance {

enum class OrderState : std::uint8_t { kProposed, kApproved, kSent, kInProgress, kDone, kRejected };
inline constexpr std::string_view kOrderStates[] = {"proposed", "approved", "sent", "in-progress", "done", "rejected"};
std::string_view to_string(OrderState state);
std::optional<OrderState> parse_order_state(std::string_view text);
bool may_move(OrderState from, OrderState to);
// Done and rejected orders stay what they are.
bool is_open(OrderState state);

enum class Priority : std::uint8_t { kLow, kMedium, kHigh, kUrgent };
inline constexpr std::string_view kPriorities[] = {"low", "medium", "high", "urgent"};
std::string_view to_string(Priority priority);
std::optional<Priority> parse_priority(std::string_view text);

struct WorkOrder {
  std::int64_t number = 0;  // counts up; the order of lists
  std::string id;           // ULID
  std::string reference;    // the first 20 characters of the id: how ERPs know it (SAP keeps no more)
  std::string machine;      // name
  std::string machine_path;
  std::string component;  // "": the machine as a whole
  std::string cause;
  std::string recommended_action;
  Priority priority = Priority::kMedium;
  core::TimeNs predicted_failure = 0;  // 0: nobody knows
  core::DurationNs lead_time = 0;      // how long the work needs to be prepared
  std::string evidence = "{}";         // JSON object
  bool by_rule = false;                // else by a person
  std::string created_by;
  OrderState state = OrderState::kProposed;
  std::int64_t version = 1;
  core::TimeNs created = 0;
  core::TimeNs changed = 0;
  std::string connector;           // of the ERP that it goes to; "": none
  std::string erp_id;              // its number there
  std::string erp_state;           // in the ERP's own words
  std::string findings;            // of whoever did the work
  std::string spare_parts = "[]";  // JSON array
  std::int64_t downtime_min = 0;
};

// One move, or a change of the order's texts (then from == to).
struct OrderChange {
  std::int64_t version = 0;
  core::TimeNs time = 0;
  std::string who;
  OrderState from = OrderState::kProposed;
  OrderState to = OrderState::kProposed;
  std::string note;
};

enum class DeliveryState : std::uint8_t { kWaiting, kDelivered, kDead, kCancelled };
inline constexpr std::string_view kDeliveryStates[] = {"waiting", "delivered", "dead", "cancelled"};
std::string_view to_string(DeliveryState state);
std::optional<DeliveryState> parse_delivery_state(std::string_view text);

// An order on its way to an ERP. Its id is the idempotency key of every attempt.
struct Delivery {
  std::string id;  // ULID
  std::string order;
  std::string connector;
  DeliveryState state = DeliveryState::kWaiting;
  std::int64_t attempts = 0;  // sends that may have got through
  std::int64_t failures = 0;  // answers that were errors
  core::TimeNs created = 0;
  core::TimeNs next = 0;  // of the next attempt
  std::string last_error;
};

// Something that was done to a machine.
struct MaintenanceEvent {
  std::int64_t number = 0;
  std::string id;  // ULID
  std::string machine;
  std::string machine_path;
  std::string component;
  std::string type;  // "predictive", "corrective", "preventive", "inspection", "replacement", …
  core::TimeNs occurred = 0;
  std::string technician;
  std::string notes;
  std::string order;  // that it ended; "": none
};

nlohmann::json to_json(const WorkOrder& order);
nlohmann::json to_json(const OrderChange& change);
nlohmann::json to_json(const Delivery& delivery);
nlohmann::json to_json(const MaintenanceEvent& event);

}  // namespace millwright::maintenance
