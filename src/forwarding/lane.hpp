// Lane: brings the events of a source to one receiver, in order, each at least once: cursor, pauses, dead letters.
//
//   A cursor on disk says how far it has come. A turn reads what follows it, hands it to the transport, and moves the
//   cursor over what the receiver has confirmed. What is in doubt is sent again: after a failure, and after a crash.
//
// Threads: start(), begin_stop(), stop(), wake() and status() from any; turn() from the lane's own thread, or,
// unstarted, a test's. Errors: a receiver that is away is tried again for good, with growing pauses; an event that it
// refuses goes to the dead letters with the reason, and the lane goes on. Limits: nothing waits in memory; what waits
// is in the journal.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "core/log.hpp"
#include "core/metrics.hpp"
#include "core/mutex.hpp"
#include "core/result.hpp"
#include "forwarding/cursor.hpp"
#include "forwarding/dead_letters.hpp"
#include "forwarding/event.hpp"
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
  std::uint64_t backlog = 0;    // events that wait
  std::uint64_t delivered = 0;  // since the start; repeats too
  std::uint64_t dead = 0;       // refused, among the dead letters
  std::uint64_t lost = 0;       // gone from the journal before they were delivered
  std::string last_error;       // "": none since the start
  core::TimeNs last_error_time = 0;
};

class Lane {
 public:
  // `directory` is its own and is made; the rest outlives it. A new output begins with what comes from now on.
  static core::Result<std::unique_ptr<Lane>> open(LaneOptions options, std::string directory, const EventSource& source,
                                                  std::unique_ptr<Transport> transport, io::FileSystem& files,
                                                  const io::Clock& clock, core::Metrics& metrics);
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
  Lane(LaneOptions options, std::string directory, const EventSource& source, std::unique_ptr<Transport> transport,
       io::FileSystem& files, const io::Clock& clock, core::Metrics& metrics);
  core::Status find_place();
  void run();
  core::DurationNs deliver(const EventSource::Batch& batch);
  void pass(const Event& event);
  void bury(const Event& event, const std::string& reason);
  core::DurationNs back_off(const std::string& reason);
  void set_state(LaneState state, std::string detail);
  void keep_place();
  [[nodiscard]] bool stopping() const;

  const LaneOptions options_;
  const std::string directory_;
  const EventSource& source_;
  std::unique_ptr<Transport> transport_;
  io::FileSystem& files_;
  const io::Clock& clock_;
  const std::shared_ptr<spdlog::logger> log_;
  core::Counter& delivered_total_;
  core::Counter& dead_total_;
  core::Counter& lost_total_;
  core::Counter& failures_total_;
  core::Gauge& backlog_gauge_;
  core::Gauge& connected_gauge_;

  // Of the lane's thread.
  DeadLetters dead_letters_;
  io::Random random_;
  Cursor cursor_;
  bool place_kept_ = true;      // false: the cursor's file lags behind and could not be written
  core::DurationNs pause_ = 0;  // the last one; 0: all is well
  core::TimeNs retry_at_ = 0;   // monotonic

  std::thread thread_;
  mutable core::Mutex mutex_;
  core::Condition changed_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool woken_ GUARDED_BY(mutex_) = false;
  std::uint64_t told_id_ GUARDED_BY(mutex_) = 0;  // of the cursor, for status()
  LaneStatus status_ GUARDED_BY(mutex_);
};

}  // namespace millwright::forwarding
