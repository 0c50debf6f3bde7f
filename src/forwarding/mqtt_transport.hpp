// MQTT: each event as a message on a topic of the unified namespace, or each reading of it; QoS 1; it is delivered once
// the broker has acknowledged it. A status topic says whether the plant is there: birth, and will. MQTT 5, or 3.1.1
// where asked for. Format: docs/format/alarm-events.md, docs/format/uns-json.md.
#pragma once

#include <memory>
#include <string>

#include "asset/model.hpp"
#include "forwarding/transport.hpp"
#include "mqtt/options.hpp"

namespace millwright::forwarding {

struct MqttOptions {
  mqtt::Options broker;
  std::string topic;           // a template, of alarms of machines
  std::string platform_topic;  // of the platform's own
  std::string status_topic;    // retained: {"state":"online"} or {"state":"offline"}
  bool retain = false;         // of events
};

struct UnsOptions {  // readings: `topic` names the sensor too
  MqttOptions link;
};

// Reads the keys of mqtt::read_options, `topic`, `platform_topic`, `status_topic` and `retain`. `node` and `name` (of
// the output) are in the defaults.
MqttOptions read_mqtt_options(config::Section& section, const std::string& directory, const std::string& node,
                              const std::string& name);
// The same without `platform_topic`.
UnsOptions read_uns_options(config::Section& section, const std::string& directory, const std::string& node,
                            const std::string& name);
std::unique_ptr<Transport> make_mqtt_transport(const MqttOptions& options, const asset::Model& model);
std::unique_ptr<Transport> make_uns_transport(const UnsOptions& options, const asset::Model& model);

}  // namespace millwright::forwarding
