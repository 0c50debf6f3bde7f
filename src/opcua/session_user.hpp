// Who calls: the name that a session logged in with, and what a user may do.
//
// Threads: the server's.
#pragma once

#include <functional>
#include <string>

#include "asset/command.hpp"

namespace millwright::opcua {

// Whether a user may do what takes that right at a machine ("": the platform). Anonymous sessions are never asked for.
using MayAct = std::function<bool(const std::string& user, asset::CommandRight right, const std::string& machine)>;

// The guard puts the name there as the session logs in (server_security.cpp); an anonymous session has none.
inline std::string session_user(const void* session_context) {
  return session_context == nullptr ? std::string() : *static_cast<const std::string*>(session_context);
}

}  // namespace millwright::opcua
