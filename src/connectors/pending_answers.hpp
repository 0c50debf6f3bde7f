// PendingAnswers: write requests whose readings are on their way to the disk, and the answers that they will get.
//
// Threads: all of it from any thread. An answer is given once, by whoever comes first: the receipt, the time-out, or
// the end of the connector. It is shared with the receipts, which may outlive the connector; close() lets go of the
// connections, after which the server may end.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "core/mutex.hpp"
#include "core/time.hpp"
#include "http/message.hpp"

namespace millwright::connectors {

class PendingAnswers {
 public:
  // An id for give(); 0 once closed, and the exchange is let go.
  std::uint64_t add(std::shared_ptr<http::Exchange> exchange, core::TimeNs deadline) EXCLUDES(mutex_);
  // Where it has not been answered yet.
  bool give(std::uint64_t id, http::Response response) EXCLUDES(mutex_);
  // Answers those whose deadline has passed, and gives their number.
  std::size_t expire(core::TimeNs now, const http::Response& response) EXCLUDES(mutex_);
  // Waits up to `patience` for all to be answered, then answers those that are left.
  void close(core::DurationNs patience, const http::Response& response) EXCLUDES(mutex_);
  [[nodiscard]] std::size_t size() const EXCLUDES(mutex_);

 private:
  struct Waiting {
    std::shared_ptr<http::Exchange> exchange;
    core::TimeNs deadline = 0;
  };
  mutable core::Mutex mutex_;
  core::Condition none_left_;
  std::unordered_map<std::uint64_t, Waiting> waiting_ GUARDED_BY(mutex_);
  std::uint64_t last_id_ GUARDED_BY(mutex_) = 0;
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace millwright::connectors
