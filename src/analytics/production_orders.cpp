#include "analytics/production_orders.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "database/database.hpp"

namespace millwright::analytics {
namespace {

using core::ErrorCode;
using core::unexpected;

constexpr std::array<std::string_view, 4> kSteps = {
    "CREATE TABLE analytics_orders (id TEXT PRIMARY KEY, segment TEXT NOT NULL, equipment TEXT NOT NULL, "
    "material TEXT NOT NULL, quantity BIGINT NOT NULL, created_ns BIGINT NOT NULL, started_ns BIGINT NOT NULL, "
    "finished_ns BIGINT NOT NULL, changed_by TEXT NOT NULL)",
    "CREATE TABLE analytics_order_materials (order_id TEXT NOT NULL, time_ns BIGINT NOT NULL, material TEXT NOT NULL, "
    "changed_by TEXT NOT NULL, PRIMARY KEY (order_id, time_ns))",
    "CREATE TABLE analytics_order_counts (id TEXT PRIMARY KEY, order_id TEXT NOT NULL, equipment TEXT NOT NULL, "
    "time_ns BIGINT NOT NULL, good BIGINT NOT NULL, reject BIGINT NOT NULL, told_by TEXT NOT NULL)",
    "CREATE INDEX analytics_order_counts_time ON analytics_order_counts (equipment, time_ns)"};

constexpr std::string_view kSelect =
    "SELECT id, segment, equipment, material, quantity, created_ns, started_ns, finished_ns, changed_by, "
    "(SELECT COALESCE(SUM(good), 0) FROM analytics_order_counts WHERE order_id = analytics_orders.id), "
    "(SELECT COALESCE(SUM(reject), 0) FROM analytics_order_counts WHERE order_id = analytics_orders.id) "
    "FROM analytics_orders ";

core::Result<std::vector<ProductionOrder>> orders_of(core::Result<database::Rows> rows) {
  if (!rows) return unexpected(rows.error());
  std::vector<ProductionOrder> orders;
  for (const database::Row& row : *rows) {
    orders.push_back({.id = row.text(0),
                      .segment = row.text(1),
                      .equipment = row.text(2),
                      .material_definition = row.text(3),
                      .quantity = row.integer(4),
                      .created = row.integer(5),
                      .started = row.integer(6),
                      .finished = row.integer(7),
                      .changed_by = row.text(8),
                      .good = row.integer(9),
                      .reject = row.integer(10)});
  }
  return orders;
}

template <typename Session>
core::Result<ProductionOrder> find_in(Session& session, const std::string& id) {
  auto found = orders_of(session.query(fmt::format("{} WHERE id = :a", kSelect), {id}));
  if (!found) return unexpected(found.error());
  if (!found->empty()) return std::move(found->front());
  return unexpected(ErrorCode::kNotFound, fmt::format("there is no production order '{}'", id));
}

core::Status done_of(const core::Result<std::int64_t>& changed) {
  if (!changed) return unexpected(changed.error());
  return {};
}

core::Status is_running(const ProductionOrder& order, core::TimeNs time) {
  if (order.started == 0 || time < order.started) {
    return unexpected(ErrorCode::kConflict,
                      fmt::format("production order '{}' had not started at {}", order.id, core::format_time(time)));
  }
  if (order.finished != 0 && time > order.finished) {
    return unexpected(ErrorCode::kConflict,
                      fmt::format("production order '{}' finished at {}", order.id, core::format_time(order.finished)));
  }
  return {};
}

core::Status free_for(database::Connection& connection, const ProductionOrder& order, core::TimeNs time) {
  auto others = orders_of(connection.query(
      fmt::format("{} WHERE equipment = :a AND id <> :b AND started_ns > 0 AND (finished_ns = 0 OR finished_ns > :c)",
                  kSelect),
      {order.equipment, order.id, time}));
  if (!others) return unexpected(others.error());
  if (others->empty()) return {};
  return unexpected(ErrorCode::kConflict,
                    fmt::format("{} runs production order '{}' {}; finish that first", order.equipment,
                                others->front().id, others->front().finished == 0 ? "" : "after that time"));
}

}  // namespace

core::Result<ProductionOrders> ProductionOrders::open(database::Database& database) {
  if (auto ready = database.migrate("analytics_orders", kSteps); !ready) return unexpected(ready.error());
  return ProductionOrders(database);
}

core::Status ProductionOrders::create(const ProductionOrder& order) {
  return database_->transaction([&](database::Connection& connection) -> core::Status {
    const auto before = find_in(connection, order.id);
    if (before) {
      const bool same = before->segment == order.segment && before->equipment == order.equipment &&
                        before->material_definition == order.material_definition && before->quantity == order.quantity;
      if (same) return {};
      return unexpected(ErrorCode::kConflict, fmt::format("there is another production order '{}' already", order.id));
    }
    if (before.error().code != ErrorCode::kNotFound) return unexpected(before.error());
    return done_of(connection.execute("INSERT INTO analytics_orders VALUES (:a, :b, :c, :d, :e, :f, 0, 0, :g)",
                                      {order.id, order.segment, order.equipment, order.material_definition,
                                       order.quantity, order.created, order.changed_by}));
  });
}

core::Status ProductionOrders::start(const OrderStep& step) {
  return database_->transaction([&](database::Connection& connection) -> core::Status {
    const auto order = find_in(connection, step.order);
    if (!order) return unexpected(order.error());
    if (order->started != 0) {
      if (order->started == step.time) return {};
      return unexpected(ErrorCode::kConflict, fmt::format("production order '{}' started at {}", order->id,
                                                          core::format_time(order->started)));
    }
    if (auto free = free_for(connection, *order, step.time); !free) return free;
    return done_of(connection.execute("UPDATE analytics_orders SET started_ns = :a, changed_by = :b WHERE id = :c",
                                      {step.time, step.by, step.order}));
  });
}

core::Status ProductionOrders::finish(const OrderStep& step) {
  return database_->transaction([&](database::Connection& connection) -> core::Status {
    const auto order = find_in(connection, step.order);
    if (!order) return unexpected(order.error());
    if (order->finished == step.time) return {};
    if (auto running = is_running(*order, step.time); !running) return running;
    if (order->finished != 0) {
      return unexpected(ErrorCode::kConflict, fmt::format("production order '{}' finished at {}", order->id,
                                                          core::format_time(order->finished)));
    }
    return done_of(connection.execute("UPDATE analytics_orders SET finished_ns = :a, changed_by = :b WHERE id = :c",
                                      {step.time, step.by, step.order}));
  });
}

core::Status ProductionOrders::change_material(const OrderStep& step, const std::string& material) {
  return database_->transaction([&](database::Connection& connection) -> core::Status {
    const auto order = find_in(connection, step.order);
    if (!order) return unexpected(order.error());
    if (auto running = is_running(*order, step.time); !running) return running;
    return done_of(connection.execute(
        "INSERT INTO analytics_order_materials VALUES (:a, :b, :c, :d) ON CONFLICT (order_id, time_ns) DO UPDATE SET "
        "material = excluded.material, changed_by = excluded.changed_by",
        {step.order, step.time, material, step.by}));
  });
}

core::Status ProductionOrders::count(const OrderStep& step, std::int64_t good, std::int64_t reject,
                                     const std::string& key) {
  return database_->transaction([&](database::Connection& connection) -> core::Status {
    const auto order = find_in(connection, step.order);
    if (!order) return unexpected(order.error());
    if (auto running = is_running(*order, step.time); !running) return running;
    std::string id = step.order + "\n" + key;
    if (key.empty()) {
      const auto told =
          connection.query("SELECT COUNT(*) FROM analytics_order_counts WHERE order_id = :a", {step.order});
      if (!told) return unexpected(told.error());
      id = fmt::format("{}\n\n{}", step.order, told->front().integer(0));
    }
    return done_of(
        connection.execute("INSERT INTO analytics_order_counts VALUES (:a, :b, :c, :d, :e, :f, :g) "
                           "ON CONFLICT (id) DO NOTHING",
                           {id, step.order, order->equipment, step.time, good, reject, step.by}));
  });
}

core::Result<ProductionOrder> ProductionOrders::find(const std::string& id) const {
  return find_in(*database_, id);
}

core::Result<std::vector<ProductionOrder>> ProductionOrders::list(const std::string& equipment,
                                                                  std::size_t limit) const {
  return orders_of(database_->query(
      fmt::format("{} WHERE equipment = :a OR :b = '' ORDER BY created_ns DESC, id LIMIT {}", kSelect, limit),
      {equipment, equipment}));
}

core::Result<std::vector<ProductChange>> ProductionOrders::products(const std::string& equipment,
                                                                    const Interval& period) const {
  auto orders = orders_of(database_->query(
      fmt::format("{} WHERE equipment = :a AND started_ns > 0 AND started_ns < :b AND (finished_ns = 0 OR "
                  "finished_ns > :c) ORDER BY started_ns",
                  kSelect),
      {equipment, period.to, period.from}));
  if (!orders) return unexpected(orders.error());
  std::vector<ProductChange> changes;
  for (const ProductionOrder& order : *orders) {
    changes.push_back({order.started, order.material_definition});
    const auto later = database_->query(
        "SELECT time_ns, material FROM analytics_order_materials WHERE order_id = :a ORDER BY time_ns", {order.id});
    if (!later) return unexpected(later.error());
    for (const database::Row& row : *later) changes.push_back({row.integer(0), row.text(1)});
    if (order.finished != 0) changes.push_back({order.finished, ""});
  }
  return changes;
}

core::Result<std::vector<Count>> ProductionOrders::counts(const std::string& equipment, const Interval& period) const {
  const auto rows = database_->query(
      "SELECT time_ns, good, reject FROM analytics_order_counts WHERE equipment = :a AND time_ns > :b AND "
      "time_ns <= :c ORDER BY time_ns, id",
      {equipment, period.from, period.to});
  if (!rows) return unexpected(rows.error());
  std::vector<Count> counts;
  for (const database::Row& row : *rows) counts.push_back({row.integer(0), row.integer(1), row.integer(2), 0});
  return counts;
}

}  // namespace millwright::analytics
