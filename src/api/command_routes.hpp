// The routes of machines' commands: what there are, and giving one.
//
// Threads: as the router. Errors: of asset/commands.hpp, as problem documents.
#pragma once

#include "api/router.hpp"
#include "api/server.hpp"

namespace millwright::api {

// `services` outlives the router.
void add_command_routes(Router& router, const Services& services);

}  // namespace millwright::api
