// The routes of Grafana's JSON data sources: below /v1/grafana what "SimpleJson" (grafana-simple-json-datasource) asks
// for (search, query, annotations, tag-keys, tag-values), and what its successor "JSON" (simpod-json-datasource) does
// (metrics, metric-payload-options, variable). The Infinity plugin needs none of it: it reads the API itself.
//
// All of it reads alone. Source: the plugins' own descriptions; docs/api.md has a walk-through.
#pragma once

#include "api/router.hpp"
#include "api/server.hpp"

namespace millwright::api {

void add_grafana_routes(Router& router, const Options& options, const Services& services);

}  // namespace millwright::api
