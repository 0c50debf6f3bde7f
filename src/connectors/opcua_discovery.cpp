#include "connectors/opcua_discovery.hpp"

#include <atomic>

#include "connectors/opcua_client_endpoints.hpp"
#include "security/certificate.hpp"

namespace millwright::connectors {
namespace {

using namespace opcua_detail;

std::string kind_of(UA_UserTokenType type) {
  switch (type) {
    case UA_USERTOKENTYPE_ANONYMOUS:
      return "anonymous";
    case UA_USERTOKENTYPE_USERNAME:
      return "password";
    case UA_USERTOKENTYPE_CERTIFICATE:
      return "certificate";
    default:
      return "issued token";
  }
}

std::string kind_of(UA_ApplicationType type) {
  switch (type) {
    case UA_APPLICATIONTYPE_SERVER:
      return "server";
    case UA_APPLICATIONTYPE_CLIENT:
      return "client";
    case UA_APPLICATIONTYPE_CLIENTANDSERVER:
      return "client and server";
    default:
      return "discovery server";
  }
}

OpcUaEndpoint describe_endpoint(const UA_EndpointDescription& from) {
  OpcUaEndpoint to;
  to.url = printable(view(from.endpointUrl));
  to.mode = mode_text(from.securityMode);
  to.policy = policy_text(view(from.securityPolicyUri));
  to.level = from.securityLevel;
  to.application_uri = printable(view(from.server.applicationUri));
  for (std::size_t i = 0; i < from.userIdentityTokensSize; ++i) {
    const UA_UserTokenPolicy& token = from.userIdentityTokens[i];
    to.tokens.push_back({kind_of(token.tokenType), policy_text(token_policy_uri(from, token))});
  }
  if (const auto certificate = security::describe(view(from.serverCertificate))) {
    to.thumbprint = certificate->thumbprint;
    to.subject = certificate->subject;
  }
  return to;
}

OpcUaServer describe_server(const UA_ApplicationDescription& from) {
  OpcUaServer to;
  to.application_uri = printable(view(from.applicationUri));
  to.name = printable(view(from.applicationName.text));
  to.kind = kind_of(from.applicationType);
  for (std::size_t i = 0; i < from.discoveryUrlsSize; ++i) to.urls.push_back(printable(view(from.discoveryUrls[i])));
  return to;
}

}  // namespace

core::Result<OpcUaDiscovery> discover_opcua(const OpcUaClientOptions& options, const io::Clock& clock) {
  const std::atomic<bool> stop{false};
  const auto found = discover(options, options.endpoint, clock, stop);
  if (!found) return core::unexpected(found.error().within("connecting to " + options.endpoint));
  OpcUaDiscovery out;
  const UA_GetEndpointsResponse& endpoints = *found->endpoints;
  for (std::size_t i = 0; i < endpoints.endpointsSize; ++i) {
    out.endpoints.push_back(describe_endpoint(endpoints.endpoints[i]));
  }
  const UA_FindServersResponse& servers = *found->servers;
  for (std::size_t i = 0; i < servers.serversSize; ++i) out.servers.push_back(describe_server(servers.servers[i]));
  return out;
}

}  // namespace millwright::connectors
