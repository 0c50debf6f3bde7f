#include "maintenance/desk.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "core/text.hpp"

namespace millwright::maintenance {
namespace {

constexpr double kHighProbability = 0.8;

// A NaN is neither beyond nor in the way of being over.
bool is_beyond(const Rule& rule, const Condition& now) {
  return now.failure_probability >= rule.probability.raise || now.health <= rule.health.raise;
}

bool is_over(const Rule& rule, const Condition& now) {
  return !(now.failure_probability > rule.probability.clear) && !(now.health < rule.health.clear);
}

core::TimeNs predicted_failure(const Rule& rule, const Condition& now) {
  if (now.remaining_life > 0) return now.time + now.remaining_life;
  return now.failure_probability >= rule.probability.raise && now.lookahead > 0 ? now.time + now.lookahead : 0;
}

Priority priority_of(const Rule& rule, const Condition& now) {
  if (now.remaining_life > 0 && now.remaining_life <= rule.lead_time) return Priority::kUrgent;
  const bool soon = now.remaining_life > 0 && now.remaining_life <= 2 * rule.lead_time;
  return soon || now.failure_probability >= kHighProbability ? Priority::kHigh : Priority::kMedium;
}

WorkOrder order_of(const Rule& rule, const Condition& now) {
  WorkOrder order;
  order.machine = now.machine;
  order.machine_path = now.machine_path;
  order.component = now.component;
  order.cause = now.cause;
  order.recommended_action = !rule.action.empty()
                                 ? rule.action
                                 : fmt::format("Inspect {}{}{}", now.component.empty() ? now.machine : now.component,
                                               now.cause.empty() ? "" : " for ", now.cause);
  order.priority = priority_of(rule, now);
  order.predicted_failure = predicted_failure(rule, now);
  order.lead_time = rule.lead_time;
  order.by_rule = true;
  order.created_by = "rule";
  nlohmann::json evidence = now.evidence.is_object() ? now.evidence : nlohmann::json{{"detail", now.evidence}};
  if (!std::isnan(now.failure_probability)) evidence["failure_probability"] = now.failure_probability;
  if (!std::isnan(now.health)) evidence["health"] = now.health;
  if (now.remaining_life > 0) evidence["remaining_life_h"] = static_cast<double>(now.remaining_life) / core::kHour;
  if (now.lookahead > 0) evidence["lookahead_days"] = static_cast<double>(now.lookahead) / (24.0 * core::kHour);
  order.evidence = evidence.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return order;
}

}  // namespace

Desk::Desk(const Options& options, const Parts& parts)
    : options_(options),
      raised_(parts.metrics.counter("millwright_work_orders_raised_total", "Work orders that rules have raised.")) {}

core::Result<std::unique_ptr<Desk>> Desk::open(const Options& options, Parts parts) {
  std::unique_ptr<Desk> desk(new Desk(options, parts));
  const auto connector_of = [&erps = desk->options_.erps](std::string_view path) {
    for (const ErpOptions& erp : erps) {
      if (core::glob_match(erp.machines, path)) return erp.name;
    }
    return std::string();
  };
  auto book = OrderBook::open(parts.database, parts.clock, connector_of, std::move(parts.hooks));
  if (!book) return core::unexpected(book.error().within("maintenance"));
  desk->book_ = std::move(*book);
  for (const ErpOptions& erp : desk->options_.erps) {
    desk->outboxes_.push_back(
        std::make_unique<Outbox>(erp, make_erp(erp, parts.clock), *desk->book_, parts.clock, parts.metrics));
  }
  return desk;
}

Desk::~Desk() {
  stop();
}

void Desk::start() {
  for (auto& outbox : outboxes_) outbox->start();
}

void Desk::stop() {
  for (auto& outbox : outboxes_) outbox->stop();
}

const Rule& Desk::rule_of(const Condition& condition) const {
  const std::string place = condition.machine_path + "/" + condition.component;
  for (const Rule& rule : options_.rules) {
    if (core::glob_match(rule.match, place) && core::glob_match(rule.cause, condition.cause)) return rule;
  }
  return options_.defaults;
}

core::Result<std::optional<WorkOrder>> Desk::observe(const Condition& now) {
  const Rule& rule = rule_of(now);
  const std::string key = fmt::format("{}|{}|{}", now.machine_path, now.component, now.cause);
  const bool beyond = is_beyond(rule, now);
  {
    core::MutexLock lock(quiet_mutex_);
    if (beyond) quiet_.erase(key);
    if (!beyond && quiet_.contains(key)) return std::optional<WorkOrder>();
  }
  auto memory = book_->condition(key);
  if (!memory) return core::unexpected(memory.error());
  const std::optional<WorkOrder> nothing;
  if (memory->active && is_over(rule, now)) {
    memory->active = false;
    if (auto saved = book_->save_condition(key, *memory); !saved) return core::unexpected(saved.error());
  }
  if (!beyond) {
    core::MutexLock lock(quiet_mutex_);
    if (!memory->active) quiet_.insert(key);
    return nothing;
  }
  if (!memory->order.empty()) {
    const auto last = book_->find(memory->order);
    if (!last) return core::unexpected(last.error());
    if (is_open(last->state)) return nothing;
    if (memory->active && last->state == OrderState::kRejected) return nothing;
    if (now.time - last->changed < rule.cool_down) return nothing;
  }
  auto raised = book_->raise(order_of(rule, now), key, rule.auto_approve);
  if (!raised || !*raised) return raised;
  raised_.Increment();
  if (rule.auto_approve) {
    for (auto& outbox : outboxes_) outbox->wake();
  }
  return raised;
}

core::Result<WorkOrder> Desk::move(std::string_view order, const Move& move) {
  auto moved = book_->move(order, move);
  if (!moved) return moved;
  for (auto& outbox : outboxes_) {
    if (outbox->name() == moved->connector) outbox->wake();
  }
  return moved;
}

core::Result<Delivery> Desk::retry(std::string_view delivery, const std::string& who) {
  auto again = book_->retry(delivery, who);
  for (auto& outbox : outboxes_) outbox->wake();
  return again;
}

std::vector<OutboxStatus> Desk::erps() const {
  std::vector<OutboxStatus> all;
  for (const auto& outbox : outboxes_) all.push_back(outbox->status());
  return all;
}

}  // namespace millwright::maintenance
