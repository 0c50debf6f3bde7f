// The `connectors` section: a list of sources by name and type, and the connectors made from it.
//
//   connectors:
//     - {name: line-1-plc, type: opcua, endpoint: "opc.tcp://10.0.0.5:4840"}
//     - {name: vibration, type: burst, port: 4850}
//     - {name: gateway, type: influx, port: 8086}
//     - {name: meters, type: modbus, host: 10.0.0.9, devices: [{name: meter-1, unit: 1, map: energy-meter.yaml}]}
//     - {name: uns, type: mqtt, host: broker, topics: ["{enterprise}/{site}/{area}/{line}/{cell}/{machine}/#"]}
//     - {name: gateways, type: sparkplug, host: broker, host_id: lyon}
//     - {name: cell-2, type: plc4x, devices: [{name: press, connection: "s7://10.0.0.5"}]}
//     - {name: cell-3, type: pubsub, address: 239.0.0.1, writers: [{id: 1, name: press}]}
//     - {name: recorded, type: replay, file: pump.csv, speed: 10}
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "config/document.hpp"
#include "connectors/burst_server.hpp"
#include "connectors/connector.hpp"
#include "connectors/influx_server.hpp"
#include "connectors/modbus_options.hpp"
#include "connectors/mqtt_options.hpp"
#include "connectors/opcua_client.hpp"
#include "connectors/plc4x_driver.hpp"
#include "connectors/pubsub_client.hpp"
#include "connectors/replay.hpp"

namespace millwright::connectors {

struct ConnectorOptions {
  std::string name;
  std::variant<OpcUaClientOptions, BurstServerOptions, InfluxServerOptions, ReplayOptions, ModbusOptions,
               MqttClientOptions, SparkplugOptions, Plc4xOptions, PubSubOptions>
      source;
};

// Problems go to the document.
std::vector<ConnectorOptions> read_options(config::Document& document, config::Section root);
// kInvalid where the connector named `name` cannot mean anything by `address`; those that cannot tell take all.
core::Status check_address(const std::vector<ConnectorOptions>& all, const std::string& name,
                           const std::string& address);
// `certificates` is for those that encrypt, and outlives them.
std::unique_ptr<Connector> make_connector(const ConnectorOptions& options, const ConnectorContext& context,
                                          security::CertificateStore* certificates = nullptr);

}  // namespace millwright::connectors
