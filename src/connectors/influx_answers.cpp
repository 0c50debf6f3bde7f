#include "connectors/influx_answers.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/text.hpp"
#include "http/url.hpp"

namespace millwright::connectors::influx {
namespace {

using http::Method;
using http::Response;

// Clients look at the version to know what they may use: the line protocol as of 1.8, which has the paths of 2 as well.
constexpr char kVersion[] = "1.8.10";

constexpr std::array<std::pair<std::string_view, Route>, 5> kRoutes{{{"/write", Route::kWriteV1},
                                                                     {"/api/v2/write", Route::kWriteV2},
                                                                     {"/ping", Route::kPing},
                                                                     {"/health", Route::kHealth},
                                                                     {"/query", Route::kQuery}}};

struct Unit {
  std::string_view name;
  core::DurationNs ns;
};
constexpr std::array<Unit, 9> kUnits{{{"ns", 1},
                                      {"n", 1},
                                      {"us", core::kMicrosecond},
                                      {"u", core::kMicrosecond},
                                      {"µ", core::kMicrosecond},
                                      {"ms", core::kMillisecond},
                                      {"s", core::kSecond},
                                      {"m", core::kMinute},
                                      {"h", core::kHour}}};

Response json(int status, const nlohmann::ordered_json& body) {
  Response response;
  response.status = status;
  response.content_type = "application/json";
  response.body = body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  response.fields = {{"X-Influxdb-Version", kVersion}, {"X-Influxdb-Build", "Millwright"}};
  return response;
}

Response empty() {
  Response response = json(204, {});
  response.content_type.clear();
  response.body.clear();
  return response;
}

// Version 2's names of what is wrong.
std::string_view code_of(int status) {
  switch (status) {
    case 404:
      return "not found";
    case 405:
      return "method not allowed";
    case 413:
      return "request too large";
    case 429:
      return "too many requests";
    case 503:
      return "unavailable";
    default:
      return status < 500 ? "invalid" : "internal error";
  }
}

bool creates_a_database(std::string_view statement) {
  return core::lower(core::trim(statement)).starts_with("create database");
}

}  // namespace

std::optional<Route> route_of(std::string_view path) {
  const auto found = std::find_if(kRoutes.begin(), kRoutes.end(), [&](const auto& r) { return r.first == path; });
  return found != kRoutes.end() ? std::optional(found->second) : std::nullopt;
}

std::string_view methods_of(Route route) {
  switch (route) {
    case Route::kWriteV1:
    case Route::kWriteV2:
      return "POST";
    case Route::kPing:
    case Route::kHealth:
      return "GET, HEAD";
    case Route::kQuery:
      return "GET, POST";
  }
  return "";
}

bool allows(Route route, Method method) {
  switch (route) {
    case Route::kWriteV1:
    case Route::kWriteV2:
      return method == Method::kPost;
    case Route::kPing:
    case Route::kHealth:
      return method == Method::kGet || method == Method::kHead;
    case Route::kQuery:
      return method == Method::kGet || method == Method::kPost;
  }
  return false;
}

core::Result<core::DurationNs> precision_of(std::string_view query) {
  const auto precision = http::query_value(query, "precision");
  if (!precision) return core::unexpected(precision.error());
  if (!*precision || (*precision)->empty()) return core::DurationNs{1};
  const auto unit = std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& u) { return u.name == **precision; });
  if (unit != kUnits.end()) return unit->ns;
  return core::unexpected(core::ErrorCode::kInvalid,
                          fmt::format("precision={}: must be one of ns, us, ms, s, m, h", **precision));
}

Response failure(std::string_view path, int status, std::string_view message) {
  if (path.starts_with("/api/v2")) return json(status, {{"code", code_of(status)}, {"message", message}});
  Response response = json(status, {{"error", message}});
  // In a header as well, where version 1 has it; without what a header cannot hold.
  std::string line(message);
  std::erase_if(line, [](char c) { return c < ' ' || c > '~'; });
  response.fields.emplace_back("X-Influxdb-Error", line);
  return response;
}

Response busy(std::string_view path, int status, std::string_view message, core::DurationNs retry_after) {
  Response response = failure(path, status, message);
  response.fields.emplace_back("Retry-After",
                               std::to_string(std::max<core::DurationNs>(1, retry_after / core::kSecond)));
  return response;
}

Response written(std::string_view path, const LineLane::Outcome& outcome) {
  if (outcome.lines_dropped == 0) return empty();
  const bool more = outcome.lines_dropped > outcome.problems.size();
  return failure(path, 400,
                 fmt::format("partial write: {}{} dropped={}", fmt::join(outcome.problems, "; "), more ? "; …" : "",
                             outcome.lines_dropped));
}

Response ping() {
  return empty();
}

Response health() {
  return json(200, {{"name", "influxdb"},
                    {"message", "ready for writes"},
                    {"status", "pass"},
                    {"checks", nlohmann::ordered_json::array()},
                    {"version", kVersion}});
}

Response query(const http::Request& request) {
  auto statement = http::query_value(request.query, "q");
  if (statement && !*statement) statement = http::query_value(request.body, "q");
  if (statement && *statement) {
    // Of a form, where a space is a plus.
    std::string text = **statement;
    std::replace(text.begin(), text.end(), '+', ' ');
    if (creates_a_database(text)) {
      return json(200, {{"results", nlohmann::ordered_json::array({{{"statement_id", 0}}})}});
    }
  }
  return failure("/query", 501, "this port takes readings in; history is read from the API: /machines/{id}/history");
}

}  // namespace millwright::connectors::influx
