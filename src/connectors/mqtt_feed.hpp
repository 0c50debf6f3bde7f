// MqttFeed: what messages of a broker mean to one kind of connector. MqttClient keeps the connection, hands messages
// over and acknowledges them once the lane's readings are on disk.
//
// Threads: MqttClient's own.
#pragma once

#include <string>
#include <vector>

#include "connectors/command_queue.hpp"
#include "connectors/value_lane.hpp"
#include "mqtt/presence.hpp"
#include "mqtt/subscriber.hpp"

namespace millwright::connectors {

class MqttFeed {
 public:
  virtual ~MqttFeed() = default;
  virtual ValueLane& lane() = 0;
  [[nodiscard]] const ValueLane& lane() const { return const_cast<MqttFeed*>(this)->lane(); }
  [[nodiscard]] virtual std::vector<std::string> filters() const = 0;
  // How others shall see the connection that is about to be opened.
  virtual mqtt::Presence presence() = 0;
  virtual void take(const mqtt::Received& message) = 0;
  // The broker has granted the filters.
  virtual void connected() {}
  // After what was received was handed over; also where nothing was.
  virtual void turn(mqtt::Subscriber&) {}
  // The connection is lost, or was not to be had.
  virtual void lost() = 0;
  // What the plant's machines are told over this connection; the lane sends and settles them, in turn() and take().
  CommandQueue& commands() { return commands_; }

 private:
  CommandQueue commands_{[] {}};  // nobody to wake: turn() comes many times a second
};

}  // namespace millwright::connectors
