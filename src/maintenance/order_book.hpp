// OrderBook: work orders, their moves, their deliveries and the maintenance events that they end in, each change in one
// transaction with all that it brings: who and when, the delivery of an approved order, the event of a done one.
//
// Threads: any; calls wait for the database. Hooks are called after the commit, on the caller's thread.
// Errors: kNotFound, kConflict (a move that the life cycle does not have, another version), kInvalid, else the
// database's. Nothing has changed where there is one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/mutex.hpp"
#include "core/result.hpp"
#include "database/database.hpp"
#include "io/clock.hpp"
#include "io/random.hpp"
#include "maintenance/erp.hpp"
#include "maintenance/order_store.hpp"
#include "maintenance/work_order.hpp"

namespace millwright::maintenance {

// A change, for the audit log.
struct AuditNote {
  std::string who;
  std::string action;  // "work-order.approve"
  std::string target;  // the order's, delivery's or event's id
  std::string detail;
};

struct Hooks {
  std::function<void(const AuditNote&)> audit;
  std::function<void(const MaintenanceEvent&)> on_event;  // a twin may begin the component's life anew
};

// What a person, a rule or an ERP does to an order.
struct Move {
  OrderState to = OrderState::kApproved;
  std::string who;
  std::string note{};
  std::optional<std::int64_t> expected_version{};
  // Of a done order:
  std::string findings{};
  std::string spare_parts = "[]";
  std::int64_t downtime_min = 0;
  core::TimeNs occurred = 0;  // 0: now
};

// Texts of a proposed order; what is absent stays.
struct Edit {
  std::string who;
  std::optional<std::int64_t> expected_version{};
  std::optional<std::string> recommended_action{};
  std::optional<Priority> priority{};
  std::optional<core::TimeNs> predicted_failure{};
};

class OrderBook {
 public:
  // `connector_of` gives the ERP of a machine by its path; "": none. All outlive the book.
  using ConnectorOf = std::function<std::string(std::string_view machine_path)>;
  static core::Result<std::unique_ptr<OrderBook>> open(database::Database& database, const io::Clock& clock,
                                                       ConnectorOf connector_of, Hooks hooks = {});

  // Takes machine, component, cause, action, priority, dates, evidence and source from `order`; the rest is given.
  core::Result<WorkOrder> create(WorkOrder order);
  [[nodiscard]] core::Result<WorkOrder> find(std::string_view id) const;
  [[nodiscard]] core::Result<std::vector<WorkOrder>> list(const OrderFilter& filter, const Sees& sees) const;
  [[nodiscard]] core::Result<std::vector<OrderChange>> changes(std::string_view id) const;
  [[nodiscard]] core::Result<std::vector<Delivery>> deliveries(std::string_view id) const;
  core::Result<WorkOrder> move(std::string_view id, const Move& move);
  core::Result<WorkOrder> edit(std::string_view id, const Edit& edit);

  // Rules: raises `order` unless an open one has the same machine, component and cause, and remembers it.
  core::Result<std::optional<WorkOrder>> raise(WorkOrder order, const std::string& rule_key, bool approve);
  [[nodiscard]] core::Result<ConditionMemory> condition(const std::string& rule_key) const;
  core::Status save_condition(const std::string& rule_key, const ConditionMemory& memory);

  // Deliveries, for the outbox.
  [[nodiscard]] core::Result<std::vector<Delivery>> due(const std::string& connector, std::size_t limit) const;
  // Counts an attempt on disk, before it is made. Nothing where the delivery is no longer waited for.
  core::Result<std::optional<Delivery>> begin_attempt(const std::string& delivery);
  core::Status delivered(const Delivery& delivery, const ErpOrder& in_erp);
  // To be tried again at delivery.next, or dead.
  core::Status failed(const Delivery& delivery);
  [[nodiscard]] core::Result<std::vector<WorkOrder>> to_poll(const std::string& connector, core::TimeNs before,
                                                             std::size_t limit) const;
  // What the ERP says of the order; nothing: it was asked and did not say.
  core::Status polled(const WorkOrder& order, const std::optional<ErpOrder>& in_erp);
  [[nodiscard]] core::Result<std::vector<Delivery>> list_deliveries(std::optional<DeliveryState> state,
                                                                    std::size_t limit) const;
  [[nodiscard]] core::Result<Delivery> find_delivery(std::string_view id) const;
  core::Result<Delivery> retry(std::string_view delivery, const std::string& who);
  [[nodiscard]] std::int64_t count(const std::string& connector, DeliveryState state) const;

  core::Result<MaintenanceEvent> add_event(MaintenanceEvent event, const std::string& who);
  [[nodiscard]] core::Result<std::vector<MaintenanceEvent>> events(const EventFilter& filter, const Sees& sees) const;

 private:
  // What is to be told once the transaction is on disk.
  struct News {
    std::vector<AuditNote> notes;
    std::optional<MaintenanceEvent> event;
  };

  OrderBook(database::Database& database, const io::Clock& clock, ConnectorOf connector_of, Hooks hooks);
  core::Status change(News& news, const database::Database::Work& work);
  core::Status insert(database::Connection& c, WorkOrder& order, const std::string& rule_key, News& news);
  core::Status advance(database::Connection& c, WorkOrder& order, const Move& move, News& news);
  core::Status open_delivery(database::Connection& c, const WorkOrder& order);
  core::Status cancel_deliveries(database::Connection& c, const WorkOrder& order);
  core::Status record_event(database::Connection& c, const WorkOrder& order, const Move& move, News& news);
  std::string new_id();

  database::Database& database_;
  const io::Clock& clock_;
  const ConnectorOf connector_of_;
  const Hooks hooks_;
  core::Mutex mutex_;
  io::Random random_ GUARDED_BY(mutex_);
};

}  // namespace millwright::maintenance
