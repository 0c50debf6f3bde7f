// MQTT: each event as a message on a topic of the unified namespace, QoS 1; it is delivered once the broker has
// acknowledged it. A status topic says whether the plant is there: birth, and will. MQTT 5, or 3.1.1 where asked for.
// Format: docs/format/alarm-events.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "asset/model.hpp"
#include "core/time.hpp"
#include "forwarding/secret.hpp"
#include "forwarding/transport.hpp"
#include "io/file_system.hpp"

namespace millwright::forwarding {

struct MqttOptions {
  enum class Version : std::uint8_t { k5, k311 };
  struct Tls {
    bool on = false;
    std::string ca_file;           // "": the system's
    std::string certificate_file;  // of this client; "": none
    std::string key_file;
  };
  std::string host;
  std::uint16_t port = 1883;
  Version version = Version::k5;
  std::string client_id;
  std::string user;
  Secret password;
  Tls tls;
  std::string topic;           // a template, of alarms of machines
  std::string platform_topic;  // of the platform's own
  std::string status_topic;    // retained: {"state":"online"} or {"state":"offline"}
  bool retain = false;         // of events
  core::DurationNs keep_alive = 30 * core::kSecond;
  core::DurationNs timeout = 10 * core::kSecond;  // of connecting, and of an acknowledgement
};

// Reads `host`, `port`, `protocol`, `client_id`, `user`, `password_*`, `tls`, `topic`, `platform_topic`,
// `status_topic`, `retain`, `keep_alive` and `timeout`. `node` and `name` (of the output) are in the defaults.
MqttOptions read_mqtt_options(config::Section& section, const std::string& directory, const std::string& node,
                              const std::string& name);
std::unique_ptr<Transport> make_mqtt_transport(const MqttOptions& options, const asset::Model& model,
                                               io::FileSystem& files);

}  // namespace millwright::forwarding
