#include "connectors/pending_answers.hpp"

#include <chrono>
#include <utility>
#include <vector>

namespace millwright::connectors {

using core::MutexLock;

std::uint64_t PendingAnswers::add(std::shared_ptr<http::Exchange> exchange, core::TimeNs deadline) {
  MutexLock lock(mutex_);
  if (closed_) return 0;
  waiting_.emplace(++last_id_, Waiting{std::move(exchange), deadline});
  return last_id_;
}

bool PendingAnswers::give(std::uint64_t id, http::Response response) {
  std::shared_ptr<http::Exchange> exchange;
  {
    MutexLock lock(mutex_);
    const auto found = waiting_.find(id);
    if (found == waiting_.end()) return false;
    exchange = std::move(found->second.exchange);
    waiting_.erase(found);
    // Under the lock, so that close() does not end before the answer is on its way.
    exchange->respond(std::move(response));
    if (waiting_.empty()) none_left_.notify_all();
  }
  return true;
}

std::size_t PendingAnswers::expire(core::TimeNs now, const http::Response& response) {
  std::vector<std::uint64_t> late;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, waiting] : waiting_) {
      if (waiting.deadline <= now) late.push_back(id);
    }
  }
  std::size_t given = 0;
  for (const std::uint64_t id : late) given += give(id, response) ? 1 : 0;
  return given;
}

void PendingAnswers::close(core::DurationNs patience, const http::Response& response) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::nanoseconds(patience);
  MutexLock lock(mutex_);
  while (!waiting_.empty()) {
    const auto left = end - std::chrono::steady_clock::now();
    if (left <= std::chrono::nanoseconds(0)) break;
    none_left_.wait_for(mutex_, left);
  }
  closed_ = true;
  for (auto& [id, waiting] : waiting_) waiting.exchange->respond(response);
  waiting_.clear();
}

std::size_t PendingAnswers::size() const {
  MutexLock lock(mutex_);
  return waiting_.size();
}

}  // namespace millwright::connectors
