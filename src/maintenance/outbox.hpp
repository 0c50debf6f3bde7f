// Outbox: brings approved orders to one ERP, each exactly once, and asks how far they are.
//
// Exactly once: the delivery is on disk with the order's approval; an attempt is counted on disk before it is made; an
// ERP that knows idempotency keys gets the same key with every attempt; and before every attempt but the first the ERP
// is asked for an order with our reference. What remains is an ERP that knows no keys and still works on a request that
// timed out here: it has `retry_min` and its own speed to finish before it is asked.
//
// An ERP that does not answer is left in peace: after kBreakAfter failures in a row a single attempt is made every
// `break_for` until one succeeds. Nothing waits in memory: a crash at any point goes on where it was.
//
// Threads: one of its own between start() and stop(); step() without it, in tests. status() and wake() from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "core/metrics.hpp"
#include "core/mutex.hpp"
#include "io/clock.hpp"
#include "io/random.hpp"
#include "maintenance/erp.hpp"
#include "maintenance/options.hpp"
#include "maintenance/order_book.hpp"

namespace millwright::maintenance {

// Counts failures in a row, and says when the next attempt may be made. One owner; times are monotonic.
class CircuitBreaker {
 public:
  static constexpr int kBreakAfter = 5;

  explicit CircuitBreaker(core::DurationNs break_for) : break_for_(break_for) {}
  [[nodiscard]] bool is_open() const { return failures_ >= kBreakAfter; }
  [[nodiscard]] bool permits(core::TimeNs now) const { return !is_open() || now >= until_; }
  void succeeded() { failures_ = 0; }
  void failed(core::TimeNs now) {
    ++failures_;
    until_ = now + break_for_;
  }

 private:
  const core::DurationNs break_for_;
  int failures_ = 0;
  core::TimeNs until_ = 0;
};

// The pause after so many attempts: doubling from retry_min to retry_max, each with up to half of it by chance, so that
// plants that lost the same ERP do not come back at once.
core::DurationNs pause_after(std::int64_t attempts, const ErpOptions& options, double chance);

struct OutboxStatus {
  std::string name;
  std::string kind;
  std::string state;  // "connected", "retrying", "broken" (circuit open), "idle"
  std::string last_error;
  core::TimeNs last_error_time = 0;
  std::int64_t waiting = 0;
  std::int64_t dead = 0;
  std::uint64_t delivered = 0;  // since the start
};

class Outbox {
 public:
  // `book` and `clock` outlive it.
  Outbox(const ErpOptions& options, std::unique_ptr<Erp> erp, OrderBook& book, const io::Clock& clock,
         core::Metrics& metrics);
  ~Outbox();  // stops

  void start();
  void stop();
  void wake();
  // Whatever is due now; true where something was done.
  bool step();
  [[nodiscard]] OutboxStatus status() const;
  [[nodiscard]] const std::string& name() const { return options_.name; }

 private:
  void run();
  bool deliver_due();
  bool deliver(Delivery delivery);
  core::Result<ErpOrder> send(const Delivery& delivery, const WorkOrder& order);
  bool give_back(Delivery delivery, const core::Error& error);
  bool poll();
  void note(std::string state, std::string error = {});

  const ErpOptions options_;
  const std::unique_ptr<Erp> erp_;
  OrderBook& book_;
  const io::Clock& clock_;
  core::Counter& delivered_;
  core::Counter& retried_;
  core::Counter& dead_;
  io::Random random_;
  CircuitBreaker breaker_;
  std::atomic<bool> stopping_{false};
  const Erp::Stopping stop_asked_;
  core::TimeNs next_poll_ = 0;
  mutable core::Mutex mutex_;
  core::Condition condition_;
  bool woken_ GUARDED_BY(mutex_) = false;
  OutboxStatus status_ GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace millwright::maintenance
