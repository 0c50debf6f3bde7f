#include "api/routes.hpp"

#include <algorithm>
#include <array>

#include "api/parameters.hpp"
#include "core/assert.hpp"
#include "core/text.hpp"
#include "models/bundle.hpp"

namespace millwright::api {
namespace {

constexpr std::array<std::string_view, 2> kPage = {"limit", "cursor"};
constexpr std::array<std::string_view, 8> kHistoryOf = {"sensor",    "from",  "to",     "resolution",
                                                        "aggregate", "limit", "cursor", "format"};
constexpr std::array<std::string_view, 5> kChartsOf = {"sensors", "from", "to", "points", "method"};
constexpr std::array<std::string_view, 5> kAlarmsOf = {"active", "suppressed", "machine", "limit", "cursor"};
constexpr std::array<std::string_view, 1> kPerformanceOf = {"period"};
constexpr std::array<std::string_view, 1> kStreamOf = {"machine"};

constexpr std::string_view kModelBundle = "application/vnd.millwright.model";

constexpr std::array<Route, 27> kRoutes = {{
    {RouteId::kPlant, "/v1/plant", false, false, {}},
    {RouteId::kMachines, "/v1/machines", false, true, kPage},
    {RouteId::kTwin, "/v1/machines/{id}/twin", false, true, {}},
    {RouteId::kHistory, "/v1/machines/{id}/history", false, true, kHistoryOf},
    {RouteId::kLimits, "/v1/machines/{id}/limits", false, true, {}},
    {RouteId::kRelearn, "/v1/machines/{id}/limits/relearn", true, true, {}},
    {RouteId::kCharts, "/v1/charts", false, false, kChartsOf},
    {RouteId::kAlarms, "/v1/alarms", false, false, kAlarmsOf},
    {RouteId::kAcknowledge, "/v1/alarms/{id}/acknowledge", true, false, {}},
    {RouteId::kReset, "/v1/alarms/{id}/reset", true, false, {}},
    {RouteId::kShelve, "/v1/alarms/{id}/shelve", true, false, {}},
    {RouteId::kAlarmPerformance, "/v1/alarm-performance", false, false, kPerformanceOf},
    {RouteId::kAlarmControls, "/v1/alarm-controls", false, false, {}},
    {RouteId::kSuppress, "/v1/alarm-controls", true, false, {}},
    {RouteId::kRelease, "/v1/alarm-controls/{id}/release", true, false, {}},
    {RouteId::kModels, "/v1/models", false, false, {}},
    {RouteId::kAddModel, "/v1/models", true, false, {}, kModelBundle, models::kBundleBytesMax},
    {RouteId::kDeployModel, "/v1/models/{id}/deployment", true, false, {}},
    {RouteId::kMachineModel, "/v1/machines/{id}/model", false, false, {}},
    {RouteId::kSetMachineModel, "/v1/machines/{id}/model", true, false, {}},
    {RouteId::kRollBackModel, "/v1/machines/{id}/model/rollback", true, false, {}},
    {RouteId::kStream, "/v1/stream", false, false, kStreamOf},
    {RouteId::kOpenApi, "/v1/openapi.json", false, false, {}},
    {RouteId::kHealth, "/healthz", false, false, {}},
    {RouteId::kReady, "/readyz", false, false, {}},
    {RouteId::kMetrics, "/metrics", false, false, {}},
    {RouteId::kFiles, "/{file}", false, false, {}},
}};

// Whether `parts` is the route's path; `captured` takes the part that "{id}" stands for, still encoded.
bool matches(std::string_view pattern, const std::vector<std::string_view>& parts, std::string_view& captured) {
  const auto wanted = core::split(pattern, '/');
  if (wanted.size() != parts.size()) return false;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (wanted[i].starts_with('{')) {
      if (parts[i].empty()) return false;
      captured = parts[i];
    } else if (wanted[i] != parts[i]) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::span<const Route> routes() {
  return kRoutes;
}

const Route& route(RouteId id) {
  const auto at = std::find_if(kRoutes.begin(), kRoutes.end(), [&](const Route& r) { return r.id == id; });
  ASSERT(at != kRoutes.end(), "a route without an entry");
  return *at;
}

core::Result<std::optional<Match>> match(std::string_view path, bool post) {
  const auto parts = core::split(path, '/');
  const Route* found = nullptr;
  std::string_view captured;
  for (const Route& candidate : kRoutes) {
    if (candidate.id == RouteId::kFiles || (found != nullptr && candidate.post != post)) continue;
    const std::string_view unprefixed = candidate.path.substr(candidate.alias ? 3 : 0);
    if (matches(candidate.path, parts, captured) || (candidate.alias && matches(unprefixed, parts, captured))) {
      found = &candidate;
      if (candidate.post == post) break;
    }
  }
  if (found != nullptr) {
    auto decoded = percent_decode(captured);
    if (!decoded) return core::unexpected(decoded.error().within("path"));
    return std::optional(Match{found, std::move(*decoded)});
  }
  if (parts.size() > 1 && parts[1] == "v1") return std::optional<Match>();
  return std::optional(Match{&route(RouteId::kFiles), std::string(path)});
}

std::string allowed_methods(const Route& route) {
  bool get = false;
  bool post = false;
  for (const Route& one : kRoutes) {
    if (one.path == route.path) (one.post ? post : get) = true;
  }
  return get && post ? "GET, HEAD, POST" : post ? "POST" : "GET, HEAD";
}

}  // namespace millwright::api
