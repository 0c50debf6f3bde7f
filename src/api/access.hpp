// Access over HTTP: who asks, what they are told who may not, the record of what they change, and the routes of
// accounts. What these mean is docs/security.md; the module behind is `access`.
//
// Threads: free functions, any.
#pragma once

#include <memory>
#include <string_view>

#include "access/authority.hpp"
#include "api/http.hpp"
#include "api/router.hpp"
#include "core/result.hpp"
#include "core/time.hpp"

namespace millwright::api {

struct Services;

// The name of the session's cookie.
inline constexpr std::string_view kSessionCookie = "mw_session";

// False: whoever is on this machine may do everything.
bool has_accounts(const access::Authority* authority);
// By its bearer token or its session's cookie; nothing: nobody that is known. A bearer token that is wrong is not made
// up for by a cookie.
std::shared_ptr<const access::Principal> principal_of(const Request& request, access::Authority& authority);

Response unauthorized(const Request& request);
Response forbidden(const Identity& who, const Endpoint& endpoint, const Request& request);
Response too_many(core::DurationNs wait, std::string_view what, std::string_view instance);

// Adds a request that changes something to the audit log, without its secrets.
core::Status record_change(access::Authority& authority, const Request& request, const Identity& who, int status,
                           core::TimeNs now);

// /v1/setup, /v1/session, /v1/users, /v1/tokens, /v1/audit.
void add_access_routes(Router& router, const Services& services);

}  // namespace millwright::api
