// Snapshot<T>: a value that readers use while a writer puts a new one in its place (configuration, models).
// Build the new value beside the old, validate it, swap; the old one is freed when its last reader lets go.
//
// Threads: get() and set() from any thread. A reader keeps what it got for as long as it holds the pointer.
#pragma once

#include <memory>
#include <utility>

#include "core/mutex.hpp"

namespace millwright::core {

template <typename T>
class Snapshot {
 public:
  explicit Snapshot(std::shared_ptr<const T> value) : value_(std::move(value)) {}

  [[nodiscard]] std::shared_ptr<const T> get() const {
    MutexLock lock(mutex_);
    return value_;
  }
  // Puts `value` in place and returns the one it replaces, so that nothing is freed under the lock.
  std::shared_ptr<const T> set(std::shared_ptr<const T> value) {
    MutexLock lock(mutex_);
    std::swap(value_, value);
    return value;
  }

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const T> value_ GUARDED_BY(mutex_);
};

}  // namespace millwright::core
