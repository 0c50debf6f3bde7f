#include "connectors/opcua_client_identity.hpp"

#include <fmt/format.h>
#include <open62541/client_config_default.h>

#include "config/secret.hpp"
#include "connectors/opcua_client_values.hpp"
#include "io/file_system.hpp"
#include "security/certificate.hpp"

namespace millwright::connectors::opcua_detail {
namespace {

using core::ErrorCode;
using core::unexpected;
using security::Policy;

// One policy beside those that are there.
core::Status add_policy(UA_SecurityPolicy*& policies, std::size_t& count, Policy policy,
                        const security::OwnCertificate& own, const UA_Logger* logger) {
  const std::string_view uri = security::uri_of(policy);
  for (std::size_t i = 0; i < count; ++i) {
    if (view(policies[i].policyUri) == uri) return {};
  }
  // open62541 frees the array itself.
  auto* larger = static_cast<UA_SecurityPolicy*>(UA_realloc(policies, (count + 1) * sizeof(UA_SecurityPolicy)));
  if (larger == nullptr) return unexpected(ErrorCode::kUnavailable, "out of memory");
  policies = larger;
  const UA_StatusCode code = security::make_policy(policy, own, logger, &policies[count]);
  if (code != UA_STATUSCODE_GOOD) {
    return unexpected(ErrorCode::kInvalid, fmt::format("{}: {}", policy_text(uri), reason_of(code)));
  }
  ++count;
  return {};
}

core::Result<std::string> read_bytes(const std::string& path) {
  io::RealFileSystem files;
  const auto bytes = io::read_file(files, path);
  if (!bytes) return unexpected(bytes.error());
  return std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size());
}

core::Status put_password(const OpcUaClientOptions& options, UA_ClientConfig& config) {
  const auto password = config::Secret{.file = options.password_file, .variable = {}}.read();
  if (!password) return unexpected(password.error().within("password_file"));
  UA_ClientConfig_setAuthenticationUsername(&config, options.user.c_str(), password->value_or("").c_str());
  return {};
}

void put_certificate(const std::string& certificate, UA_ClientConfig& config) {
  UA_X509IdentityToken* token = UA_X509IdentityToken_new();
  ASSERT(token != nullptr, "out of memory");
  const UA_ByteString bytes = security::borrow_bytes(certificate);
  UA_ByteString_copy(&bytes, &token->certificateData);
  UA_ExtensionObject_clear(&config.userIdentityToken);
  UA_ExtensionObject_setValue(&config.userIdentityToken, token, &UA_TYPES[UA_TYPES_X509IDENTITYTOKEN]);
}

}  // namespace

core::Result<security::OwnCertificate> read_user_certificate(const OpcUaClientOptions& options) {
  const auto file = read_bytes(options.user_certificate);
  if (!file) return unexpected(file.error().within("user_certificate"));
  const auto certificate = security::to_der(*file);
  if (!certificate) return unexpected(certificate.error().within("user_certificate " + options.user_certificate));
  const auto key_file = read_bytes(options.user_key);
  if (!key_file) return unexpected(key_file.error().within("user_key"));
  const auto key = security::key_to_der(*key_file, *certificate);
  if (!key)
    return unexpected(ErrorCode::kInvalid, fmt::format("user_key {} {}", options.user_key, key.error().message));
  return security::OwnCertificate{.certificate = *certificate, .key = *key, .info = {}};
}

void put_endpoint(const EndpointChoice& choice, UA_ClientConfig& config) {
  UA_EndpointDescription& endpoint = config.endpoint;
  UA_EndpointDescription_copy(choice.endpoint, &endpoint);
  UA_Array_delete(endpoint.userIdentityTokens, endpoint.userIdentityTokensSize, &UA_TYPES[UA_TYPES_USERTOKENPOLICY]);
  endpoint.userIdentityTokens = UA_UserTokenPolicy_new();
  ASSERT(endpoint.userIdentityTokens != nullptr, "out of memory");
  endpoint.userIdentityTokensSize = 1;
  UA_UserTokenPolicy& token = endpoint.userIdentityTokens[0];
  UA_UserTokenPolicy_copy(choice.token, &token);
  if (token.tokenType == UA_USERTOKENTYPE_ANONYMOUS) {
    // Carries nothing: whatever policy the server names for it is not needed.
    UA_String_clear(&token.securityPolicyUri);
    token.securityPolicyUri = copy(security::uri_of(Policy::kNone));
  }
  UA_UserTokenPolicy_copy(&token, &config.userTokenPolicy);
}

core::Status put_security(const OpcUaClientOptions& options, const EndpointChoice& choice,
                          const security::OwnCertificate& own, UA_ClientConfig& config) {
  if (options.security != MessageSecurity::kNone) {
    auto added = add_policy(config.securityPolicies, config.securityPoliciesSize, options.policy, own, config.logging);
    if (!added) return added;
  }
  if (choice.token_policy != Policy::kNone) {
    // open62541 looks for a token's policy among those of channels as well. A user's own certificate signs by the
    // policy that has its key.
    security::OwnCertificate signer = own;
    if (!options.user_certificate.empty()) {
      auto user = read_user_certificate(options);
      if (!user) return unexpected(user.error());
      signer = std::move(*user);
      put_certificate(signer.certificate, config);
    }
    auto added =
        add_policy(config.securityPolicies, config.securityPoliciesSize, choice.token_policy, own, config.logging);
    if (added) {
      added = add_policy(config.authSecurityPolicies, config.authSecurityPoliciesSize, choice.token_policy, signer,
                         config.logging);
    }
    if (!added) return added;
  }
  return options.user.empty() ? core::Status{} : put_password(options, config);
}

}  // namespace millwright::connectors::opcua_detail
