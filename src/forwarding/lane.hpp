// Lane: brings the events of a feed to one receiver, in order, each at least once: pauses, dead letters, status.
//
//   The feed knows how far the receiver has come. A turn takes what follows, hands it to the transport, and tells the
//   feed what the receiver has confirmed. What is in doubt is sent again: after a failure, and after a crash.
//
// Threads: start(), begin_stop(), stop(), wake() and status() from any; turn() from the lane's own thread, or,
// unstarted, a test's. Errors: a receiver that is away is tried again for good, with growing pauses; an event that it
// refuses, or a part of one, goes to the dead letters with the reason, and the lane goes on. Limits: nothing waits in
// memory; what waits is in the journal.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "core/log.hpp"
#include "core/metrics.hpp"
#include "core/mutex.hpp"
#include "core/result.hpp"
#include "forwarding/dead_letters.hpp"
#include "forwarding/event.hpp"
#include "forwarding/feed.hpp"
#include "forwarding/transport.hpp"
#include "io/clock.hpp"
#include "io/file_system.hpp"
#include "io/random.hpp"

namespace millwright::forwarding {

struct LaneOptions {
  std::string name;
  std::string kind;                                       // "mqtt", "redis", "webhook"
  core::DurationNs retry_min = 500 * core::kMillisecond;  // pause before a new attempt; doubles up to retry_max
  core::DurationNs retry_max = 30 * core::kSecond;
  std::uint64_t dead_letters_bytes = 16 * 1024 * 1024;
  std::uint64_t seed = 0;  // of the pauses' spread; 0: from the operating system
};

enum class LaneState : std::uint8_t { kConnecting, kConnected, kBackingOff, kStopped };
std::string_view to_string(LaneState state);  // "connecting", …

struct LaneStatus {
  std::string name;
  std::string kind;
  LaneState state = LaneState::kStopped;
  std::string detail;           // for a person: whom it talks to, or why not
  core::TimeNs since = 0;       // of this state
  Backlog backlog;              // what waits
  std::uint64_t delivered = 0;  // changes or readings since the start; repeats too
  std::uint64_t dead = 0;       // refused, among the dead letters
  std::uint64_t lost = 0;       // gone from the journal, or unreadable there, before delivery; of readings, its records
  std::string last_error;       // "": none since the start
  core::TimeNs last_error_time = 0;
};

class Lane {
 public:
  // `directory` is there and its own, for dead letters; what it does not own outlives it.
  Lane(LaneOptions options, const std::string& directory, std::unique_ptr<Feed> feed,
       std::unique_ptr<Transport> transport, io::FileSystem& files, const io::Clock& clock, core::Metrics& metrics);
  ~Lane();  // stop()

  void start();
  // What is being sent may take seconds to give up: begin with all lanes, then wait for each.
  void begin_stop();
  void stop();
  // There may be something to read.
  void wake();
  // Connects and delivers what there is. Gives how long to wait before the next turn, unless woken.
  core::DurationNs turn();
  [[nodiscard]] LaneStatus status() const;

 private:
  void run();
  core::DurationNs deliver(const Feed::Batch& batch);
  void pass(const Event& event);
  void lose(std::uint64_t count);
  void bury(const Event& event, const std::string& reason);
  void bury(const Event& event, const Delivery::RefusedPart& part);
  void bury(const DeadLetter& letter, std::uint64_t count);
  void tell(const std::string& error);
  core::DurationNs back_off(const std::string& reason);
  void while_waiting(const std::string& trouble);
  void show_backlog();
  void set_state(LaneState state, std::string detail);
  void keep_place(Feed::When when);
  [[nodiscard]] bool stopping() const;

  const LaneOptions options_;
  std::unique_ptr<Feed> feed_;
  std::unique_ptr<Transport> transport_;
  const io::Clock& clock_;
  const std::shared_ptr<spdlog::logger> log_;
  core::Counter& delivered_total_;
  core::Counter& dead_total_;
  core::Counter& lost_total_;
  core::Counter& failures_total_;
  core::Gauge& backlog_gauge_;
  core::Gauge& backlog_bytes_;
  core::Gauge& backlog_age_;
  core::Gauge& connected_gauge_;

  // Of the lane's thread.
  DeadLetters dead_letters_;
  io::Random random_;
  bool place_kept_ = true;      // false: the place lags behind on disk and could not be written
  core::DurationNs pause_ = 0;  // the last one; 0: all is well
  core::TimeNs retry_at_ = 0;   // monotonic

  std::thread thread_;
  mutable core::Mutex mutex_;
  core::Condition changed_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool woken_ GUARDED_BY(mutex_) = false;
  LaneStatus status_ GUARDED_BY(mutex_);
};

}  // namespace millwright::forwarding
