#include "connectors/opcua_client_endpoints.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "connectors/opcua_client_link.hpp"

namespace millwright::connectors::opcua_detail {
namespace {

using core::ErrorCode;
using core::unexpected;
using security::Policy;

constexpr std::string_view kBinary = "http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary";
constexpr std::size_t kTextLongest = 200;  // of what a server says
constexpr std::size_t kOfferedMax = 12;

std::span<const UA_EndpointDescription> all(const UA_GetEndpointsResponse& response) {
  return {response.endpoints, response.endpointsSize};
}
std::span<const UA_UserTokenPolicy> tokens(const UA_EndpointDescription& endpoint) {
  return {endpoint.userIdentityTokens, endpoint.userIdentityTokensSize};
}

std::optional<Policy> policy_of(std::string_view uri) {
  for (std::size_t i = 0; i < security::kPolicyNames.size(); ++i) {
    if (security::uri_of(static_cast<Policy>(i)) == uri) return static_cast<Policy>(i);
  }
  return std::nullopt;
}

UA_MessageSecurityMode mode_of(MessageSecurity security) {
  switch (security) {
    case MessageSecurity::kSign:
      return UA_MESSAGESECURITYMODE_SIGN;
    case MessageSecurity::kEncrypt:
      return UA_MESSAGESECURITYMODE_SIGNANDENCRYPT;
    case MessageSecurity::kNone:
      break;
  }
  return UA_MESSAGESECURITYMODE_NONE;
}

UA_UserTokenType token_of(const OpcUaClientOptions& options) {
  if (!options.user.empty()) return UA_USERTOKENTYPE_USERNAME;
  if (!options.user_certificate.empty()) return UA_USERTOKENTYPE_CERTIFICATE;
  return UA_USERTOKENTYPE_ANONYMOUS;
}

std::string token_text(const UA_EndpointDescription& endpoint, const UA_UserTokenPolicy& token) {
  const std::string by = policy_text(token_policy_uri(endpoint, token));
  switch (token.tokenType) {
    case UA_USERTOKENTYPE_ANONYMOUS:
      return "anonymous";
    case UA_USERTOKENTYPE_USERNAME:
      return fmt::format("user and password by {}", by);
    case UA_USERTOKENTYPE_CERTIFICATE:
      return fmt::format("user certificate by {}", by);
    default:
      return "issued token";
  }
}

// Whether what this token carries may go out: a password never in the clear, and a signature takes a policy.
bool is_safe(UA_UserTokenType type, Policy policy, MessageSecurity security) {
  if (type == UA_USERTOKENTYPE_ANONYMOUS || policy != Policy::kNone) return true;
  return type == UA_USERTOKENTYPE_USERNAME && security == MessageSecurity::kEncrypt;
}

// The server's first that fits, one that encrypts by itself before others.
void choose_token(const UA_EndpointDescription& endpoint, const OpcUaClientOptions& options, EndpointChoice& choice) {
  for (const UA_UserTokenPolicy& token : tokens(endpoint)) {
    if (token.tokenType != token_of(options)) continue;
    const bool is_anonymous = token.tokenType == UA_USERTOKENTYPE_ANONYMOUS;
    const std::optional<Policy> policy = is_anonymous ? Policy::kNone : policy_of(token_policy_uri(endpoint, token));
    if (!policy || !is_safe(token.tokenType, *policy, options.security)) continue;
    if (choice.token != nullptr && (choice.token_policy != Policy::kNone || *policy == Policy::kNone)) continue;
    choice = {.endpoint = &endpoint, .token = &token, .token_policy = *policy};
  }
}

std::string wanted(const OpcUaClientOptions& options) {
  std::string text = mode_text(mode_of(options.security));
  if (options.security != MessageSecurity::kNone) {
    text += " " + policy_text(security::uri_of(options.policy));
  }
  switch (token_of(options)) {
    case UA_USERTOKENTYPE_USERNAME:
      return text + (options.security == MessageSecurity::kEncrypt
                         ? " for a user with a password"
                         : " for a user with a password that its token policy encrypts");
    case UA_USERTOKENTYPE_CERTIFICATE:
      return text + " for a user with a certificate";
    default:
      return text + " for an anonymous user";
  }
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out(text.substr(0, kTextLongest));
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out;
}

std::string policy_text(std::string_view uri) {
  if (const auto policy = policy_of(uri)) return std::string(security::kPolicyNames[static_cast<std::size_t>(*policy)]);
  const std::size_t at = uri.rfind('#');
  const std::string_view name = at == std::string_view::npos ? uri : uri.substr(at + 1);
  return printable(name);
}

std::string mode_text(UA_MessageSecurityMode mode) {
  switch (mode) {
    case UA_MESSAGESECURITYMODE_NONE:
      return "none";
    case UA_MESSAGESECURITYMODE_SIGN:
      return "sign";
    case UA_MESSAGESECURITYMODE_SIGNANDENCRYPT:
      return "encrypt";
    default:
      return "unknown";
  }
}

std::string_view token_policy_uri(const UA_EndpointDescription& endpoint, const UA_UserTokenPolicy& token) {
  return view(token.securityPolicyUri.length != 0 ? token.securityPolicyUri : endpoint.securityPolicyUri);
}

// Some servers leave it away.
bool is_binary(const UA_EndpointDescription& endpoint) {
  return endpoint.transportProfileUri.length == 0 || view(endpoint.transportProfileUri) == kBinary;
}

std::string offered(const UA_GetEndpointsResponse& endpoints) {
  std::vector<std::string> texts;
  for (const UA_EndpointDescription& endpoint : all(endpoints)) {
    if (!is_binary(endpoint)) continue;
    std::vector<std::string> users;
    for (const UA_UserTokenPolicy& token : tokens(endpoint)) users.push_back(token_text(endpoint, token));
    std::string text = mode_text(endpoint.securityMode);
    if (endpoint.securityMode != UA_MESSAGESECURITYMODE_NONE)
      text += " " + policy_text(view(endpoint.securityPolicyUri));
    text += fmt::format(" ({})", users.empty() ? "nobody" : fmt::format("{}", fmt::join(users, ", ")));
    // The same under several addresses.
    if (std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(std::move(text));
  }
  if (texts.empty()) return "nothing";
  const std::size_t more = texts.size() - std::min(texts.size(), kOfferedMax);
  texts.resize(texts.size() - more);
  return fmt::format("{}{}", fmt::join(texts, "; "), more == 0 ? "" : fmt::format("; and {} more", more));
}

core::Result<EndpointChoice> choose_endpoint(const UA_GetEndpointsResponse& endpoints,
                                             const OpcUaClientOptions& options) {
  EndpointChoice best;
  const bool is_secure = options.security != MessageSecurity::kNone;
  const std::string_view policy = security::uri_of(is_secure ? options.policy : Policy::kNone);
  for (const UA_EndpointDescription& endpoint : all(endpoints)) {
    const bool fits = is_binary(endpoint) && endpoint.securityMode == mode_of(options.security) &&
                      view(endpoint.securityPolicyUri) == policy;
    if (!fits || (best.endpoint != nullptr && endpoint.securityLevel <= best.endpoint->securityLevel)) continue;
    EndpointChoice choice;
    choose_token(endpoint, options, choice);
    if (choice.endpoint != nullptr) best = choice;
  }
  if (best.endpoint != nullptr) return best;
  return unexpected(ErrorCode::kInvalid,
                    fmt::format("the server does not offer {}; it offers: {}", wanted(options), offered(endpoints)));
}

core::Result<Discovered> discover(const OpcUaClientOptions& options, const std::string& endpoint,
                                  const io::Clock& clock, const std::atomic<bool>& stop) {
  NoSink sink;
  auto link = Link::open_channel(options, endpoint, clock, stop, sink);
  if (!link) return unexpected(link.error());
  Discovered found;
  Ua<UA_GetEndpointsRequest, UA_TYPES_GETENDPOINTSREQUEST> request;
  request->endpointUrl = copy(endpoint);
  auto endpoints = (*link)->ask<Ua<UA_GetEndpointsResponse, UA_TYPES_GETENDPOINTSRESPONSE>>(request);
  if (!endpoints) return unexpected(endpoints.error().within("asking for the endpoints"));
  found.endpoints = std::move(*endpoints);
  Ua<UA_FindServersRequest, UA_TYPES_FINDSERVERSREQUEST> which;
  which->endpointUrl = copy(endpoint);
  auto servers = (*link)->ask<Ua<UA_FindServersResponse, UA_TYPES_FINDSERVERSRESPONSE>>(which);
  if (servers) {
    found.servers = std::move(*servers);
  } else if (servers.error().code != ErrorCode::kInvalid) {
    return unexpected(servers.error().within("asking for the servers"));
  }
  return found;
}

}  // namespace millwright::connectors::opcua_detail
