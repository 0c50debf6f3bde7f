// What the InfluxDB write interface asks and answers: its paths, its precisions and its words for trouble, of version 1
// (/write) and version 2 (/api/v2/write).
//
// Threads: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "connectors/line_lane.hpp"
#include "core/result.hpp"
#include "core/time.hpp"
#include "http/message.hpp"

namespace millwright::connectors::influx {

enum class Route { kWriteV1, kWriteV2, kPing, kHealth, kQuery };
std::optional<Route> route_of(std::string_view path);
std::string_view methods_of(Route route);  // "POST"; "GET, HEAD"
bool allows(Route route, http::Method method);

// ns per unit of a write request's times, by its parameter `precision`.
core::Result<core::DurationNs> precision_of(std::string_view query);

// `path` says whose form the answer has.
http::Response failure(std::string_view path, int status, std::string_view message);
http::Response busy(std::string_view path, int status, std::string_view message, core::DurationNs retry_after);
// 204, or 400 where lines were dropped.
http::Response written(std::string_view path, const LineLane::Outcome& outcome);
http::Response ping();
http::Response health();
// Clients of version 1 create their database before they write: there is nothing to create. Other queries are refused.
http::Response query(const http::Request& request);

}  // namespace millwright::connectors::influx
