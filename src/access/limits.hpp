// How often somebody may try: sign-ins by name and by address, and reads by principal.
//
// LoginGuard: five wrong passwords are free, then each further one doubles the time until the next is looked at, from
// one second to a quarter of an hour. A name that is tried from many addresses and an address that tries many names are
// both held up; a right password clears the name (not the address). What is forgotten first is what is oldest.
//
// ReadLimiter: a bucket of tokens a principal, filled at a rate; a second's worth may be used at once.
//
// Threads: all of it from any thread. Limits: kTriedMax names and as many addresses, kPrincipalsMax buckets.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/mutex.hpp"
#include "core/time.hpp"
#include "io/clock.hpp"

namespace millwright::access {

class LoginGuard {
 public:
  static constexpr std::size_t kTriedMax = 10'000;
  static constexpr int kFree = 5;
  static constexpr int kFreeOfAddress = 20;  // many people may come from one
  static constexpr core::DurationNs kLongest = 15 * core::kMinute;

  explicit LoginGuard(const io::Clock& clock) : clock_(clock) {}
  // How long to wait before a try is looked at; 0: now. A try that may go on counts as wrong until passed() is called,
  // so that many at once gain nothing.
  [[nodiscard]] core::DurationNs begin(const std::string& name, const std::string& address);
  void passed(const std::string& name, const std::string& address);

 private:
  struct Tries {
    std::string who;
    int wrong = 0;
    core::TimeNs last = 0;
    core::TimeNs next = 0;  // before then nothing is looked at
  };
  // The most recent at the front.
  struct Table {
    std::list<Tries> order;
    std::unordered_map<std::string, std::list<Tries>::iterator> by_who;
    Tries& at(const std::string& who);
  };
  static void count(Tries& tries, int free, core::TimeNs now);

  const io::Clock& clock_;
  core::Mutex mutex_;
  Table names_ GUARDED_BY(mutex_);
  Table addresses_ GUARDED_BY(mutex_);
};

class ReadLimiter {
 public:
  static constexpr std::size_t kPrincipalsMax = 100'000;

  // 0: no limit.
  ReadLimiter(double per_second, const io::Clock& clock) : per_second_(per_second), clock_(clock) {}
  // Takes `cost` tokens; nothing where they are there, else how long until they are.
  [[nodiscard]] std::optional<core::DurationNs> take(std::string_view principal, double cost);

 private:
  struct Bucket {
    double tokens = 0;
    core::TimeNs filled = 0;
  };
  struct Shard {
    core::Mutex mutex;
    std::unordered_map<std::string, Bucket> buckets GUARDED_BY(mutex);
  };
  void forget_full(Shard& shard, core::TimeNs now) REQUIRES(shard.mutex);

  const double per_second_;
  const io::Clock& clock_;
  std::array<Shard, 8> shards_;
};

}  // namespace millwright::access
