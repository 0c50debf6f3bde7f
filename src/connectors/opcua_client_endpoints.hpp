// Which endpoints a server has, and which of them a connector can use as it is configured: mode, policy, and a user
// token that it has and that keeps a password secret.
//
// Threads: the caller's, one. Errors: those of connecting; kInvalid: the server offers nothing that fits, and what it
// does offer.
#pragma once

#include <atomic>
#include <string>
#include <string_view>

#include "connectors/opcua_client.hpp"
#include "connectors/opcua_client_types.hpp"
#include "core/result.hpp"
#include "io/clock.hpp"
#include "security/ua_security.hpp"

namespace millwright::connectors::opcua_detail {

struct Discovered {
  Ua<UA_GetEndpointsResponse, UA_TYPES_GETENDPOINTSRESPONSE> endpoints;
  Ua<UA_FindServersResponse, UA_TYPES_FINDSERVERSRESPONSE> servers;  // empty where the server does not say
};

// Asks, without a session. The answer comes unprotected.
core::Result<Discovered> discover(const OpcUaClientOptions& options, const std::string& endpoint,
                                  const io::Clock& clock, const std::atomic<bool>& stop);

// Points into what was discovered.
struct EndpointChoice {
  const UA_EndpointDescription* endpoint = nullptr;
  const UA_UserTokenPolicy* token = nullptr;
  security::Policy token_policy = security::Policy::kNone;  // what a password or a user's signature goes out with
};
core::Result<EndpointChoice> choose_endpoint(const UA_GetEndpointsResponse& endpoints,
                                             const OpcUaClientOptions& options);

// "sign basic256sha256 (anonymous, user and password by basic256sha256); none (anonymous)"
std::string offered(const UA_GetEndpointsResponse& endpoints);

// As the configuration writes them; one that it has no word for is its URI behind '#', or as it came.
std::string policy_text(std::string_view uri);
std::string mode_text(UA_MessageSecurityMode mode);
// The policy that counts for a token: its own, else its endpoint's.
std::string_view token_policy_uri(const UA_EndpointDescription& endpoint, const UA_UserTokenPolicy& token);
// What a server says, for logs and people: one line of ASCII, not too long.
std::string printable(std::string_view text);
bool is_binary(const UA_EndpointDescription& endpoint);

}  // namespace millwright::connectors::opcua_detail
