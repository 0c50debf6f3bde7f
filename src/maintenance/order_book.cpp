#include "maintenance/order_book.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "maintenance/ulid.hpp"

namespace millwright::maintenance {
namespace {

using core::ErrorCode;
using core::unexpected;
using database::Connection;

constexpr std::size_t kReferenceLength = 20;

core::Result<WorkOrder> required(core::Result<std::optional<WorkOrder>> found, std::string_view id) {
  if (!found) return unexpected(found.error());
  if (*found) return std::move(**found);
  return unexpected(ErrorCode::kNotFound, fmt::format("there is no work order '{}'; GET /v1/maintenance/work-orders "
                                                      "lists them",
                                                      id));
}

core::Result<Delivery> required(core::Result<std::optional<Delivery>> found, std::string_view id) {
  if (!found) return unexpected(found.error());
  if (*found) return std::move(**found);
  return unexpected(ErrorCode::kNotFound, fmt::format("there is no delivery '{}'; GET /v1/work-order-deliveries lists "
                                                      "them",
                                                      id));
}

core::Status check_version(const WorkOrder& order, std::optional<std::int64_t> expected) {
  if (!expected || *expected == order.version) return {};
  return unexpected(ErrorCode::kConflict,
                    fmt::format("work order {} is at version {}, not {}: read it again, then decide", order.id,
                                order.version, *expected));
}

// A statement's answer from inside of a transaction.
template <typename Value, typename Read>
core::Result<Value> ask(database::Database& database, const Read& read) {
  std::optional<Value> value;
  auto done = database.transaction([&](Connection& c) -> core::Status {
    core::Result<Value> answer = read(c);
    if (!answer) return unexpected(answer.error());
    value = std::move(*answer);
    return {};
  });
  if (!done) return unexpected(done.error());
  return std::move(*value);
}

}  // namespace

core::Result<std::unique_ptr<OrderBook>> OrderBook::open(database::Database& database, const io::Clock& clock,
                                                         ConnectorOf connector_of, Hooks hooks) {
  if (auto ready = store::migrate(database); !ready) return unexpected(ready.error());
  return std::unique_ptr<OrderBook>(new OrderBook(database, clock, std::move(connector_of), std::move(hooks)));
}

OrderBook::OrderBook(database::Database& database, const io::Clock& clock, ConnectorOf connector_of, Hooks hooks)
    : database_(database),
      clock_(clock),
      connector_of_(std::move(connector_of)),
      hooks_(std::move(hooks)),
      random_(io::entropy()) {}

std::string OrderBook::new_id() {
  core::MutexLock lock(mutex_);
  return make_ulid(clock_.now(), random_);
}

core::Status OrderBook::change(News& news, const database::Database::Work& work) {
  auto done = database_.transaction(work);
  if (!done) return done;
  for (const AuditNote& note : news.notes) {
    if (hooks_.audit) hooks_.audit(note);
  }
  if (news.event && hooks_.on_event) hooks_.on_event(*news.event);
  return {};
}

core::Status OrderBook::insert(Connection& c, WorkOrder& order, const std::string& rule_key, News& news) {
  order.id = new_id();
  order.reference = order.id.substr(0, kReferenceLength);
  order.state = OrderState::kProposed;
  order.version = 1;
  order.created = order.changed = clock_.now();
  order.connector = connector_of_(order.machine_path);
  if (auto added = store::add_order(c, order, rule_key, order.by_rule ? "raised by rule" : ""); !added) return added;
  news.notes.push_back({order.created_by, "work-order.propose", order.id,
                        fmt::format("{} {}: {}", order.machine, order.component, order.recommended_action)});
  return {};
}

core::Result<WorkOrder> OrderBook::create(WorkOrder order) {
  News news;
  auto done = change(news, [&](Connection& c) { return insert(c, order, "", news); });
  if (!done) return unexpected(done.error());
  return order;
}

core::Result<std::optional<WorkOrder>> OrderBook::raise(WorkOrder order, const std::string& rule_key, bool approve) {
  std::optional<WorkOrder> raised;
  News news;
  auto done = change(news, [&](Connection& c) -> core::Status {
    const auto open = store::has_open_order(c, order.machine, order.component, order.cause);
    if (!open) return unexpected(open.error());
    if (*open) return {};
    if (auto added = insert(c, order, rule_key, news); !added) return added;
    if (approve) {
      const Move approval{.to = OrderState::kApproved, .who = order.created_by, .note = "approved by rule"};
      if (auto moved = advance(c, order, approval, news); !moved) return moved;
    }
    raised = order;
    return store::save_condition(c, rule_key, {.active = true, .order = order.id});
  });
  if (!done) return unexpected(done.error());
  return raised;
}

core::Result<ConditionMemory> OrderBook::condition(const std::string& rule_key) const {
  return ask<ConditionMemory>(database_, [&](Connection& c) { return store::find_condition(c, rule_key); });
}

core::Status OrderBook::save_condition(const std::string& rule_key, const ConditionMemory& memory) {
  return database_.transaction([&](Connection& c) { return store::save_condition(c, rule_key, memory); });
}

core::Result<WorkOrder> OrderBook::find(std::string_view id) const {
  return ask<WorkOrder>(database_, [&](Connection& c) { return required(store::find_order(c, id), id); });
}

core::Result<std::vector<WorkOrder>> OrderBook::list(const OrderFilter& filter, const Sees& sees) const {
  return ask<std::vector<WorkOrder>>(database_, [&](Connection& c) { return store::list_orders(c, filter, sees); });
}

core::Result<std::vector<OrderChange>> OrderBook::changes(std::string_view id) const {
  return ask<std::vector<OrderChange>>(database_, [&](Connection& c) { return store::changes_of(c, id); });
}

core::Result<std::vector<Delivery>> OrderBook::deliveries(std::string_view id) const {
  return ask<std::vector<Delivery>>(database_, [&](Connection& c) { return store::deliveries_of(c, id); });
}

core::Status OrderBook::open_delivery(Connection& c, const WorkOrder& order) {
  const core::TimeNs now = clock_.now();
  return store::add_delivery(c, {.id = new_id(),
                                 .order = order.id,
                                 .connector = order.connector,
                                 .state = DeliveryState::kWaiting,
                                 .attempts = 0,
                                 .failures = 0,
                                 .created = now,
                                 .next = now,
                                 .last_error = {}});
}

// An order that may have reached the ERP is the ERP's to end.
core::Status OrderBook::cancel_deliveries(Connection& c, const WorkOrder& order) {
  auto deliveries = store::deliveries_of(c, order.id);
  if (!deliveries) return unexpected(deliveries.error());
  for (Delivery& delivery : *deliveries) {
    if (delivery.state == DeliveryState::kWaiting && delivery.attempts > 0) {
      return unexpected(ErrorCode::kConflict,
                        fmt::format("work order {} is on its way to {} and may have arrived: wait until it is "
                                    "sent, or end it there",
                                    order.id, delivery.connector));
    }
    if (delivery.state != DeliveryState::kWaiting && delivery.state != DeliveryState::kDead) continue;
    delivery.state = DeliveryState::kCancelled;
    if (auto saved = store::save_delivery(c, delivery); !saved) return saved;
  }
  return {};
}

core::Status OrderBook::record_event(Connection& c, const WorkOrder& order, const Move& move, News& news) {
  MaintenanceEvent event{.number = 0,
                         .id = new_id(),
                         .machine = order.machine,
                         .machine_path = order.machine_path,
                         .component = order.component,
                         .type = order.by_rule ? "predictive" : "corrective",
                         .occurred = move.occurred != 0 ? move.occurred : clock_.now(),
                         .technician = move.who,
                         .notes = order.findings,
                         .order = order.id};
  if (auto added = store::add_event(c, event); !added) return added;
  news.event = std::move(event);
  return {};
}

core::Status OrderBook::advance(Connection& c, WorkOrder& order, const Move& move, News& news) {
  if (!may_move(order.state, move.to)) {
    return unexpected(ErrorCode::kConflict, fmt::format("work order {} is {} and cannot become {}", order.id,
                                                        to_string(order.state), to_string(move.to)));
  }
  const OrderChange made{.version = ++order.version,
                         .time = clock_.now(),
                         .who = move.who,
                         .from = order.state,
                         .to = move.to,
                         .note = move.note};
  order.state = move.to;
  order.changed = made.time;
  if (move.to == OrderState::kDone) {
    order.findings = move.findings;
    order.spare_parts = move.spare_parts;
    order.downtime_min = move.downtime_min;
  }
  if (auto saved = store::save_order(c, order, made); !saved) return saved;
  news.notes.push_back({move.who, fmt::format("work-order.{}", to_string(move.to)), order.id, move.note});
  switch (move.to) {
    case OrderState::kApproved:
      return order.connector.empty() ? core::Status() : open_delivery(c, order);
    case OrderState::kRejected:
      return cancel_deliveries(c, order);
    case OrderState::kDone:
      return record_event(c, order, move, news);
    default:
      return {};
  }
}

core::Result<WorkOrder> OrderBook::move(std::string_view id, const Move& move) {
  std::optional<WorkOrder> moved;
  News news;
  auto done = change(news, [&](Connection& c) -> core::Status {
    auto order = required(store::find_order(c, id), id);
    if (!order) return unexpected(order.error());
    if (auto fits = check_version(*order, move.expected_version); !fits) return fits;
    // What is begun and ended here is not the ERP's; only the ERP rejects what it has.
    if (move.to == OrderState::kRejected && order->state > OrderState::kApproved && !order->connector.empty()) {
      return unexpected(ErrorCode::kConflict, fmt::format("work order {} is {} in {}: reject it there", order->id,
                                                          order->erp_id, order->connector));
    }
    if (auto advanced = advance(c, *order, move, news); !advanced) return advanced;
    // Work that began before the order was sent is not sent any more, unless it is under way already.
    if (move.to > OrderState::kSent && move.to != OrderState::kRejected) {
      if (auto cancelled = cancel_deliveries(c, *order); !cancelled) return cancelled;
    }
    moved = std::move(*order);
    return {};
  });
  if (!done) return unexpected(done.error());
  return std::move(*moved);
}

core::Result<WorkOrder> OrderBook::edit(std::string_view id, const Edit& edit) {
  std::optional<WorkOrder> edited;
  News news;
  auto done = change(news, [&](Connection& c) -> core::Status {
    auto order = required(store::find_order(c, id), id);
    if (!order) return unexpected(order.error());
    if (auto fits = check_version(*order, edit.expected_version); !fits) return fits;
    if (order->state != OrderState::kProposed) {
      return unexpected(ErrorCode::kConflict, fmt::format("work order {} is {}: only a proposed one can be edited",
                                                          order->id, to_string(order->state)));
    }
    if (edit.recommended_action) order->recommended_action = *edit.recommended_action;
    if (edit.priority) order->priority = *edit.priority;
    if (edit.predicted_failure) order->predicted_failure = *edit.predicted_failure;
    order->changed = clock_.now();
    ++order->version;
    const OrderChange made{.version = order->version,
                           .time = order->changed,
                           .who = edit.who,
                           .from = order->state,
                           .to = order->state,
                           .note = "edited"};
    if (auto saved = store::save_order(c, *order, made); !saved) return saved;
    news.notes.push_back({edit.who, "work-order.edit", order->id, ""});
    edited = std::move(*order);
    return {};
  });
  if (!done) return unexpected(done.error());
  return std::move(*edited);
}

// ---- deliveries --------------------------------------------------------------------------------------------------

core::Result<std::vector<Delivery>> OrderBook::due(const std::string& connector, std::size_t limit) const {
  return ask<std::vector<Delivery>>(
      database_, [&](Connection& c) { return store::due_deliveries(c, connector, clock_.now(), limit); });
}

core::Result<std::optional<Delivery>> OrderBook::begin_attempt(const std::string& id) {
  return ask<std::optional<Delivery>>(database_, [&](Connection& c) -> core::Result<std::optional<Delivery>> {
    auto found = store::find_delivery(c, id);
    if (!found || !*found) return found;
    if ((*found)->state != DeliveryState::kWaiting) return std::optional<Delivery>();
    ++(*found)->attempts;
    if (auto saved = store::save_delivery(c, **found); !saved) return unexpected(saved.error());
    return found;
  });
}

core::Status OrderBook::delivered(const Delivery& delivery, const ErpOrder& in_erp) {
  News news;
  return change(news, [&](Connection& c) -> core::Status {
    auto order = required(store::find_order(c, delivery.order), delivery.order);
    if (!order) return unexpected(order.error());
    Delivery done = delivery;
    done.state = DeliveryState::kDelivered;
    done.last_error.clear();
    if (auto saved = store::save_delivery(c, done); !saved) return saved;
    order->erp_id = in_erp.id;
    order->erp_state = in_erp.word;
    return advance(c, *order,
                   {.to = OrderState::kSent, .who = delivery.connector, .note = fmt::format("as {}", in_erp.id)}, news);
  });
}

core::Status OrderBook::failed(const Delivery& delivery) {
  News news;
  if (delivery.state == DeliveryState::kDead) {
    news.notes.push_back({delivery.connector, "work-order-delivery.dead", delivery.id, delivery.last_error});
  }
  return change(news, [&](Connection& c) { return store::save_delivery(c, delivery); });
}

core::Result<std::vector<WorkOrder>> OrderBook::to_poll(const std::string& connector, core::TimeNs before,
                                                        std::size_t limit) const {
  return ask<std::vector<WorkOrder>>(database_,
                                     [&](Connection& c) { return store::orders_to_poll(c, connector, before, limit); });
}

core::Status OrderBook::polled(const WorkOrder& known, const std::optional<ErpOrder>& in_erp) {
  News news;
  return change(news, [&](Connection& c) -> core::Status {
    const std::string word = in_erp ? in_erp->word : "";
    if (auto noted = store::set_polled(c, known.id, clock_.now(), word); !noted) return noted;
    if (!in_erp) return {};
    auto order = required(store::find_order(c, known.id), known.id);
    if (!order) return unexpected(order.error());
    if (!in_erp->state || !may_move(order->state, *in_erp->state)) return {};
    return advance(c, *order, {.to = *in_erp->state, .who = order->connector, .note = in_erp->word}, news);
  });
}

core::Result<std::vector<Delivery>> OrderBook::list_deliveries(std::optional<DeliveryState> state,
                                                               std::size_t limit) const {
  return ask<std::vector<Delivery>>(database_, [&](Connection& c) { return store::list_deliveries(c, state, limit); });
}

core::Result<Delivery> OrderBook::find_delivery(std::string_view id) const {
  return ask<Delivery>(database_, [&](Connection& c) { return required(store::find_delivery(c, id), id); });
}

core::Result<Delivery> OrderBook::retry(std::string_view id, const std::string& who) {
  std::optional<Delivery> again;
  News news;
  auto done = change(news, [&](Connection& c) -> core::Status {
    auto delivery = required(store::find_delivery(c, id), id);
    if (!delivery) return unexpected(delivery.error());
    if (delivery->state != DeliveryState::kDead) {
      return unexpected(ErrorCode::kConflict, fmt::format("delivery {} is {}: only a dead one can be sent again",
                                                          delivery->id, to_string(delivery->state)));
    }
    delivery->state = DeliveryState::kWaiting;
    delivery->failures = 0;
    delivery->next = clock_.now();
    if (auto saved = store::save_delivery(c, *delivery); !saved) return saved;
    news.notes.push_back({who, "work-order-delivery.retry", delivery->id, delivery->last_error});
    again = std::move(*delivery);
    return {};
  });
  if (!done) return unexpected(done.error());
  return std::move(*again);
}

std::int64_t OrderBook::count(const std::string& connector, DeliveryState state) const {
  const auto counted =
      ask<std::int64_t>(database_, [&](Connection& c) { return store::count_deliveries(c, connector, state); });
  return counted ? *counted : 0;
}

// ---- events ------------------------------------------------------------------------------------------------------

core::Result<MaintenanceEvent> OrderBook::add_event(MaintenanceEvent event, const std::string& who) {
  event.id = new_id();
  News news;
  auto done = change(news, [&](Connection& c) -> core::Status {
    if (auto added = store::add_event(c, event); !added) return added;
    news.notes.push_back({who, "maintenance-event.add", event.id, fmt::format("{}: {}", event.machine, event.type)});
    news.event = event;
    return {};
  });
  if (!done) return unexpected(done.error());
  return event;
}

core::Result<std::vector<MaintenanceEvent>> OrderBook::events(const EventFilter& filter, const Sees& sees) const {
  return ask<std::vector<MaintenanceEvent>>(database_,
                                            [&](Connection& c) { return store::list_events(c, filter, sees); });
}

}  // namespace millwright::maintenance
