// JSON views of the plant, its hierarchy, alarms and charts: one function per shape of the API (schemas in
// openapi.json). Machines and live values, which are asked for most, are written straight: machine_view.hpp.
//
// Threads: free functions over const data. Times are RFC 3339 in UTC; what is not finite is null.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "alarms/control.hpp"
#include "alarms/performance.hpp"
#include "api/http.hpp"
#include "api/identity.hpp"
#include "api/server.hpp"
#include "asset/model.hpp"
#include "core/time.hpp"

namespace millwright::api {

using Json = nlohmann::ordered_json;

// What is no UTF-8 is replaced, never an error.
std::string to_text(const Json& json);
Response json_response(std::string body);
// Whether an Accept field asks for CSV rather than JSON.
bool accepts_csv(std::string_view accept);

Json time_or_null(core::TimeNs time);  // 0: null
Json control_chart_json(const asset::Sensor& sensor, const ControlChart& chart);
Json control_json(const alarms::Control& control);
Json performance_json(const alarms::Performance& performance);
// The sites, with areas, lines, cells and machines in them.
Json hierarchy_json(const asset::Model& model, const Identity& who);
Json stats_json(const PlantStatus& status, const Services& services);
// Who does not see the whole plant is told nothing of its connectors, outputs and totals.
Json plant_json(const PlantStatus& status, const Services& services, const Identity& who);
// Whether somebody sees an alarm: its sensor, else its machine; the platform's own are of the whole plant.
bool sees(const Identity& who, const asset::Model& model, const alarms::Alarm& alarm);

}  // namespace millwright::api
