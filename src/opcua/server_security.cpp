#include "opcua/server_security.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <open62541/server_config_default.h>

#include "core/text.hpp"
#include "opcua/ua.hpp"

namespace millwright::opcua {
namespace {

using security::kPolicyNames;
using security::Policy;

bool has(const std::vector<Policy>& policies, Policy policy) {
  return std::find(policies.begin(), policies.end(), policy) != policies.end();
}

UA_StatusCode add_policy(UA_ServerConfig& config, Policy policy, const security::OwnCertificate& own) {
  const UA_ByteString certificate = security::borrow_bytes(own.certificate);
  const UA_ByteString key = security::borrow_bytes(own.key);
  switch (policy) {
    case Policy::kNone:
      return UA_ServerConfig_addSecurityPolicyNone(&config, &certificate);
    case Policy::kBasic256Sha256:
      return UA_ServerConfig_addSecurityPolicyBasic256Sha256(&config, &certificate, &key);
    case Policy::kAes128Sha256RsaOaep:
      return UA_ServerConfig_addSecurityPolicyAes128Sha256RsaOaep(&config, &certificate, &key);
    case Policy::kAes256Sha256RsaPss:
      return UA_ServerConfig_addSecurityPolicyAes256Sha256RsaPss(&config, &certificate, &key);
  }
  return UA_STATUSCODE_BADSECURITYPOLICYREJECTED;
}

UA_StatusCode add_endpoints(UA_ServerConfig& config, const std::vector<Policy>& policies) {
  UA_StatusCode code = UA_STATUSCODE_GOOD;
  const auto add = [&](Policy policy, UA_MessageSecurityMode mode) {
    if (code == UA_STATUSCODE_GOOD) code = UA_ServerConfig_addEndpoint(&config, borrow(security::uri_of(policy)), mode);
  };
  for (const Policy policy : policies) {
    if (policy == Policy::kNone) {
      add(policy, UA_MESSAGESECURITYMODE_NONE);
    } else {
      add(policy, UA_MESSAGESECURITYMODE_SIGN);
      add(policy, UA_MESSAGESECURITYMODE_SIGNANDENCRYPT);
    }
  }
  return code;
}

// Of a user: who that is activate() asks.
UA_StatusCode leave_to_activate(const UA_CertificateVerification*, const UA_ByteString*) {
  return UA_STATUSCODE_GOOD;
}

}  // namespace

bool only_none(const std::vector<Policy>& policies) {
  return policies == std::vector<Policy>{Policy::kNone};
}

void read_security(config::Section& section, const std::string& directory, ServerOptions& options) {
  std::vector<Policy> policies;
  for (const std::string& name : section.texts("security")) {
    const auto at = std::find(kPolicyNames.begin(), kPolicyNames.end(), name);
    if (at == kPolicyNames.end()) {
      section.problem("security", fmt::format("there is no policy '{}'{}; there are {}", name,
                                              core::did_you_mean(name, kPolicyNames), fmt::join(kPolicyNames, ", ")));
      continue;
    }
    const auto policy = static_cast<Policy>(at - kPolicyNames.begin());
    if (!has(policies, policy)) policies.push_back(policy);
  }
  if (!policies.empty()) options.security = std::move(policies);
  options.users = section.text("users", {.fallback = ""});
  if (!options.users.empty() && !options.users.starts_with('/')) options.users = directory + "/" + options.users;
  constexpr std::array<std::string_view, 2> kAnonymous{"read", "none"};
  options.anonymous = section.choice("anonymous", kAnonymous, 0) == 0;
  if (section.has("rights")) {
    config::Section rights = section.section("rights");
    for (const std::string& user : rights.keys()) {
      options.rights[user] = static_cast<asset::CommandRight>(rights.choice(user, asset::kCommandRights, 0));
    }
    rights.finish();
  }
  if (!options.anonymous && options.users.empty()) {
    section.problem("anonymous", "nobody could log in: name the users' file with 'users'");
  }
  if (!options.users.empty() && only_none(options.security)) {
    section.problem("users", "passwords need encryption: add a policy to 'security', such as basic256sha256");
  }
}

Guard::Guard(const ServerOptions& options, const ServerSecurity& security, std::shared_ptr<spdlog::logger> log)
    : options_(options),
      security_(security),
      log_(std::move(log)),
      peers_(security.certificates, [this](const std::string& why) { log_->warn("a client was refused: {}", why); }),
      logins_(options.users, security.files, security.clock) {}

core::Status Guard::prepare() {
  auto own = security_.certificates.own();
  if (!own) return core::unexpected(own.error().within("the plant's certificate"));
  own_ = std::move(*own);
  if (options_.users.empty()) return {};
  const auto bytes = io::read_file(security_.files, options_.users);
  if (!bytes) return core::unexpected(bytes.error().within("users"));
  const auto users =
      security::parse_users({reinterpret_cast<const char*>(bytes->data()), bytes->size()}, options_.users);
  if (!users) return core::unexpected(users.error());
  takes_certificates_ = std::any_of(users->begin(), users->end(), [](const auto& u) { return !u.certificate.empty(); });
  return {};
}

// None is always there, as clients ask on it which endpoints there are; it is an endpoint only where it is asked for.
UA_StatusCode Guard::add_policies(UA_ServerConfig& config) {
  UA_StatusCode code = add_policy(config, Policy::kNone, *own_);
  for (const Policy policy : options_.security) {
    if (policy != Policy::kNone && code == UA_STATUSCODE_GOOD) code = add_policy(config, policy, *own_);
  }
  config.securityPolicyNoneDiscoveryOnly = !has(options_.security, Policy::kNone);
  return code;
}

UA_StatusCode Guard::configure(UA_ServerConfig& config) {
  peers_.put_into(config.secureChannelPKI);
  // The second one is for sessions: open62541 compares the application's URI with it, and takes users by their
  // certificates. Without a check it does not offer that.
  peers_.put_into(config.sessionPKI);
  config.sessionPKI.verifyCertificate = takes_certificates_ ? &leave_to_activate : nullptr;
  config.allowNonePolicyPassword = false;
  UA_StatusCode code = add_policies(config);
  if (code != UA_STATUSCODE_GOOD) return code;
  // open62541 offers passwords where it has at least one pair; log_in() never looks at this one.
  const UA_UsernamePasswordLogin unused{borrow("-"), borrow("-")};
  code = UA_AccessControl_defaultWithLoginCallback(&config, options_.anonymous, nullptr, options_.users.empty() ? 0 : 1,
                                                   &unused, &Guard::log_in, this);
  if (code != UA_STATUSCODE_GOOD) return code;
  if (config.sessionPKI.verifyApplicationURI == nullptr) peers_.put_into(config.sessionPKI);
  config.sessionPKI.verifyCertificate = &leave_to_activate;
  config.context = this;
  activate_ = std::exchange(config.accessControl.activateSession, &Guard::activate);
  return add_endpoints(config, options_.security);
}

// After open62541 has seen that the token is of an offered kind, and that its signature was made with its key.
UA_StatusCode Guard::activate(UA_Server* server, UA_AccessControl* plugin, const UA_EndpointDescription* endpoint,
                              const UA_ByteString* channel_certificate, const UA_NodeId* session_id,
                              const UA_ExtensionObject* token, void** session) {
  Guard& guard = *static_cast<Guard*>(UA_Server_getConfig(server)->context);
  // Another user may take over a session, and gets nothing of the one before.
  void* user = nullptr;
  UA_StatusCode code = guard.activate_(server, plugin, endpoint, channel_certificate, session_id, token, &user);
  if (code == UA_STATUSCODE_GOOD && token->content.decoded.type == &UA_TYPES[UA_TYPES_X509IDENTITYTOKEN]) {
    const auto& shown = *static_cast<const UA_X509IdentityToken*>(token->content.decoded.data);
    code = guard.take_certificate(shown.certificateData, &user);
  }
  if (code == UA_STATUSCODE_GOOD) *session = user;
  return code;
}

UA_StatusCode Guard::take_certificate(const UA_ByteString& certificate, void** session) {
  if (!takes_certificates_) return UA_STATUSCODE_BADIDENTITYTOKENREJECTED;
  const auto user = logins_.user_of(view(certificate));
  if (user) {
    *session = session_of(*user);
    return UA_STATUSCODE_GOOD;
  }
  log_->warn("a login was refused: {}", user.error().message);
  return UA_STATUSCODE_BADIDENTITYTOKENREJECTED;
}

UA_StatusCode Guard::log_in(const UA_String* name, const UA_ByteString* password, std::size_t,
                            const UA_UsernamePasswordLogin*, void** session, void* self) {
  Guard& guard = *static_cast<Guard*>(self);
  if (guard.options_.users.empty()) return UA_STATUSCODE_BADUSERACCESSDENIED;
  const core::Status checked = guard.logins_.check(view(*name), view(*password));
  if (checked) {
    *session = guard.session_of(view(*name));
    return UA_STATUSCODE_GOOD;
  }
  guard.log_->warn("a login was refused: {}", checked.error().message);
  return UA_STATUSCODE_BADUSERACCESSDENIED;
}

}  // namespace millwright::opcua
