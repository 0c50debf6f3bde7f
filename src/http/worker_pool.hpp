// WorkerPool: threads for requests that take long, so that they do not hold up the others.
//
// Threads: submit() from any thread, without waiting. stop() runs what is queued, then joins; jobs look at stopping()
// between steps and give up.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

#include "core/bounded_queue.hpp"

namespace millwright::http {

class WorkerPool {
 public:
  using Job = std::function<void()>;

  WorkerPool(std::size_t threads, std::size_t queue_len_max);  // a power of two
  ~WorkerPool();
  void start();
  void stop();
  // Forgets what was submitted while the pool stopped. After stop(), when nobody submits any more.
  void discard();
  // False where the queue is full or the pool has stopped.
  bool submit(Job job) { return queue_.try_push(job); }
  [[nodiscard]] bool stopping() const { return stopping_.load(std::memory_order_acquire); }

 private:
  void run();

  std::size_t thread_count_;
  core::BoundedQueue<Job> queue_;
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> threads_;
};

}  // namespace millwright::http
