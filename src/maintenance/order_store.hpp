// OrderStore: the tables of work orders, their changes, their deliveries, idempotency keys, conditions and maintenance
// events. The functions are statements inside of a transaction that the caller holds; what belongs together is
// committed together.
//
// Threads: as Connection. Errors: as Database.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "database/database.hpp"
#include "maintenance/work_order.hpp"

namespace millwright::maintenance {

// Whether the caller may see a machine, by its path.
using Sees = std::function<bool(std::string_view path)>;

struct OrderFilter {
  std::string machine;  // "": all
  std::optional<OrderState> state;
  core::TimeNs from = INT64_MIN;    // created
  core::TimeNs to = INT64_MAX;      // before
  std::int64_t before = INT64_MAX;  // numbers below this one: the next page
  std::size_t limit = 100;
};

struct EventFilter {
  std::string machine;
  core::TimeNs from = INT64_MIN;  // occurred
  core::TimeNs to = INT64_MAX;
  std::int64_t before = INT64_MAX;
  std::size_t limit = 100;
};

// A rule's memory of (machine, component, cause).
struct ConditionMemory {
  bool active = false;  // beyond `raise` and not yet back beyond `clear`
  std::string order;    // the last one that it raised; "": none
};

namespace store {

core::Status migrate(database::Database& database);

// Gives the order its number and writes its first change. kConflict where an open order of the same rule key exists.
core::Status add_order(database::Connection& c, WorkOrder& order, const std::string& rule_key, std::string_view note);
core::Result<std::optional<WorkOrder>> find_order(database::Connection& c, std::string_view id);
// Newest first.
core::Result<std::vector<WorkOrder>> list_orders(database::Connection& c, const OrderFilter& filter, const Sees& sees);
core::Result<bool> has_open_order(database::Connection& c, const std::string& machine, const std::string& component,
                                  const std::string& cause);
// Writes the order's new form over version `order.version - 1`, and the change; kConflict where that is not there.
core::Status save_order(database::Connection& c, const WorkOrder& order, const OrderChange& change);
core::Result<std::vector<OrderChange>> changes_of(database::Connection& c, std::string_view order);
// Orders that a connector's ERP has and has not ended, whose state was last asked for before `before`.
core::Result<std::vector<WorkOrder>> orders_to_poll(database::Connection& c, const std::string& connector,
                                                    core::TimeNs before, std::size_t limit);
// `word`: the ERP's, or "" where it said nothing.
core::Status set_polled(database::Connection& c, std::string_view order, core::TimeNs time, const std::string& word);

core::Status add_delivery(database::Connection& c, const Delivery& delivery);
core::Result<std::optional<Delivery>> find_delivery(database::Connection& c, std::string_view id);
core::Result<std::vector<Delivery>> deliveries_of(database::Connection& c, std::string_view order);
core::Result<std::vector<Delivery>> list_deliveries(database::Connection& c, std::optional<DeliveryState> state,
                                                    std::size_t limit);
// Waiting ones, by the time of their next attempt.
core::Result<std::vector<Delivery>> due_deliveries(database::Connection& c, const std::string& connector,
                                                   core::TimeNs now, std::size_t limit);
core::Status save_delivery(database::Connection& c, const Delivery& delivery);
core::Result<std::int64_t> count_deliveries(database::Connection& c, const std::string& connector, DeliveryState state);

core::Result<ConditionMemory> find_condition(database::Connection& c, const std::string& rule_key);
core::Status save_condition(database::Connection& c, const std::string& rule_key, const ConditionMemory& memory);

// Gives the event its number.
core::Status add_event(database::Connection& c, MaintenanceEvent& event);
core::Result<std::vector<MaintenanceEvent>> list_events(database::Connection& c, const EventFilter& filter,
                                                        const Sees& sees);

}  // namespace store
}  // namespace millwright::maintenance
