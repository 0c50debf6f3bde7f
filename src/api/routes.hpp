// The routes: every path that the API answers, what it takes, and which handler it belongs to. openapi.json describes
// the same list; a test compares the two.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/http.hpp"
#include "core/result.hpp"

namespace millwright::api {

enum class RouteId {
  kPlant,
  kMachines,
  kTwin,
  kHistory,
  kCharts,
  kLimits,
  kRelearn,
  kAlarms,
  kAcknowledge,
  kReset,
  kShelve,
  kAlarmPerformance,
  kAlarmControls,
  kSuppress,
  kRelease,
  kModels,
  kAddModel,
  kDeployModel,
  kMachineModel,
  kSetMachineModel,
  kRollBackModel,
  kStream,
  kOpenApi,
  kHealth,
  kReady,
  kMetrics,
  kFiles,
};

inline constexpr std::string_view kJson = "application/json";

struct Route {
  RouteId id;
  std::string_view path;  // "{name}" stands for one part; the label of metrics
  bool post = false;      // POST alone, else GET and HEAD
  bool alias = false;     // also without "/v1"
  std::span<const std::string_view> parameters;
  std::string_view media = kJson;  // of a POST's body
  std::size_t body_bytes_max = 0;  // 0: as the options say
};

std::span<const Route> routes();
const Route& route(RouteId id);

struct Match {
  const Route* route = nullptr;
  std::string captured;  // what "{id}" stood for, decoded
};
// The path's route for POST or for GET and HEAD; where it has none for these, the other one. A path below /v1 that no
// route has gives nothing; any other falls to the dashboard's files. kInvalid on a path that is not percent-encoded as
// it should be.
core::Result<std::optional<Match>> match(std::string_view path, bool post);

// What the route's path takes: "GET, HEAD", "POST" or both.
std::string allowed_methods(const Route& route);

}  // namespace millwright::api
