// ProductionOrders: what a MES has a machine make, in ISA-95's words: an order's segment, run on an equipment, of a
// material definition that may change on the way, and the pieces that are told with it. Kept in the database.
//
// An equipment runs one order at a time. What was told twice is one thing: the same order, start or finish again is no
// error, and counts of one key count once. So a message may be brought again.
// Threads: any. Errors: kNotFound, kConflict and kInvalid say what; else the database's. Limits: names of 200 bytes.
// Source: docs/format/production-orders.md. Tables: analytics_orders, analytics_order_materials,
// analytics_order_counts.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analytics/machine_history.hpp"
#include "analytics/oee.hpp"
#include "core/result.hpp"

namespace millwright::database {
class Connection;
class Database;
}  // namespace millwright::database

namespace millwright::analytics {

inline constexpr std::int64_t kQuantityMax = 1'000'000'000;

struct ProductionOrder {
  std::string id{};
  std::string segment{};
  std::string equipment{};            // the machine's path
  std::string material_definition{};  // that it began with, or was made for
  std::int64_t quantity = 0;          // planned
  core::TimeNs created = 0;
  core::TimeNs started = 0;   // 0: not yet
  core::TimeNs finished = 0;  // 0: not yet
  std::string changed_by{};
  std::int64_t good = 0;  // told so far
  std::int64_t reject = 0;

  [[nodiscard]] const char* state() const {
    return started == 0 ? "released" : finished == 0 ? "running" : "completed";
  }
};

// Who says what, and as of when.
struct OrderStep {
  std::string order{};
  core::TimeNs time = 0;
  std::string by{};
};

class ProductionOrders {
 public:
  static core::Result<ProductionOrders> open(database::Database& database);

  // kConflict where the id is another order's.
  core::Status create(const ProductionOrder& order);
  // kConflict while the equipment runs another.
  core::Status start(const OrderStep& step);
  core::Status finish(const OrderStep& step);
  // From `step.time` on it makes another material.
  core::Status change_material(const OrderStep& step, const std::string& material);
  // Pieces made before `step.time`. `key` is theirs alone; "": none, so they count each time.
  core::Status count(const OrderStep& step, std::int64_t good, std::int64_t reject, const std::string& key);

  core::Result<ProductionOrder> find(const std::string& id) const;
  // Of an equipment, or of all where it is ""; the newest first.
  core::Result<std::vector<ProductionOrder>> list(const std::string& equipment, std::size_t limit) const;

  // What a machine made, from what held at `period.from` on; "" between orders.
  core::Result<std::vector<ProductChange>> products(const std::string& equipment, const Interval& period) const;
  // Pieces told in (from, to], without their cycle; in order of time.
  core::Result<std::vector<Count>> counts(const std::string& equipment, const Interval& period) const;

 private:
  explicit ProductionOrders(database::Database& database) : database_(&database) {}
  database::Database* database_;
};

}  // namespace millwright::analytics
