// What makes the OPC UA server ask who is there: its policies and endpoints, the check of clients' certificates, and
// the check of users' passwords and certificates.
//
// Threads: prepare() and configure() before the server runs; what open62541 then calls comes in the server's thread.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <open62541/plugin/accesscontrol_default.h>
#include <open62541/server.h>
#include <spdlog/logger.h>

#include "config/document.hpp"
#include "core/result.hpp"
#include "opcua/server.hpp"
#include "security/ua_security.hpp"
#include "security/users.hpp"

namespace millwright::opcua {

bool only_none(const std::vector<security::Policy>& policies);
// The keys `security`, `users`, `rights` and `anonymous`.
void read_security(config::Section& section, const std::string& directory, ServerOptions& options);

class Guard {
 public:
  // `options` and what `security` names outlive it.
  Guard(const ServerOptions& options, const ServerSecurity& security, std::shared_ptr<spdlog::logger> log);

  // Gets the plant's certificate and looks at the users' file.
  core::Status prepare();
  // After prepare(): policies, endpoints, certificates, users.
  UA_StatusCode configure(UA_ServerConfig& config);
  [[nodiscard]] std::string_view application_uri() const { return own_->info.application_uri; }

 private:
  static UA_StatusCode log_in(const UA_String* name, const UA_ByteString* password, std::size_t,
                              const UA_UsernamePasswordLogin*, void** session, void* self);
  static UA_StatusCode activate(UA_Server* server, UA_AccessControl* plugin, const UA_EndpointDescription* endpoint,
                                const UA_ByteString* channel_certificate, const UA_NodeId* session_id,
                                const UA_ExtensionObject* token, void** session);
  UA_StatusCode take_certificate(const UA_ByteString& certificate, void** session);
  void* session_of(std::string_view name) { return const_cast<std::string*>(&*names_.emplace(name).first); }
  UA_StatusCode add_policies(UA_ServerConfig& config);

  const ServerOptions& options_;
  const ServerSecurity security_;
  std::shared_ptr<spdlog::logger> log_;
  security::PeerCheck peers_;
  security::Logins logins_;
  std::optional<security::OwnCertificate> own_;
  bool takes_certificates_ = false;                                 // of users
  std::set<std::string> names_;                                     // of who has logged in: sessions point here
  decltype(UA_AccessControl::activateSession) activate_ = nullptr;  // open62541's own
};

}  // namespace millwright::opcua
