// Publisher: one connection to a broker, by libmosquitto, from the first byte to the last: it never comes back by
// itself, so that nothing is sent twice behind anybody's back.
//
// Threads: one owner, and libmosquitto's own, which calls back.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/mutex.hpp"
#include "core/result.hpp"
#include "mqtt/handle.hpp"

struct mosquitto_message;
struct mqtt5__property;

namespace millwright::mqtt {

class Publisher {
 public:
  // Waits until the broker has answered. `options` outlive it.
  static core::Result<std::unique_ptr<Publisher>> open(const Options& options, const Presence& presence,
                                                       const Stopping& stopping);
  // Says goodbye where it can.
  ~Publisher();

  struct Message {
    const std::string& topic;
    const std::string& body;
    std::string id = {};  // a user property of MQTT 5
    bool retain = false;
    int qos = 1;
  };
  // The message's number, by which it is acknowledged (at QoS 1).
  core::Result<int> publish(const Message& message) EXCLUDES(mutex_);
  // The broker's reason code for a message; nothing: not yet.
  [[nodiscard]] std::optional<int> acknowledged(int message) const EXCLUDES(mutex_);
  // Few and short messages for this client itself, such as commands; kInboxMax wait at most, then the newest are lost.
  static constexpr std::size_t kInboxMax = 1000;
  struct Received {
    std::string topic;
    std::string payload;
  };
  core::Status subscribe(const std::string& filter);
  std::vector<Received> take_inbox() EXCLUDES(mutex_);
  // Waits for news: a message, an acknowledgement, or the end.
  void wait(core::DurationNs timeout) EXCLUDES(mutex_);
  // Empty while the connection is there; else why it is not.
  [[nodiscard]] std::string fault() const EXCLUDES(mutex_);
  // Before a new batch: forgets the acknowledgements of the one before.
  void forget() EXCLUDES(mutex_);

 private:
  Publisher(const Options& options, Presence presence) : options_(options), presence_(std::move(presence)) {}
  core::Status connect();
  core::Status await_answer(const Stopping& stopping) EXCLUDES(mutex_);
  void say(const std::string& state);
  void end(std::string why) EXCLUDES(mutex_);

  static void on_connect(mosquitto* client, void* self, int code, int flags, const mqtt5__property* properties);
  static void on_disconnect(mosquitto* client, void* self, int code, const mqtt5__property* properties);
  static void on_message(mosquitto* client, void* self, const mosquitto_message* message,
                         const mqtt5__property* properties);
  static void on_publish(mosquitto* client, void* self, int message, int code, const mqtt5__property* properties);

  const Options& options_;
  const Presence presence_;
  Handle client_;
  bool looping_ = false;
  mutable core::Mutex mutex_;
  core::Condition news_;
  bool up_ GUARDED_BY(mutex_) = false;
  std::string fault_ GUARDED_BY(mutex_);
  std::map<int, int> acknowledged_ GUARDED_BY(mutex_);  // by message: the reason code
  std::vector<Received> inbox_ GUARDED_BY(mutex_);
};

}  // namespace millwright::mqtt
