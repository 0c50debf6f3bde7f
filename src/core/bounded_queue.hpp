// BoundedQueue<T>: many producers, many consumers, fixed capacity, no lock on the way (D. Vyukov's bounded MPMC queue);
// a full queue pushes back on the producer. Waiting is a futex, taken only when there is nothing to do.
//
// Threads: any number on both sides. close() wakes everybody: push fails from then on, pop drains what is left.
// Limits: capacity is a power of two, given at construction, and never grows.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "core/assert.hpp"
#include "core/mutex.hpp"

namespace millwright::core {

template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t capacity) : mask_(capacity - 1), cells_(new Cell[capacity]) {
    ASSERT(capacity >= 2 && (capacity & mask_) == 0, "queue capacity must be a power of two");
    for (std::size_t i = 0; i < capacity; ++i) cells_[i].turn.store(i, std::memory_order_relaxed);
  }
  BoundedQueue(const BoundedQueue&) = delete;
  BoundedQueue& operator=(const BoundedQueue&) = delete;

  // False where full or closed; `item` is then untouched.
  bool try_push(T& item) {
    if (closed_.load(std::memory_order_acquire)) return false;
    if (!enqueue(item)) return false;
    wake(consumers_waiting_);
    return true;
  }

  // Waits for room. False where closed; `item` is then untouched.
  bool push(T& item) {
    while (!try_push(item)) {
      if (closed_.load(std::memory_order_acquire)) return false;
      sleep_until(
          producers_waiting_, [&] { return size() <= mask_; }, std::chrono::milliseconds(100));
    }
    return true;
  }

  std::optional<T> try_pop() {
    std::optional<T> item = dequeue();
    if (item) wake(producers_waiting_);
    return item;
  }

  // Waits up to `timeout` for an item. Empty on time-out, or closed and drained.
  std::optional<T> pop(std::chrono::nanoseconds timeout) {
    if (auto item = try_pop()) return item;
    if (!closed_.load(std::memory_order_acquire)) {
      sleep_until(
          consumers_waiting_, [&] { return size() != 0; }, timeout);
    }
    return try_pop();
  }

  void close() {
    closed_.store(true, std::memory_order_release);
    MutexLock lock(mutex_);
    changed_.notify_all();
  }
  [[nodiscard]] bool closed() const { return closed_.load(std::memory_order_acquire); }
  [[nodiscard]] std::size_t capacity() const { return mask_ + 1; }
  // How many items are inside; exact only while nobody pushes or pops.
  [[nodiscard]] std::size_t size() const {
    const std::size_t tail = tail_.load(std::memory_order_seq_cst);
    const std::size_t head = head_.load(std::memory_order_seq_cst);
    return head > tail ? head - tail : 0;
  }

 private:
  struct Cell {
    std::atomic<std::size_t> turn;
    T item;
  };

  // A cell's turn says whose it is: `at` a producer's, `at + 1` a consumer's.
  bool enqueue(T& item) {
    std::size_t at = head_.load(std::memory_order_relaxed);
    for (;;) {
      Cell& cell = cells_[at & mask_];
      const std::size_t turn = cell.turn.load(std::memory_order_acquire);
      if (turn == at) {
        if (head_.compare_exchange_weak(at, at + 1, std::memory_order_seq_cst, std::memory_order_relaxed)) {
          cell.item = std::move(item);
          cell.turn.store(at + 1, std::memory_order_release);
          return true;
        }
      } else if (turn < at) {
        return false;
      } else {
        at = head_.load(std::memory_order_relaxed);
      }
    }
  }
  std::optional<T> dequeue() {
    std::size_t at = tail_.load(std::memory_order_relaxed);
    for (;;) {
      Cell& cell = cells_[at & mask_];
      const std::size_t turn = cell.turn.load(std::memory_order_acquire);
      if (turn == at + 1) {
        if (tail_.compare_exchange_weak(at, at + 1, std::memory_order_seq_cst, std::memory_order_relaxed)) {
          std::optional<T> item(std::move(cell.item));
          cell.turn.store(at + mask_ + 1, std::memory_order_release);
          return item;
        }
      } else if (turn < at + 1) {
        return std::nullopt;
      } else {
        at = tail_.load(std::memory_order_relaxed);
      }
    }
  }

  // Whoever sleeps says so before it looks a last time, and whoever changes the queue looks at that afterwards; both in
  // one total order (seq_cst), so one of the two always sees the other.
  template <typename Ready>
  void sleep_until(std::atomic<int>& waiting, Ready ready, std::chrono::nanoseconds timeout) {
    MutexLock lock(mutex_);
    waiting.fetch_add(1, std::memory_order_seq_cst);
    if (!ready() && !closed_.load(std::memory_order_acquire)) changed_.wait_for(mutex_, timeout);
    waiting.fetch_sub(1, std::memory_order_seq_cst);
  }
  void wake(std::atomic<int>& waiting) {
    if (waiting.load(std::memory_order_seq_cst) == 0) return;
    MutexLock lock(mutex_);
    changed_.notify_all();
  }

  const std::size_t mask_;
  std::unique_ptr<Cell[]> cells_;
  alignas(64) std::atomic<std::size_t> head_{0};
  alignas(64) std::atomic<std::size_t> tail_{0};
  alignas(64) std::atomic<bool> closed_{false};
  std::atomic<int> consumers_waiting_{0};
  std::atomic<int> producers_waiting_{0};
  Mutex mutex_;
  Condition changed_;
};

}  // namespace millwright::core
