// Feed: what one lane brings to its receiver, and how far it has come: the place that is kept on disk.
//
// Threads: the lane's, but backlog(), which is for any. Errors: those of reading, worth trying again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"
#include "forwarding/event.hpp"

namespace millwright::forwarding {

// What waits.
struct Backlog {
  std::uint64_t count = 0;   // changes, or records of readings
  std::uint64_t bytes = 0;   // of readings, as they are kept
  core::DurationNs age = 0;  // of the oldest
  double bytes_per_s = 0;    // at which what waits behind the live readings is sent; 0: it is not
};

class Feed {
 public:
  enum class When : std::uint8_t { kSoon, kNow };
  struct Batch {
    std::vector<Event> events;  // in order
    std::uint64_t lost = 0;     // gone from the journal, or unreadable there, so that it never comes
    core::DurationNs wait = 0;  // after this batch, until there may be more
    std::string problem{};      // why something of it is lost, where that is known
  };
  virtual ~Feed() = default;
  // What comes after the place; only what is on disk, so that nothing is told and then forgotten. What was not dealt
  // with may come again, together with more.
  virtual core::Result<Batch> next() = 0;
  // This event of the batch is dealt with, and all before it; and the whole batch.
  virtual void pass(const Event& event) = 0;
  virtual void done() = 0;
  // The receiver was away: what it was told it may have forgotten.
  virtual void receiver_lost() {}
  // The place to disk; `kSoon`: unless that was done a moment ago.
  virtual core::Status keep(When when) = 0;
  [[nodiscard]] virtual Backlog backlog() const = 0;
  // What backlog and losses count, for a person.
  [[nodiscard]] virtual std::string_view unit() const = 0;
};

}  // namespace millwright::forwarding
