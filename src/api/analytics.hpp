// The routes of effectiveness, downtime, calendars and production orders. docs/oee.md.
#pragma once

#include "analytics/service.hpp"
#include "api/router.hpp"

namespace millwright::api {

// `service` outlives the router; nullptr: the part is off, and every one of the routes says so.
void add_analytics_routes(Router& router, analytics::Service* service);

}  // namespace millwright::api
