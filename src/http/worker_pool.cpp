#include "http/worker_pool.hpp"

#include <chrono>

namespace millwright::http {

WorkerPool::WorkerPool(std::size_t threads, std::size_t queue_len_max)
    : thread_count_(threads), queue_(queue_len_max) {}

WorkerPool::~WorkerPool() {
  stop();
}

void WorkerPool::start() {
  for (std::size_t i = 0; i < thread_count_; ++i) threads_.emplace_back([this] { run(); });
}

void WorkerPool::stop() {
  stopping_.store(true, std::memory_order_release);
  queue_.close();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void WorkerPool::discard() {
  while (queue_.try_pop()) {
  }
}

void WorkerPool::run() {
  while (!queue_.closed() || queue_.size() != 0) {
    if (auto job = queue_.pop(std::chrono::seconds(1))) (*job)();
  }
}

}  // namespace millwright::http
