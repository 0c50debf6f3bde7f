// What forwarding carries: a change of an alarm, or many readings, with an identity that lasts; and, of changes, the
// journal that they come from.
//
// Threads: values; a source is read by the lanes' threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace millwright::forwarding {

struct Event {
  std::uint64_t sequence = 0;     // of its record in the journal
  std::uint64_t id = 0;           // rises from event to event of the journal; of an alarm its version
  std::uint64_t lost_before = 0;  // events right before it that the journal no longer has
  std::string_view kind;          // "alarm"
  std::string machine;            // name, of readings the path; "" for the platform itself
  std::string component;
  std::string sensor;       // name, "" where it is of none
  std::string body;         // JSON
  std::string key{};        // the same at each repeat, and of this event alone, whatever becomes of the data folder
  std::uint64_t count = 1;  // changes or readings in it
  bool historical = false;  // from the backlog, while what is live goes before it
};

// A place in the journal: the last event that was dealt with.
struct Position {
  std::uint64_t sequence = 0;
  std::uint64_t id = 0;
  bool operator==(const Position&) const = default;
};

class EventSource {
 public:
  struct Batch {
    std::vector<Event> events;  // in order
    Position end;               // once all of them are dealt with
  };
  virtual ~EventSource() = default;
  // Up to `count_max` events after a place; only what is on disk, so that no event is told and then forgotten.
  [[nodiscard]] virtual core::Result<Batch> read(const Position& after, std::size_t count_max) const = 0;
  // Of all that there is, on disk or not yet.
  [[nodiscard]] virtual Position newest() const = 0;
};

}  // namespace millwright::forwarding
