// Runs a factory in real time, from a model or from a plant file.
#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "asset/load.hpp"
#include "core/text.hpp"
#include "io/clock.hpp"
#include "simulator/factory.hpp"
#include "simulator/simulator.hpp"

namespace millwright::simulator {
namespace {

constexpr core::DurationNs kCycle = 20 * core::kMillisecond;
constexpr core::DurationNs kGrid = 100 * core::kMillisecond;  // readings fall on round times
constexpr std::uint16_t kOpcUaPort = 4840;
constexpr std::uint16_t kBurstPort = 4850;

// The port of "opc.tcp://host:port/path".
std::uint16_t port_of(std::string_view endpoint) {
  constexpr std::string_view kScheme = "opc.tcp://";
  if (endpoint.starts_with(kScheme)) endpoint.remove_prefix(kScheme.size());
  endpoint = endpoint.substr(0, endpoint.find('/'));
  const auto colon = endpoint.rfind(':');
  if (colon == std::string_view::npos) return kOpcUaPort;
  const auto port = core::parse_int(endpoint.substr(colon + 1));
  return port && *port > 0 && *port <= UINT16_MAX ? static_cast<std::uint16_t>(*port) : kOpcUaPort;
}

// What of the connectors concerns the simulator; `check-config` and `run` check the rest.
std::vector<SimulatedConnector> read_connectors(config::Section root) {
  std::vector<SimulatedConnector> connectors;
  for (config::Section& section : root.sections("connectors")) {
    SimulatedConnector connector;
    connector.name = section.text("name");
    const std::string type = section.text("type");
    if (type == "opcua") {
      connector.kind = SimulatedConnector::Kind::kOpcUa;
      connector.port = port_of(section.text("endpoint"));
    } else if (type == "burst") {
      connector.kind = SimulatedConnector::Kind::kBurst;
      connector.port =
          static_cast<std::uint16_t>(section.integer("port", {.fallback = kBurstPort, .low = 1, .high = 65535}));
      if (section.has("tls")) section.problem("tls", "the simulator speaks no TLS; give it a connector without");
    }
    connectors.push_back(std::move(connector));
  }
  return connectors;
}

}  // namespace

core::Status simulate(const asset::Model& model, const std::vector<SimulatedConnector>& connectors,
                      const SimulateOptions& options, const std::atomic<bool>& stop, std::ostream& out) {
  if (!(options.speed > 0)) {
    return core::unexpected(core::ErrorCode::kInvalid,
                            fmt::format("speed {}: must be a number above 0", options.speed));
  }
  io::RealClock clock;
  Factory factory(model, options, clock);
  if (auto planned = factory.plan_faults(); !planned) return planned;
  if (auto opened = factory.open(connectors); !opened) return opened;
  factory.describe(out);
  const core::TimeNs now = clock.now();
  const core::TimeNs start = core::floor_to(now, kGrid);
  const core::TimeNs begun = clock.monotonic() - (now - start);
  factory.start_at(start);
  while (!stop) {
    const core::DurationNs since_start = clock.monotonic() - begun;
    factory.advance(since_start);
    const core::TimeNs next = core::floor_to(since_start, kCycle) + kCycle;
    factory.serve(next - (clock.monotonic() - begun));
  }
  return {};
}

core::Status simulate(const std::string& plant_file, const std::vector<std::string>& type_directories,
                      const config::Environment& environment, const SimulateOptions& options,
                      const std::atomic<bool>& stop, std::ostream& out) {
  auto document = config::Document::load(plant_file, environment);
  if (!document) return core::unexpected(document.error());
  config::Section root = document->root();
  const auto connectors = read_connectors(root);
  std::vector<std::string> names;
  for (const SimulatedConnector& connector : connectors) names.push_back(connector.name);
  const asset::Model model = asset::load(*document, root.section("assets"), names, type_directories);
  if (auto status = document->check(); !status) return status;
  return simulate(model, connectors, options, stop, out);
}

}  // namespace millwright::simulator
