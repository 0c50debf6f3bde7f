#include "maintenance/outbox.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "core/log.hpp"

namespace millwright::maintenance {
namespace {

constexpr std::size_t kDueMax = 50;
constexpr std::size_t kPollMax = 50;
constexpr core::DurationNs kNap = 200 * core::kMillisecond;
constexpr int kDoublingsMax = 30;

core::Counter& counter(core::Metrics& metrics, const std::string& connector, const char* outcome) {
  return metrics.counter("millwright_work_order_deliveries_total",
                         "Deliveries of work orders to an ERP, by what came "
                         "of them.",
                         {{"connector", connector}, {"outcome", outcome}});
}

}  // namespace

core::DurationNs pause_after(std::int64_t attempts, const ErpOptions& options, double chance) {
  const auto doublings = std::clamp<std::int64_t>(attempts - 1, 0, kDoublingsMax);
  const double full = std::min(static_cast<double>(options.retry_min) * std::exp2(static_cast<double>(doublings)),
                               static_cast<double>(options.retry_max));
  return static_cast<core::DurationNs>(full * (1 + chance / 2));
}

Outbox::Outbox(const ErpOptions& options, std::unique_ptr<Erp> erp, OrderBook& book, const io::Clock& clock,
               core::Metrics& metrics)
    : options_(options),
      erp_(std::move(erp)),
      book_(book),
      clock_(clock),
      delivered_(counter(metrics, options.name, "delivered")),
      retried_(counter(metrics, options.name, "retried")),
      dead_(counter(metrics, options.name, "dead")),
      random_(io::entropy()),
      breaker_(options.break_for),
      stop_asked_([this] { return stopping_.load(); }) {
  core::MutexLock lock(mutex_);
  status_.name = options_.name;
  status_.kind = options_.kind;
  status_.state = "idle";
}

Outbox::~Outbox() {
  stop();
}

void Outbox::start() {
  stopping_ = false;
  thread_ = std::thread([this] { run(); });
}

void Outbox::stop() {
  stopping_ = true;
  wake();
  if (thread_.joinable()) thread_.join();
}

void Outbox::wake() {
  core::MutexLock lock(mutex_);
  woken_ = true;
  condition_.notify_all();
}

void Outbox::run() {
  while (!stopping_) {
    const bool busy = step();
    core::MutexLock lock(mutex_);
    if (!busy && !woken_ && !stopping_) condition_.wait_for(mutex_, std::chrono::nanoseconds(kNap));
    woken_ = false;
  }
}

bool Outbox::step() {
  if (!breaker_.permits(clock_.monotonic())) return false;
  const bool delivered = deliver_due();
  return poll() || delivered;
}

bool Outbox::deliver_due() {
  auto due = book_.due(options_.name, kDueMax);
  if (!due) {
    note("retrying", due.error().message);
    return false;
  }
  bool any = false;
  for (Delivery& delivery : *due) {
    if (stopping_ || !breaker_.permits(clock_.monotonic())) break;
    any = deliver(std::move(delivery)) || any;
  }
  return any;
}

// False where the database, not the ERP, is what fails.
bool Outbox::deliver(Delivery delivery) {
  const auto stuck = [this](const core::Error& error) {
    note("retrying", error.message);
    return false;
  };
  const auto order = book_.find(delivery.order);
  if (!order) return stuck(order.error());
  auto begun = book_.begin_attempt(delivery.id);
  if (!begun) return stuck(begun.error());
  if (!*begun) return true;  // cancelled meanwhile
  delivery = std::move(**begun);
  const auto sent = send(delivery, *order);
  if (!sent) return give_back(std::move(delivery), sent.error());
  breaker_.succeeded();
  if (auto kept = book_.delivered(delivery, *sent); !kept) return stuck(kept.error());
  delivered_.Increment();
  {
    core::MutexLock lock(mutex_);
    ++status_.delivered;
  }
  note("connected");
  core::logger("maintenance")->info("work order {} is {} in {}", order->id, sent->id, options_.name);
  return true;
}

core::Result<ErpOrder> Outbox::send(const Delivery& delivery, const WorkOrder& order) {
  if (delivery.attempts > 1) {
    auto known = erp_->find(order.reference, stop_asked_);
    if (!known) return core::unexpected(known.error().within("look-up"));
    if (*known) return std::move(**known);
  }
  return erp_->create(order, delivery.id, stop_asked_);
}

bool Outbox::give_back(Delivery delivery, const core::Error& error) {
  const core::TimeNs now = clock_.now();
  const bool answered = error.code == core::ErrorCode::kInvalid || error.code == core::ErrorCode::kIo;
  if (error.code != core::ErrorCode::kInvalid) breaker_.failed(clock_.monotonic());
  if (answered) ++delivery.failures;
  const bool dead = error.code == core::ErrorCode::kInvalid || delivery.failures >= options_.failures_max;
  delivery.state = dead ? DeliveryState::kDead : DeliveryState::kWaiting;
  delivery.next = now + pause_after(delivery.attempts, options_, random_.uniform());
  delivery.last_error = error.message;
  const auto kept = book_.failed(delivery);
  (dead ? dead_ : retried_).Increment();
  if (dead) {
    core::logger("maintenance")
        ->error("{}: delivery {} of work order {} is dead: {}", options_.name, delivery.id, delivery.order,
                error.message);
  } else if (delivery.attempts == 1) {
    core::logger("maintenance")
        ->warn("{}: {}; work order {} is sent again", options_.name, error.message, delivery.order);
  }
  note(breaker_.is_open() ? "broken" : "retrying", error.message);
  return kept.has_value();
}

bool Outbox::poll() {
  if (stopping_ || clock_.monotonic() < next_poll_) return false;
  const auto orders = book_.to_poll(options_.name, clock_.now() - options_.poll, kPollMax);
  if (!orders) {
    note("retrying", orders.error().message);
    return false;
  }
  // Another page at once where this one is full.
  next_poll_ = clock_.monotonic() + (orders->size() == kPollMax ? 0 : std::min(options_.poll, core::kSecond));
  bool any = false;
  for (const WorkOrder& order : *orders) {
    if (stopping_ || !breaker_.permits(clock_.monotonic())) break;
    auto said = erp_->read(order, stop_asked_);
    if (said) {
      breaker_.succeeded();
      note("connected");
    } else {
      breaker_.failed(clock_.monotonic());
      note(breaker_.is_open() ? "broken" : "retrying", said.error().message);
    }
    const auto kept = book_.polled(order, said ? std::optional(*said) : std::nullopt);
    if (!kept) note("retrying", kept.error().message);
    any = any || said.has_value();
  }
  return any;
}

void Outbox::note(std::string state, std::string error) {
  core::MutexLock lock(mutex_);
  status_.state = std::move(state);
  if (error.empty()) return;
  status_.last_error = std::move(error);
  status_.last_error_time = clock_.now();
}

OutboxStatus Outbox::status() const {
  OutboxStatus status;
  {
    core::MutexLock lock(mutex_);
    status = status_;
  }
  status.waiting = book_.count(options_.name, DeliveryState::kWaiting);
  status.dead = book_.count(options_.name, DeliveryState::kDead);
  return status;
}

}  // namespace millwright::maintenance
