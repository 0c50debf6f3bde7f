// MqttTargets: the sensors that an MQTT connector feeds, by the topic of a message and the field in it.
//
// A sensor's `address` is a topic, or a topic and a field: "plant/pump-1/temperature", "gateway/7#motor/current". A
// field `f` of a topic `t` also feeds the sensor of the address "t/f". Besides, a pattern that names the {machine}
// finds the machine's sensor by what the pattern names of component and sensor, and the field.
//
// Threads: immutable once made; from any thread.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "asset/model.hpp"
#include "protocol/uns_topic.hpp"

namespace millwright::connectors {

class MqttTargets {
 public:
  MqttTargets(const asset::Model& model, const std::string& connector,
              const std::vector<protocol::TopicPattern>& patterns);

  // Nothing where no sensor of this connector is meant.
  [[nodiscard]] std::vector<const asset::Sensor*> find(std::string_view topic, std::string_view field) const;
  [[nodiscard]] const std::vector<const asset::Sensor*>& sensors() const { return sensors_; }

 private:
  [[nodiscard]] const asset::Sensor* named(std::string_view topic, std::string_view field) const;

  const asset::Model& model_;
  const std::string connector_;
  const std::vector<protocol::TopicPattern>& patterns_;
  std::vector<const asset::Sensor*> sensors_;
  std::unordered_map<std::string, std::vector<const asset::Sensor*>> by_address_;
};

}  // namespace millwright::connectors
