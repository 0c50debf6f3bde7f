// Subscriber: one connection to a broker that receives, and acknowledges when its owner says so: what was received and
// not acknowledged the broker sends again after a loss, also to the next process. It never comes back by itself.
//
//   auto subscriber = Subscriber::open(options, {.filters = {"plant/#"}}, {}, take, stopping);
//   while (…) {
//     auto received = subscriber->receive(50 * kMillisecond, 1000);   // calls `take` for each
//     if (all of it is safe) subscriber->acknowledge();
//   }
//
// How: libmosquitto queues an acknowledgement before it hands a message over, and writes its queue only when it is told
// to; so it is told to write only while nothing is held. Pings wait with it: who holds for longer than the keep-alive
// loses the connection, and gets all of it again.
//
// Threads: its owner's alone; `take` is called within open() and receive(). Errors: kUnavailable, kTimeout; the
// connection has then ended. Limits: kHeldMax messages at QoS 1 before the broker waits (MQTT 5; a 3.1.1 broker has a
// limit of its own, mosquitto's is 20).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "mqtt/handle.hpp"

struct mosquitto_message;
struct mqtt5__property;

namespace millwright::mqtt {

struct Received {
  std::string_view topic;
  std::string_view payload;
  bool retained = false;  // what the broker kept, not what was sent now
};

struct Subscription {
  std::vector<std::string> filters;  // "plant/+/data", "$share/group/plant/#"
  // How long the broker keeps what comes while nobody is there (MQTT 5; a 3.1.1 broker for ever). 0: not at all.
  core::DurationNs session_expiry = 0;
  std::uint32_t payload_bytes_max = 0;  // the broker drops what is longer (MQTT 5)
};

class Subscriber {
 public:
  static constexpr int kHeldMax = 65535;
  using Take = std::function<void(const Received&)>;

  // Waits until the broker has said yes; it is asked for the filters at once, and a refusal of one is a fault of a
  // later call. `options` outlive it.
  static core::Result<std::unique_ptr<Subscriber>> open(const Options& options, const Subscription& subscription,
                                                        const Presence& presence, Take take, const Stopping& stopping);
  // Says goodbye where it can; the broker keeps the session.
  ~Subscriber();

  // Takes what is there, up to about `messages_max`; where there is nothing, waits for up to `timeout`.
  core::Result<std::size_t> receive(core::DurationNs timeout, std::size_t messages_max);
  // All that was taken so far.
  core::Status acknowledge();
  [[nodiscard]] bool subscribed() const { return granted_ == filters_.size(); }
  [[nodiscard]] std::size_t held() const { return held_; }
  // QoS 0, behind what is held.
  core::Status publish(const std::string& topic, std::string_view payload);
  // Says again that it is there: somebody has said otherwise.
  core::Status announce();

 private:
  Subscriber(const Options& options, std::vector<std::string> filters, Presence presence, Take take)
      : options_(options), filters_(std::move(filters)), presence_(std::move(presence)), take_(std::move(take)) {}
  core::Status connect(const Subscription& subscription);
  void subscribe();
  core::Status turn(core::DurationNs timeout, std::size_t messages_max);
  core::Status checked(int code);

  static void on_connect(mosquitto* client, void* self, int code, int flags, const mqtt5__property* properties);
  static void on_disconnect(mosquitto* client, void* self, int code, const mqtt5__property* properties);
  static void on_subscribe(mosquitto* client, void* self, int message, int count, const int* granted,
                           const mqtt5__property* properties);
  static void on_message(mosquitto* client, void* self, const mosquitto_message* message,
                         const mqtt5__property* properties);

  const Options& options_;
  const std::vector<std::string> filters_;
  const Presence presence_;
  const Take take_;
  Handle client_;
  bool up_ = false;
  std::size_t granted_ = 0;  // filters
  std::string fault_;
  std::size_t received_ = 0;
  std::size_t held_ = 0;
};

}  // namespace millwright::mqtt
