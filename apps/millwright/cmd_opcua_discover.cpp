// opcua discover: which endpoints a server has, and how one may log in at each.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "cmd_opcua.hpp"
#include "connectors/opcua_discovery.hpp"
#include "io/clock.hpp"

namespace millwright::app {
namespace {

using connectors::OpcUaDiscovery;
using connectors::OpcUaEndpoint;
using connectors::OpcUaServer;
using nlohmann::ordered_json;

ordered_json to_json(const OpcUaEndpoint& endpoint) {
  auto tokens = ordered_json::array();
  for (const auto& token : endpoint.tokens) tokens.push_back({{"kind", token.kind}, {"policy", token.policy}});
  return {{"url", endpoint.url},
          {"mode", endpoint.mode},
          {"policy", endpoint.policy},
          {"level", endpoint.level},
          {"users", std::move(tokens)},
          {"application_uri", endpoint.application_uri},
          {"thumbprint", endpoint.thumbprint},
          {"subject", endpoint.subject}};
}

ordered_json to_json(const OpcUaDiscovery& found) {
  ordered_json json{{"endpoints", ordered_json::array()}, {"servers", ordered_json::array()}};
  for (const OpcUaEndpoint& endpoint : found.endpoints) json["endpoints"].push_back(to_json(endpoint));
  for (const OpcUaServer& server : found.servers) {
    json["servers"].push_back({{"application_uri", server.application_uri},
                               {"name", server.name},
                               {"kind", server.kind},
                               {"urls", server.urls}});
  }
  return json;
}

// A user's name is worth nothing where its password goes out in the clear, so what protects it is said.
std::string users_of(const OpcUaEndpoint& endpoint) {
  std::vector<std::string> users;
  for (const auto& token : endpoint.tokens) {
    users.push_back(token.kind == "anonymous" ? token.kind : fmt::format("{} ({})", token.kind, token.policy));
  }
  return users.empty() ? "nobody" : fmt::format("{}", fmt::join(users, ", "));
}

void print(const OpcUaDiscovery& found) {
  fmt::print("{:<36} {:<8} {:<22} {:<40} {:<40} {}\n", "endpoint", "mode", "policy", "certificate", "application",
             "users");
  for (const OpcUaEndpoint& each : found.endpoints) {
    fmt::print("{:<36} {:<8} {:<22} {:<40} {:<40} {}\n", each.url, each.mode, each.policy,
               each.thumbprint.empty() ? "-" : each.thumbprint, each.application_uri, users_of(each));
  }
  if (found.servers.empty()) return;
  fmt::print("\n{:<36} {:<18} {:<40} {}\n", "server", "kind", "application", "addresses");
  for (const OpcUaServer& each : found.servers) {
    fmt::print("{:<36} {:<18} {:<40} {}\n", each.name, each.kind, each.application_uri, fmt::join(each.urls, " "));
  }
}

int run(const connectors::OpcUaClientOptions& options, bool json) {
  if (!options.endpoint.starts_with("opc.tcp://")) {
    return fail({core::ErrorCode::kInvalid,
                 fmt::format("'{}': an OPC UA server's URL begins with opc.tcp://", options.endpoint)});
  }
  const io::RealClock clock;
  const auto found = connectors::discover_opcua(options, clock);
  if (!found) return fail(found.error());
  if (json) {
    fmt::print("{}\n", to_json(*found).dump(2, ' ', false, ordered_json::error_handler_t::replace));
  } else {
    print(*found);
  }
  return kDone;
}

}  // namespace

void add_opcua_discover(CLI::App& opcua, const SetCommand& set) {
  auto* sub = opcua.add_subcommand("discover", "the endpoints of a server: security, who may log in and how");
  auto options = std::make_shared<connectors::OpcUaClientOptions>();
  auto json = std::make_shared<bool>(false);
  sub->add_option("url", options->endpoint, "the server, as in opc.tcp://10.0.0.5:4840")->required();
  sub->add_flag("--json", *json, "answer as JSON");
  sub->callback([=] { set([=] { return run(*options, *json); }); });
}

}  // namespace millwright::app
