// What a server offers: its endpoints with security and user tokens, and the servers that it knows of.
//
// Threads: the caller's. Errors: those of connecting. Texts of a server are as it sent them, made printable.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "connectors/opcua_client.hpp"
#include "core/result.hpp"
#include "io/clock.hpp"

namespace millwright::connectors {

struct OpcUaUserToken {
  std::string kind;    // "anonymous", "password", "certificate", "issued token"
  std::string policy;  // what it goes out with: its own, else the endpoint's
};

struct OpcUaEndpoint {
  std::string url;
  std::string mode;    // "none", "sign", "encrypt"
  std::string policy;  // "basic256sha256", …
  std::uint32_t level = 0;
  std::vector<OpcUaUserToken> tokens;
  std::string application_uri;
  std::string thumbprint;  // of the server's certificate; "": it shows none
  std::string subject;
};

struct OpcUaServer {
  std::string application_uri;
  std::string name;
  std::string kind;  // "server", "client", "client and server", "discovery server"
  std::vector<std::string> urls;
};

struct OpcUaDiscovery {
  std::vector<OpcUaEndpoint> endpoints;
  std::vector<OpcUaServer> servers;
};

core::Result<OpcUaDiscovery> discover_opcua(const OpcUaClientOptions& options, const io::Clock& clock);

}  // namespace millwright::connectors
