// The routes of what a node does by itself: machines, history, alarms, charts, models, health.
#pragma once

#include "api/handlers.hpp"
#include "api/router.hpp"

namespace millwright::api {

// `handlers` outlives the router.
void add_plant_routes(Router& router, const Handlers& handlers);

}  // namespace millwright::api
