// An alarm as JSON: one shape for the REST interface, the event stream and the outputs (schema Alarm in
// src/api/openapi.json; docs/format/alarm-events.md).
//
// Threads: free functions over const data. Times are RFC 3339 in UTC; what is not finite is null.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "alarms/alarm.hpp"

namespace millwright::alarms {

nlohmann::ordered_json alarm_json(const Alarm& alarm);
// The same as text. What is no UTF-8 is replaced, never an error.
std::string alarm_text(const Alarm& alarm);

}  // namespace millwright::alarms
