// Who calls: the name that a session logged in with, and what a user may do.
//
// Threads: the server's.
#pragma once

#include <functional>
#include <string>

#include "asset/command.hpp"
#include "opcua/ua.hpp"

namespace millwright::opcua {

// Whether a user may do what takes that right at a machine ("": the platform). Anonymous sessions are never asked for.
using MayAct = std::function<bool(const std::string& user, asset::CommandRight right, const std::string& machine)>;

// open62541's access control keeps the name as the session's context; an anonymous session has none.
inline std::string session_user(const void* session_context) {
  return session_context == nullptr ? std::string()
                                    : std::string(view(*static_cast<const UA_String*>(session_context)));
}

}  // namespace millwright::opcua
