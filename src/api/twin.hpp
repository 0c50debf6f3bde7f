// The routes of machines' digital twins, of their health and of what may fail.
#pragma once

#include <string>

#include "api/active_alarms.hpp"
#include "api/router.hpp"
#include "api/server.hpp"
#include "twin/twins.hpp"

namespace millwright::api {

// Without twins, a twin is what the plant reports alone.
// `board` outlives the router.
void add_twin_routes(Router& router, const Services& services, const AlarmBoard& board);

// Of an event stream: a machine's health, lives and desired values, as JSON.
std::string twin_event_text(const asset::Machine& machine, const twin::MachineView& view);

}  // namespace millwright::api
