// JSON and CSV of effectiveness, downtime, calendars and production orders (schemas in openapi.json).
//
// Threads: free functions over values. Times are RFC 3339 in UTC, lengths of time seconds.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "analytics/service.hpp"
#include "api/views.hpp"

namespace millwright::api {

Json oee_json(const analytics::OeeAnswer& answer);
std::string oee_csv(const analytics::OeeAnswer& answer);
Json downtime_json(const asset::Model& model, const analytics::DowntimeRecord& record);
std::string downtime_csv(const asset::Model& model, const std::vector<analytics::DowntimeRecord>& records);
Json reasons_json(const analytics::Reasons& reasons);
// With the shifts of `period`, and the machines that are given.
Json calendar_json(const analytics::Calendar& calendar, const analytics::Interval& period,
                   const std::vector<std::string>& machines);
Json order_json(const asset::Model& model, const analytics::ProductionOrder& order);

}  // namespace millwright::api
