// Transport: how events get to one receiver: a broker, a stream, a web address. It knows nothing of cursors, pauses or
// dead letters; its lane does.
//
// Threads: the lane's, one call at a time. Both calls return soon once `stopping` says true; a delivery that takes
// longer than a second tells how it stands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/result.hpp"
#include "forwarding/event.hpp"

namespace millwright::forwarding {

using Stopping = std::function<bool()>;

// What came of a delivery: how many of the first events the receiver has confirmed, and what became of the next one.
struct Delivery {
  enum class Fate : std::uint8_t {
    kRetry,    // nobody knows, or not now: again, later
    kRefused,  // the receiver will never take this one
  };
  struct Failure {
    Fate fate = Fate::kRetry;
    std::string reason;
  };
  // A part of a confirmed event that never got there: the receiver refused it, or it could not be sent at all.
  struct RefusedPart {
    std::size_t event = 0;  // below `delivered`
    std::string reason;
    std::string body;
    std::uint64_t count = 1;  // of the event's changes or readings
  };
  std::size_t delivered = 0;
  std::optional<Failure> failure;            // nothing: all were delivered
  std::vector<RefusedPart> refused_parts{};  // in the order of the events

  static Delivery retry(std::size_t delivered, std::string reason) {
    return {delivered, Failure{Fate::kRetry, std::move(reason)}};
  }
  static Delivery refused(std::size_t delivered, std::string reason) {
    return {delivered, Failure{Fate::kRefused, std::move(reason)}};
  }
};

class Transport {
 public:
  // How a delivery stands that is under way: "" while nothing is wrong, else what is, for a person.
  using Waiting = std::function<void(const std::string& trouble)>;

  virtual ~Transport() = default;
  // Whom it talks to, for a person; without secrets.
  [[nodiscard]] virtual std::string peer() const = 0;
  // Makes sure of the connection: before each delivery, and every few seconds while there is nothing to deliver.
  virtual core::Status connect(const Stopping& stopping) = 0;
  // Sends the events in order. By an event's key the receiver knows a repeat.
  virtual Delivery deliver(std::span<const Event> events, const Stopping& stopping) = 0;
  void when_waiting(Waiting waiting) { waiting_ = std::move(waiting); }

 protected:
  void tell(const std::string& trouble) const {
    if (waiting_) waiting_(trouble);
  }

 private:
  Waiting waiting_;
};

}  // namespace millwright::forwarding
