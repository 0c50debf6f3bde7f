// A mutex that clang's thread-safety analysis understands. For control paths only; the hot way takes no lock.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define MILLWRIGHT_TSA(x) __attribute__((x))
#else
#define MILLWRIGHT_TSA(x)
#endif
#define CAPABILITY(x) MILLWRIGHT_TSA(capability(x))
#define SCOPED_CAPABILITY MILLWRIGHT_TSA(scoped_lockable)
#define GUARDED_BY(x) MILLWRIGHT_TSA(guarded_by(x))
#define REQUIRES(...) MILLWRIGHT_TSA(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) MILLWRIGHT_TSA(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) MILLWRIGHT_TSA(acquire_capability(__VA_ARGS__))
#define RELEASE(...) MILLWRIGHT_TSA(release_capability(__VA_ARGS__))

namespace millwright::core {

class CAPABILITY("mutex") Mutex {
 public:
  void lock() ACQUIRE() { mutex_.lock(); }
  void unlock() RELEASE() { mutex_.unlock(); }

 private:
  friend class Condition;
  std::mutex mutex_;
};

class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

class Condition {
 public:
  void wait(Mutex& mutex) REQUIRES(mutex) {
    std::unique_lock lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  // False when the time ran out first. Either way, look at what you wait for again.
  bool wait_for(Mutex& mutex, std::chrono::nanoseconds timeout) REQUIRES(mutex) {
    std::unique_lock lock(mutex.mutex_, std::adopt_lock);
    const bool notified = condition_.wait_for(lock, timeout) == std::cv_status::no_timeout;
    lock.release();
    return notified;
  }
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace millwright::core
