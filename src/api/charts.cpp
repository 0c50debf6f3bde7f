// GET /v1/charts: several sensors over one range, with as many points as a screen has pixels.
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/handlers.hpp"
#include "api/history_rows.hpp"
#include "api/views.hpp"
#include "core/text.hpp"
#include "historian/chart.hpp"

namespace millwright::api {
namespace {

using core::ErrorCode;
using core::unexpected;

constexpr core::DurationNs kSpanDefault = core::kHour;
constexpr std::size_t kPointsDefault = 1000;
constexpr std::size_t kPointsMax = 10'000;
constexpr std::size_t kSensorsMax = 100;
constexpr std::array<std::string_view, 2> kMethods = {"minmax", "lttb"};

struct ChartQuery {
  std::vector<const asset::Sensor*> sensors;
  historian::Range range;
  std::size_t points = kPointsDefault;
  bool triangles = false;
};

core::Status read_sensors(const Parameters& parameters, const asset::Model& model, const Identity& who,
                          ChartQuery& query) {
  const auto names = parameters.text("sensors");
  if (!names) return unexpected(ErrorCode::kInvalid, "sensors: is missing; give full paths, with commas between them");
  for (const std::string_view name : core::split(*names, ',')) {
    const asset::Sensor* sensor = model.find_sensor(core::trim(name));
    if (sensor == nullptr || !who.sees(sensor->path)) {
      std::vector<std::string_view> paths;
      for (const asset::Sensor& each : model.sensors()) {
        if (who.sees(each.path)) paths.push_back(each.path);
      }
      return unexpected(ErrorCode::kNotFound, fmt::format("sensors={}: there is no such sensor{}; give its full path",
                                                          name, core::did_you_mean(name, paths)));
    }
    query.sensors.push_back(sensor);
  }
  if (query.sensors.size() <= kSensorsMax) return {};
  return unexpected(ErrorCode::kInvalid,
                    fmt::format("sensors: {} of them; a chart takes {}", query.sensors.size(), kSensorsMax));
}

template <typename Rows>
std::string items(const asset::Sensor& sensor, const core::Texts& texts, const Rows& rows) {
  std::string out;
  HistoryRows writer(sensor, texts, false);
  for (const auto& row : rows) writer.append(row, out);
  return out;
}

}  // namespace

core::Result<Response> Handlers::charts(const Parameters& parameters, const Identity& who,
                                        const std::function<bool()>& stopping) const {
  ChartQuery query;
  const auto range = parameters.range(services_.clock.now(), kSpanDefault);
  if (!range) return unexpected(range.error());
  query.range = {range->first, range->second};
  if (auto read = read_sensors(parameters, services_.model, who, query); !read) return unexpected(read.error());
  const auto points = parameters.number("points", kPointsDefault, historian::kChartPointsMin, kPointsMax);
  if (!points) return unexpected(points.error());
  const auto method = parameters.choice("method", kMethods, 0);
  if (!method) return unexpected(method.error());
  query.triangles = *method == 1;
  if (*points * query.sensors.size() > options_.history_rows_max) {
    return unexpected(ErrorCode::kInvalid, fmt::format("points={}: {} sensors of so many points are more than {} rows "
                                                       "(api.history_rows_max); ask for fewer",
                                                       *points, query.sensors.size(), options_.history_rows_max));
  }

  const core::DurationNs width = historian::chart_width(query.range, *points);
  const historian::Check go_on = check(stopping);
  std::string series;
  for (const asset::Sensor* sensor : query.sensors) {
    if (auto step = go_on(); !step) return unexpected(step.error());
    std::string rows;
    if (query.triangles) {
      const auto chosen =
          historian::largest_triangles(services_.historian, services_.model, sensor->id, query.range, *points, go_on);
      if (!chosen) return unexpected(chosen.error());
      rows = items(*sensor, services_.historian.texts(), *chosen);
    } else {
      std::optional<core::TimeNs> next;
      const auto intervals = services_.historian.aggregates(sensor->id, query.range, width, *points, &next);
      if (!intervals) return unexpected(intervals.error());
      rows = items(*sensor, services_.historian.texts(), *intervals);
    }
    series += fmt::format(R"({}{{"sensor":{},"unit":{},"items":[{}]}})", series.empty() ? "" : ",",
                          to_text(Json(sensor->path)),
                          to_text(sensor->unit == nullptr ? Json() : Json(sensor->unit->symbol)), rows);
  }
  const std::string head =
      to_text({{"from", core::format_time(query.range.from)},
               {"to", core::format_time(query.range.to)},
               {"method", kMethods[*method]},
               {"interval_s", query.triangles ? Json() : Json(static_cast<double>(width) * 1e-9)}});
  Response response;
  response.content_type = "application/json";
  response.body = fmt::format(R"({},"series":[{}]}})", std::string_view(head).substr(0, head.size() - 1), series);
  return response;
}

}  // namespace millwright::api
