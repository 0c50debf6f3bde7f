#include "connectors/factory.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <type_traits>

#include <fmt/format.h>

#include "config/unique_name.hpp"
#include "connectors/modbus_client.hpp"
#include "connectors/mqtt_client.hpp"
#include "connectors/opcua_address.hpp"
#include "core/text.hpp"

namespace millwright::connectors {
namespace {

constexpr std::array<std::string_view, 9> kTypes{"opcua", "burst",     "influx", "replay", "modbus",
                                                 "mqtt",  "sparkplug", "plc4x",  "pubsub"};
void check_port(config::Section& section, std::string_view key, std::uint16_t port,
                std::map<std::uint16_t, std::string>& ports, const std::string& name) {
  const auto [first, added] = ports.try_emplace(port, name);
  if (!added) {
    section.problem(
        key, fmt::format("the connector '{}' listens on port {} already; give this one another", first->second, port));
  }
}

}  // namespace

std::vector<ConnectorOptions> read_options(config::Document& document, config::Section root) {
  std::vector<ConnectorOptions> all;
  config::UniqueNames names("connector");
  std::map<std::uint16_t, std::string> ports;
  for (config::Section& section : root.sections("connectors")) {
    ConnectorOptions options;
    options.name = names.read(section);
    const std::string type = section.text("type");
    if (type == kTypes[0]) {
      options.source = read_opcua_client_options(section, document.directory());
    } else if (type == kTypes[1]) {
      options.source = read_burst_server_options(section, document.directory());
      check_port(section, "port", std::get<BurstServerOptions>(options.source).port, ports, options.name);
    } else if (type == kTypes[2]) {
      options.source = read_influx_server_options(section, document.directory());
      const auto& influx = std::get<InfluxServerOptions>(options.source);
      check_port(section, "port", influx.port, ports, options.name);
      if (influx.tcp_port && *influx.tcp_port != influx.port) {
        check_port(section, "tcp_port", *influx.tcp_port, ports, options.name);
      }
    } else if (type == kTypes[3]) {
      options.source = read_replay_options(section, document.directory());
    } else if (type == kTypes[4]) {
      options.source = read_modbus_options(document, section);
    } else if (type == kTypes[5]) {
      options.source = read_mqtt_client_options(section, document.directory(), options.name);
    } else if (type == kTypes[6]) {
      options.source = read_sparkplug_options(section, document.directory(), options.name);
    } else if (type == kTypes[7]) {
      options.source = read_plc4x_options(section, document.directory());
    } else if (type == kTypes[8]) {
      options.source = read_pubsub_options(section, document.directory());
    } else {
      if (!type.empty()) {
        section.problem("type", fmt::format("there is no connector type '{}'{}; there are {}", type,
                                            core::did_you_mean(type, kTypes), fmt::join(kTypes, ", ")));
      }
      continue;  // what its keys mean nobody knows, so finish() would only add noise
    }
    section.finish();
    all.push_back(std::move(options));
  }
  return all;
}

core::Status check_address(const std::vector<ConnectorOptions>& all, const std::string& name,
                           const std::string& address) {
  const auto at = std::find_if(all.begin(), all.end(), [&](const auto& options) { return options.name == name; });
  if (at == all.end() || !std::holds_alternative<OpcUaClientOptions>(at->source)) return {};
  const auto parsed = opcua_detail::parse_address(address);
  return parsed ? core::Status() : core::unexpected(parsed.error());
}

std::unique_ptr<Connector> make_connector(const ConnectorOptions& options, const ConnectorContext& context,
                                          security::CertificateStore* certificates) {
  return std::visit(
      [&](const auto& source) -> std::unique_ptr<Connector> {
        using Options = std::decay_t<decltype(source)>;
        if constexpr (std::is_same_v<Options, OpcUaClientOptions>) {
          return make_opcua_client(options.name, source, context, certificates);
        } else if constexpr (std::is_same_v<Options, BurstServerOptions>) {
          return make_burst_server(options.name, source, context);
        } else if constexpr (std::is_same_v<Options, InfluxServerOptions>) {
          return make_influx_server(options.name, source, context);
        } else if constexpr (std::is_same_v<Options, ModbusOptions>) {
          return make_modbus_client(options.name, source, context);
        } else if constexpr (std::is_same_v<Options, MqttClientOptions>) {
          return make_mqtt_client(options.name, source, context);
        } else if constexpr (std::is_same_v<Options, SparkplugOptions>) {
          return make_sparkplug_host(options.name, source, context);
        } else if constexpr (std::is_same_v<Options, Plc4xOptions>) {
          return make_plc4x(options.name, source, context);
        } else if constexpr (std::is_same_v<Options, PubSubOptions>) {
          return make_pubsub_client(options.name, source, context);
        } else {
          return make_replay(options.name, source, context);
        }
      },
      options.source);
}

}  // namespace millwright::connectors
