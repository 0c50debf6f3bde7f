// Session: what a host application knows of one edge node (Sparkplug 3.0, chapters 5 and 6): whether it and its devices
// are alive, what its aliases mean, and that no message is missing.
//
// Messages that come out of order wait for what is missing, for `reorder`; then they are taken as they are, and the
// node is asked for a rebirth. An alias that no birth has told is not guessed at: it is counted, and a rebirth asked
// for; a metric with name and type speaks for itself, but of who is not born it says nothing of now. A node that does
// not answer, or whose births do not say what it then uses, is asked ever less often, until a minute went well.
//
// Threads: one at a time. Limits: kHeldMax messages of kHeldBytesMax together wait; kAliasesMax aliases a device.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "core/result.hpp"
#include "core/time.hpp"
#include "protocol/sparkplug.hpp"

namespace millwright::protocol::sparkplug {

struct SessionOptions {
  core::DurationNs reorder = 2 * core::kSecond;        // how long a gap may stay open
  core::DurationNs rebirth_every = 5 * core::kSecond;  // how soon a node is asked again, at first
  std::size_t unpacked_bytes_max = kUnpackedBytesMax;  // of a compressed payload
};

// What a host does with one metric.
struct Update {
  std::string_view device;  // "": of the node itself
  std::string_view name;
  DataType type = DataType::kUnknown;
  const Metric& metric;
  core::TimeNs time = 0;  // the metric's, else the message's, else when it came
  bool birth = false;     // how things stand, which may have been said before
  bool unborn = false;    // its node or device is not there, for all that is known: it tells of the past
};

class SessionEvents {
 public:
  virtual ~SessionEvents() = default;
  virtual void update(const Update& update) = 0;
  // The device is there ("": the node itself); its metrics come as updates.
  virtual void born(std::string_view device, const Payload& payload) = 0;
  // The device is gone ("": the node, and with it all of its devices).
  virtual void dead(std::string_view device) = 0;
  virtual void ask_rebirth() = 0;
};

class Session {
 public:
  static constexpr std::size_t kHeldMax = 255;
  static constexpr std::size_t kHeldBytesMax = std::size_t{4} << 20;
  static constexpr std::size_t kAliasesMax = 100'000;
  static constexpr core::DurationNs kRebirthPauseMax = core::kMinute;
  static constexpr core::DurationNs kCalm =
      core::kMinute;  // nothing wanted for so long: asked as if for the first time

  Session(SessionOptions options, SessionEvents& events) : options_(options), events_(events) {}

  // `now` is a monotonic time; `received` the clock's. An error where the payload cannot be read.
  core::Status take(const Topic& topic, std::string_view payload, core::TimeNs now, core::TimeNs received);
  // Sees to gaps that stay open and devices that are not born again; call it now and then.
  void tick(core::TimeNs now);
  // The connection is lost: who is alive is unknown, and wills may have been missed.
  void forget(core::TimeNs now);
  // Asks; where it was asked lately, tick() does, unless the node is born before.
  void want_rebirth(core::TimeNs now);

  [[nodiscard]] bool alive() const { return alive_; }
  // Of a metric that a birth has told, of a device ("": the node itself) that is there.
  [[nodiscard]] std::optional<DataType> type_of(std::string_view device, const std::string& metric) const;
  // Of a part of such a metric, "motor/speed" (sparkplug_structure.hpp), as the birth had it.
  [[nodiscard]] DataType type_of_part(std::string_view device, const std::string& part) const;
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }    // metrics whose alias nobody knows
  [[nodiscard]] std::uint64_t repeated() const { return repeated_; }  // messages that came again
  [[nodiscard]] std::uint64_t missing() const { return missing_; }    // messages that never came

 private:
  struct Known {
    std::string name;
    DataType type = DataType::kUnknown;
  };
  struct Device {
    bool alive = false;
    std::optional<core::TimeNs> awaited;  // after the node's birth: by when it is to be born again
    std::unordered_map<std::uint64_t, Known> aliases;
    std::unordered_map<std::string, DataType> types;
    std::unordered_map<std::string, DataType> parts;  // of templates
  };
  struct Held {
    MessageType type = MessageType::kNData;
    std::string device;
    std::string payload;
    core::TimeNs received = 0;
  };

  void pass_over(const Topic& topic, std::string_view payload);
  void take_birth(const Payload& payload, core::TimeNs now, core::TimeNs received);
  void take_death(const Payload& payload, core::TimeNs now);
  void take_in_order(MessageType type, std::string_view device, const Payload& payload, core::TimeNs now,
                     core::TimeNs received);
  void take_data(std::string_view device, const Payload& payload, core::TimeNs now, core::TimeNs received);
  void learn(Device& device, const Payload& payload);
  void give_birth(std::string_view name, const Payload& payload, core::TimeNs received);
  [[nodiscard]] bool repeats(std::uint8_t sequence, std::string_view payload);
  void hold(const Topic& topic, std::uint8_t sequence, std::string_view payload, core::TimeNs now,
            core::TimeNs received);
  void release(core::TimeNs now);
  void take_held(core::TimeNs now);
  void give_up_gap(core::TimeNs now);
  void end_life(core::TimeNs now);
  void ask(core::TimeNs now);

  const SessionOptions options_;
  SessionEvents& events_;
  bool alive_ = false;
  std::uint8_t expected_ = 0;
  std::optional<std::uint64_t> birth_;  // bdSeq of the birth
  std::map<std::string, Device, std::less<>> devices_;
  std::map<std::uint8_t, Held> held_;  // by sequence
  std::size_t held_bytes_ = 0;
  std::array<std::size_t, 256> seen_{};  // by sequence: a hash of the last message
  core::TimeNs gap_since_ = 0;
  std::optional<core::TimeNs> asked_;
  std::optional<core::TimeNs> troubled_;  // when a rebirth was last wanted
  core::DurationNs pause_ = 0;
  bool waiting_ = false;  // a rebirth is wanted, and was asked for too lately
  std::uint64_t dropped_ = 0;
  std::uint64_t repeated_ = 0;
  std::uint64_t missing_ = 0;
};

}  // namespace millwright::protocol::sparkplug
