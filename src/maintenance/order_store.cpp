#include "maintenance/order_store.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace millwright::maintenance::store {
namespace {

using core::unexpected;
using database::Connection;
using database::Row;

constexpr std::string_view kSteps[] = {
    "CREATE TABLE maintenance_orders (id TEXT PRIMARY KEY, number BIGINT NOT NULL UNIQUE, reference TEXT NOT NULL "
    "UNIQUE, rule_key TEXT UNIQUE, machine TEXT NOT NULL, machine_path TEXT NOT NULL, component TEXT NOT NULL, cause "
    "TEXT NOT NULL, action TEXT NOT NULL, priority BIGINT NOT NULL, predicted_failure BIGINT NOT NULL, lead_time "
    "BIGINT NOT NULL, evidence TEXT NOT NULL, by_rule BIGINT NOT NULL, created_by TEXT NOT NULL, state TEXT NOT NULL, "
    "version BIGINT NOT NULL, created_at BIGINT NOT NULL, changed_at BIGINT NOT NULL, connector TEXT NOT NULL, erp_id "
    "TEXT NOT NULL, erp_state TEXT NOT NULL, findings TEXT NOT NULL, spare_parts TEXT NOT NULL, downtime_min BIGINT "
    "NOT NULL, polled_at BIGINT NOT NULL)",
    "CREATE INDEX maintenance_orders_by_machine ON maintenance_orders (machine, number)",
    "CREATE INDEX maintenance_orders_by_state ON maintenance_orders (state, number)",
    "CREATE TABLE maintenance_changes (order_id TEXT NOT NULL, version BIGINT NOT NULL, changed_at BIGINT NOT NULL, "
    "who TEXT NOT NULL, from_state TEXT NOT NULL, to_state TEXT NOT NULL, note TEXT NOT NULL, PRIMARY KEY (order_id, "
    "version))",
    "CREATE TABLE maintenance_deliveries (id TEXT PRIMARY KEY, order_id TEXT NOT NULL, connector TEXT NOT NULL, state "
    "TEXT NOT NULL, attempts BIGINT NOT NULL, failures BIGINT NOT NULL, created_at BIGINT NOT NULL, next_at BIGINT "
    "NOT NULL, last_error TEXT NOT NULL)",
    "CREATE INDEX maintenance_deliveries_due ON maintenance_deliveries (connector, state, next_at)",
    "CREATE INDEX maintenance_deliveries_of ON maintenance_deliveries (order_id)",
    "CREATE TABLE maintenance_answers (who TEXT NOT NULL, answer_key TEXT NOT NULL, request TEXT NOT NULL, answer TEXT "
    "NOT NULL, created_at BIGINT NOT NULL, PRIMARY KEY (who, answer_key))",
    "CREATE TABLE maintenance_conditions (rule_key TEXT PRIMARY KEY, active BIGINT NOT NULL, order_id TEXT NOT NULL)",
    "CREATE TABLE maintenance_events (id TEXT PRIMARY KEY, number BIGINT NOT NULL UNIQUE, machine TEXT NOT NULL, "
    "machine_path TEXT NOT NULL, component TEXT NOT NULL, maintenance_type TEXT NOT NULL, occurred_at BIGINT NOT NULL, "
    "technician TEXT NOT NULL, notes TEXT NOT NULL, order_id TEXT NOT NULL)",
    "CREATE INDEX maintenance_events_by_machine ON maintenance_events (machine, number)",
    "DROP TABLE maintenance_answers",  // the API keeps answers now, of all its changes
};

constexpr std::string_view kOrderColumns =
    "number, id, reference, machine, machine_path, component, cause, action, priority, predicted_failure, lead_time, "
    "evidence, by_rule, created_by, state, version, created_at, changed_at, connector, erp_id, erp_state, findings, "
    "spare_parts, downtime_min";

WorkOrder order_of(const Row& row) {
  WorkOrder order;
  order.number = row.integer(0);
  order.id = row.text(1);
  order.reference = row.text(2);
  order.machine = row.text(3);
  order.machine_path = row.text(4);
  order.component = row.text(5);
  order.cause = row.text(6);
  order.recommended_action = row.text(7);
  order.priority = static_cast<Priority>(row.integer(8));
  order.predicted_failure = row.integer(9);
  order.lead_time = row.integer(10);
  order.evidence = row.text(11);
  order.by_rule = row.integer(12) != 0;
  order.created_by = row.text(13);
  order.state = parse_order_state(row.text(14)).value_or(OrderState::kProposed);
  order.version = row.integer(15);
  order.created = row.integer(16);
  order.changed = row.integer(17);
  order.connector = row.text(18);
  order.erp_id = row.text(19);
  order.erp_state = row.text(20);
  order.findings = row.text(21);
  order.spare_parts = row.text(22);
  order.downtime_min = row.integer(23);
  return order;
}

constexpr std::string_view kDeliveryColumns =
    "id, order_id, connector, state, attempts, failures, created_at, next_at, last_error";

Delivery delivery_of(const Row& row) {
  return {.id = row.text(0),
          .order = row.text(1),
          .connector = row.text(2),
          .state = parse_delivery_state(row.text(3)).value_or(DeliveryState::kDead),
          .attempts = row.integer(4),
          .failures = row.integer(5),
          .created = row.integer(6),
          .next = row.integer(7),
          .last_error = row.text(8)};
}

template <typename Thing, typename Make>
core::Result<std::vector<Thing>> all(const core::Result<database::Rows>& rows, const Make& make) {
  if (!rows) return unexpected(rows.error());
  std::vector<Thing> things;
  for (const Row& row : *rows) things.push_back(make(row));
  return things;
}

template <typename Thing, typename Make>
core::Result<std::optional<Thing>> one(const core::Result<database::Rows>& rows, const Make& make) {
  if (!rows) return unexpected(rows.error());
  if (rows->empty()) return std::optional<Thing>();
  return std::optional<Thing>(make(rows->front()));
}

core::Status done(const core::Result<std::int64_t>& changed) {
  if (!changed) return unexpected(changed.error());
  return {};
}

core::Result<std::int64_t> next_number(Connection& c, std::string_view table) {
  const auto rows = c.query(fmt::format("SELECT COALESCE(MAX(number), 0) FROM {}", table));
  if (!rows) return unexpected(rows.error());
  return rows->front().integer(0) + 1;
}

core::Status add_change(Connection& c, const std::string& order, const OrderChange& change) {
  return done(c.execute(
      "INSERT INTO maintenance_changes (order_id, version, changed_at, who, from_state, to_state, note) VALUES (:a, "
      ":b, :c, :d, :e, :f, :g)",
      {order, change.version, change.time, change.who, to_string(change.from), to_string(change.to), change.note}));
}

// Pages of the table until `limit` rows are such that the caller may see them.
template <typename Thing, typename Ask>
core::Result<std::vector<Thing>> seen_of(std::int64_t before, std::size_t limit, const Sees& sees, const Ask& ask) {
  std::vector<Thing> found;
  while (found.size() < limit) {
    core::Result<std::vector<Thing>> page = ask(before);
    if (!page) return page;
    for (Thing& thing : *page) {
      before = thing.number;
      if (found.size() < limit && sees(thing.machine_path)) found.push_back(std::move(thing));
    }
    if (page->size() < limit) break;
  }
  return found;
}

}  // namespace

core::Status migrate(database::Database& database) {
  return database.migrate("maintenance", kSteps);
}

core::Status add_order(Connection& c, WorkOrder& order, const std::string& rule_key, std::string_view note) {
  const auto number = next_number(c, "maintenance_orders");
  if (!number) return unexpected(number.error());
  order.number = *number;
  const database::Parameter key = rule_key.empty() ? database::Parameter(nullptr) : database::Parameter(rule_key);
  const auto added = c.execute(
      "INSERT INTO maintenance_orders (id, number, reference, rule_key, machine, machine_path, component, cause, "
      "action, priority, predicted_failure, lead_time, evidence, by_rule, created_by, state, version, created_at, "
      "changed_at, connector, erp_id, erp_state, findings, spare_parts, downtime_min, polled_at) VALUES (:a, :b, :c, "
      ":d, :e, :f, :g, :h, :i, :j, :k, :l, :m, :n, :o, :p, :q, :r, :s, :t, '', '', '', '[]', 0, 0)",
      {order.id,
       order.number,
       order.reference,
       key,
       order.machine,
       order.machine_path,
       order.component,
       order.cause,
       order.recommended_action,
       static_cast<int>(order.priority),
       order.predicted_failure,
       order.lead_time,
       order.evidence,
       order.by_rule,
       order.created_by,
       to_string(order.state),
       order.version,
       order.created,
       order.changed,
       order.connector});
  if (!added) return unexpected(added.error());
  return add_change(c, order.id,
                    {.version = order.version,
                     .time = order.created,
                     .who = order.created_by,
                     .from = order.state,
                     .to = order.state,
                     .note = std::string(note)});
}

core::Result<std::optional<WorkOrder>> find_order(Connection& c, std::string_view id) {
  return one<WorkOrder>(c.query(fmt::format("SELECT {} FROM maintenance_orders WHERE id = :a", kOrderColumns), {id}),
                        order_of);
}

core::Result<std::vector<WorkOrder>> list_orders(Connection& c, const OrderFilter& filter, const Sees& sees) {
  return seen_of<WorkOrder>(filter.before, filter.limit, sees, [&](std::int64_t before) {
    const std::string_view state = filter.state ? to_string(*filter.state) : "";
    return all<WorkOrder>(
        c.query(
            fmt::format("SELECT {} FROM maintenance_orders WHERE number < :a AND created_at >= :b AND created_at < "
                        ":c AND (:d = '' OR machine = :e) AND (:f = '' OR state = :g) ORDER BY number DESC LIMIT {}",
                        kOrderColumns, filter.limit),
            {before, filter.from, filter.to, filter.machine, filter.machine, state, state}),
        order_of);
  });
}

core::Result<bool> has_open_order(Connection& c, const std::string& machine, const std::string& component,
                                  const std::string& cause) {
  const auto rows = c.query(
      "SELECT id FROM maintenance_orders WHERE machine = :a AND component = :b AND cause = :c AND state NOT IN "
      "('done', 'rejected') LIMIT 1",
      {machine, component, cause});
  if (!rows) return unexpected(rows.error());
  return !rows->empty();
}

core::Status save_order(Connection& c, const WorkOrder& order, const OrderChange& change) {
  const auto changed = c.execute(
      "UPDATE maintenance_orders SET action = :a, priority = :b, predicted_failure = :c, state = :d, version = :e, "
      "changed_at = :f, connector = :g, erp_id = :h, erp_state = :i, findings = :j, spare_parts = :k, downtime_min = "
      ":l, rule_key = CASE WHEN :m = 1 THEN rule_key ELSE NULL END WHERE id = :n AND version = :o",
      {order.recommended_action, static_cast<int>(order.priority), order.predicted_failure, to_string(order.state),
       order.version, order.changed, order.connector, order.erp_id, order.erp_state, order.findings, order.spare_parts,
       order.downtime_min, is_open(order.state), order.id, order.version - 1});
  if (!changed) return unexpected(changed.error());
  if (*changed != 1) {
    return unexpected(core::ErrorCode::kConflict, fmt::format("work order {} has been changed meanwhile", order.id));
  }
  return add_change(c, order.id, change);
}

core::Result<std::vector<OrderChange>> changes_of(Connection& c, std::string_view order) {
  return all<OrderChange>(
      c.query("SELECT version, changed_at, who, from_state, to_state, note FROM maintenance_changes WHERE order_id = "
              ":a ORDER BY version",
              {order}),
      [](const Row& row) {
        return OrderChange{.version = row.integer(0),
                           .time = row.integer(1),
                           .who = row.text(2),
                           .from = parse_order_state(row.text(3)).value_or(OrderState::kProposed),
                           .to = parse_order_state(row.text(4)).value_or(OrderState::kProposed),
                           .note = row.text(5)};
      });
}

core::Result<std::vector<WorkOrder>> orders_to_poll(Connection& c, const std::string& connector, core::TimeNs before,
                                                    std::size_t limit) {
  return all<WorkOrder>(
      c.query(fmt::format("SELECT {} FROM maintenance_orders WHERE state IN ('sent', 'in-progress') AND connector = :a "
                          "AND erp_id <> '' AND polled_at < :b ORDER BY polled_at, number LIMIT {}",
                          kOrderColumns, limit),
              {connector, before}),
      order_of);
}

core::Status set_polled(Connection& c, std::string_view order, core::TimeNs time, const std::string& word) {
  return done(c.execute(
      "UPDATE maintenance_orders SET polled_at = :a, erp_state = CASE WHEN :b = '' THEN erp_state ELSE :c END WHERE id "
      "= :d",
      {time, word, word, order}));
}

core::Status add_delivery(Connection& c, const Delivery& d) {
  return done(c.execute(
      fmt::format("INSERT INTO maintenance_deliveries ({}) VALUES (:a, :b, :c, :d, :e, :f, :g, :h, :i)",
                  kDeliveryColumns),
      {d.id, d.order, d.connector, to_string(d.state), d.attempts, d.failures, d.created, d.next, d.last_error}));
}

core::Result<std::optional<Delivery>> find_delivery(Connection& c, std::string_view id) {
  return one<Delivery>(
      c.query(fmt::format("SELECT {} FROM maintenance_deliveries WHERE id = :a", kDeliveryColumns), {id}), delivery_of);
}

core::Result<std::vector<Delivery>> deliveries_of(Connection& c, std::string_view order) {
  return all<Delivery>(
      c.query(fmt::format("SELECT {} FROM maintenance_deliveries WHERE order_id = :a ORDER BY id", kDeliveryColumns),
              {order}),
      delivery_of);
}

core::Result<std::vector<Delivery>> list_deliveries(Connection& c, std::optional<DeliveryState> state,
                                                    std::size_t limit) {
  const std::string_view name = state ? to_string(*state) : "";
  return all<Delivery>(
      c.query(fmt::format("SELECT {} FROM maintenance_deliveries WHERE (:a = '' OR state = :b) ORDER BY created_at "
                          "DESC, id DESC LIMIT {}",
                          kDeliveryColumns, limit),
              {name, name}),
      delivery_of);
}

core::Result<std::vector<Delivery>> due_deliveries(Connection& c, const std::string& connector, core::TimeNs now,
                                                   std::size_t limit) {
  return all<Delivery>(
      c.query(
          fmt::format("SELECT {} FROM maintenance_deliveries WHERE connector = :a AND state = 'waiting' AND next_at "
                      "<= :b ORDER BY next_at, id LIMIT {}",
                      kDeliveryColumns, limit),
          {connector, now}),
      delivery_of);
}

core::Status save_delivery(Connection& c, const Delivery& d) {
  return done(c.execute(
      "UPDATE maintenance_deliveries SET state = :a, attempts = :b, failures = :c, next_at = :d, last_error = :e WHERE "
      "id = :f",
      {to_string(d.state), d.attempts, d.failures, d.next, d.last_error, d.id}));
}

core::Result<std::int64_t> count_deliveries(Connection& c, const std::string& connector, DeliveryState state) {
  const auto rows = c.query("SELECT COUNT(*) FROM maintenance_deliveries WHERE connector = :a AND state = :b",
                            {connector, to_string(state)});
  if (!rows) return unexpected(rows.error());
  return rows->front().integer(0);
}

core::Result<ConditionMemory> find_condition(Connection& c, const std::string& rule_key) {
  const auto found = one<ConditionMemory>(
      c.query("SELECT active, order_id FROM maintenance_conditions WHERE rule_key = :a", {rule_key}),
      [](const Row& row) {
        return ConditionMemory{row.integer(0) != 0, row.text(1)};
      });
  if (!found) return unexpected(found.error());
  return found->value_or(ConditionMemory{});
}

core::Status save_condition(Connection& c, const std::string& rule_key, const ConditionMemory& memory) {
  return done(c.execute(
      "INSERT INTO maintenance_conditions (rule_key, active, order_id) VALUES (:a, :b, :c) ON CONFLICT (rule_key) DO "
      "UPDATE SET active = excluded.active, order_id = excluded.order_id",
      {rule_key, memory.active, memory.order}));
}

core::Status add_event(Connection& c, MaintenanceEvent& event) {
  const auto number = next_number(c, "maintenance_events");
  if (!number) return unexpected(number.error());
  event.number = *number;
  return done(c.execute(
      "INSERT INTO maintenance_events (id, number, machine, machine_path, component, maintenance_type, occurred_at, "
      "technician, notes, order_id) VALUES (:a, :b, :c, :d, :e, :f, :g, :h, :i, :j)",
      {event.id, event.number, event.machine, event.machine_path, event.component, event.type, event.occurred,
       event.technician, event.notes, event.order}));
}

core::Result<std::vector<MaintenanceEvent>> list_events(Connection& c, const EventFilter& filter, const Sees& sees) {
  return seen_of<MaintenanceEvent>(filter.before, filter.limit, sees, [&](std::int64_t before) {
    return all<MaintenanceEvent>(
        c.query(fmt::format("SELECT number, id, machine, machine_path, component, maintenance_type, occurred_at, "
                            "technician, notes, order_id FROM maintenance_events WHERE number < :a AND occurred_at >= "
                            ":b AND occurred_at < :c AND (:d = '' OR machine = :e) ORDER BY number DESC LIMIT {}",
                            filter.limit),
                {before, filter.from, filter.to, filter.machine, filter.machine}),
        [](const Row& row) {
          return MaintenanceEvent{.number = row.integer(0),
                                  .id = row.text(1),
                                  .machine = row.text(2),
                                  .machine_path = row.text(3),
                                  .component = row.text(4),
                                  .type = row.text(5),
                                  .occurred = row.integer(6),
                                  .technician = row.text(7),
                                  .notes = row.text(8),
                                  .order = row.text(9)};
        });
  });
}

}  // namespace millwright::maintenance::store
