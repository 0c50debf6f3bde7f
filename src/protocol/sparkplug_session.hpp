// SparkplugSession: what a host application knows of one edge node (Sparkplug 3.0, chapters 5 and 6): whether it and
// its devices are alive, what its aliases mean, and that no message is missing.
//
// Messages that come out of order wait for what is missing, for `reorder`; then the node is asked for a rebirth. What
// belongs to no birth is not guessed at: it is dropped, and a rebirth asked for.
//
// Threads: one at a time. Limits: kHeldMax messages wait; kAliasesMax aliases a node.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "core/time.hpp"
#include "protocol/sparkplug.hpp"

namespace millwright::protocol::sparkplug {

struct SessionOptions {
  core::DurationNs reorder = 2 * core::kSecond;        // how long a gap may stay open
  core::DurationNs rebirth_every = 5 * core::kSecond;  // a node is not asked more often
};

// What a host does with one metric.
struct Update {
  std::string_view device;  // "": of the node itself
  std::string_view name;
  DataType type = DataType::kUnknown;
  const Metric& metric;
  core::TimeNs time = 0;  // the metric's, else the message's, else when it came
};

class SessionEvents {
 public:
  virtual ~SessionEvents() = default;
  virtual void update(const Update& update) = 0;
  // The device is gone ("": the node, and with it all of its devices).
  virtual void dead(std::string_view device) = 0;
  virtual void ask_rebirth() = 0;
};

class Session {
 public:
  static constexpr std::size_t kHeldMax = 255;
  static constexpr std::size_t kAliasesMax = 1'000'000;

  Session(SessionOptions options, SessionEvents& events) : options_(options), events_(events) {}

  // `now` is a monotonic time; `received` the clock's. False where the payload cannot be read.
  bool take(const Topic& topic, std::string_view payload, core::TimeNs now, core::TimeNs received);
  // Sees to gaps that stay open; call it now and then.
  void tick(core::TimeNs now);
  // The connection is lost: who is alive is unknown, and wills may have been missed.
  void forget();

  [[nodiscard]] bool alive() const { return alive_; }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  struct Known {
    std::string name;
    DataType type = DataType::kUnknown;
  };
  struct Device {
    bool alive = false;
    std::unordered_map<std::uint64_t, Known> aliases;
    std::unordered_map<std::string, DataType> types;
  };
  struct Held {
    MessageType type = MessageType::kNData;
    std::string device;
    std::string payload;
    core::TimeNs received = 0;
  };

  void take_birth(const Payload& payload, core::TimeNs received);
  void take_death(const Payload& payload);
  void take_in_order(MessageType type, std::string_view device, const Payload& payload, core::TimeNs now,
                     core::TimeNs received);
  void learn(Device& device, const Payload& payload);
  void give(std::string_view name, Device& device, const Payload& payload, core::TimeNs received);
  void release(core::TimeNs now);
  void want_rebirth(core::TimeNs now);

  const SessionOptions options_;
  SessionEvents& events_;
  bool alive_ = false;
  std::uint8_t expected_ = 0;
  std::optional<std::uint64_t> birth_;  // bdSeq of the birth
  std::map<std::string, Device, std::less<>> devices_;
  std::map<std::uint8_t, Held> held_;  // by sequence
  core::TimeNs gap_since_ = 0;
  std::optional<core::TimeNs> asked_;
  std::uint64_t dropped_ = 0;
};

}  // namespace millwright::protocol::sparkplug
