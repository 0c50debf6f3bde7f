// The part of connectors that talk to a broker, `mqtt` and `sparkplug`, in the plant's file.
//
// Threads: pure functions. Errors: problems of the document.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/document.hpp"
#include "core/time.hpp"
#include "mqtt/options.hpp"
#include "protocol/uns_json.hpp"
#include "protocol/uns_topic.hpp"

namespace millwright::connectors {

// What all of them have.
struct MqttLinkOptions {
  mqtt::Options broker;
  core::DurationNs session_expiry = 24 * core::kHour;
  core::DurationNs future_limit = core::kMinute;
  std::uint32_t payload_bytes_max = 256 * 1024;
  core::DurationNs retry_min = 500 * core::kMillisecond;
  core::DurationNs retry_max = 5 * core::kSecond;
};

struct MqttClientOptions {
  MqttLinkOptions link;
  std::vector<protocol::TopicPattern> topics;
  std::string share = {};         // the group that shares the messages; "": all are this connector's
  std::string status_topic = {};  // "": none
  protocol::UnsTime time_unit = protocol::UnsTime::kAuto;
};

struct SparkplugOptions {
  MqttLinkOptions link;
  std::string host_id;
  std::vector<std::string> groups;  // none: all
  core::DurationNs reorder_timeout = 2 * core::kSecond;
  core::DurationNs rebirth_interval = 5 * core::kSecond;
  bool old_state = false;  // says on STATE/<host_id> too that it is there, as Sparkplug 2.2 has it
};

// Read the keys of a connector's entry; `name` is the connector's. finish() is the caller's.
MqttClientOptions read_mqtt_client_options(config::Section& section, const std::string& directory,
                                           const std::string& name);
SparkplugOptions read_sparkplug_options(config::Section& section, const std::string& directory,
                                        const std::string& name);

}  // namespace millwright::connectors
