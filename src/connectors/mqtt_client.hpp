// The connectors that subscribe at a broker: `mqtt` takes readings as JSON (docs/format/uns-json.md), `sparkplug` is a
// primary host application of Sparkplug B (docs/format/sparkplug.md).
//
// A message is acknowledged once its readings are on disk, and the broker keeps the session of a connector that is
// away: what was sent at QoS 1 is not lost by a broken cable, a broker that restarts or a kill -9; it may come twice,
// which MqttLane sees where messages carry a time, a sequence or an id.
//
// Threads: one of its own. Limits: kHeldMax messages wait for the disk, then the broker waits.
#pragma once

#include <memory>
#include <string>

#include "connectors/connector.hpp"
#include "connectors/mqtt_options.hpp"

namespace millwright::connectors {

std::unique_ptr<Connector> make_mqtt_client(std::string name, const MqttClientOptions& options,
                                            const ConnectorContext& context);
std::unique_ptr<Connector> make_sparkplug_host(std::string name, const SparkplugOptions& options,
                                               const ConnectorContext& context);

}  // namespace millwright::connectors
