// The control charts' routes: what limits a machine's charts have learnt, and to learn them anew.
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/body.hpp"
#include "api/handlers.hpp"
#include "api/lookup.hpp"
#include "api/views.hpp"

namespace millwright::api {
namespace {

using core::ErrorCode;
using core::unexpected;

constexpr std::size_t kPathBytesMax = 1000;

}  // namespace

core::Result<Response> Handlers::limits(std::string_view name, const Identity& who) const {
  const auto machine = find_machine(services_.model, name, who);
  if (!machine) return unexpected(machine.error());
  Json charts = Json::array();
  if (services_.charts.of) {
    for (const ControlChart& chart : services_.charts.of((*machine)->id)) {
      charts.push_back(control_chart_json(services_.model.sensor(chart.sensor), chart));
    }
  }
  return json_response(to_text({{"machine", (*machine)->name}, {"charts", std::move(charts)}}));
}

core::Result<Response> Handlers::relearn(std::string_view name, std::string_view text, const Identity& who) const {
  static constexpr std::array<std::string_view, 2> kMembers = {"sensor", "chart"};
  const auto machine = find_machine(services_.model, name, who);
  if (!machine) return unexpected(machine.error());
  const auto body = Body::parse(text, kMembers);
  if (!body) return unexpected(body.error());
  const auto sensor_name = body->text("sensor", kPathBytesMax);
  if (!sensor_name) return unexpected(sensor_name.error());
  const auto chart = body->text("chart", kNameBytesMax);
  if (!chart) return unexpected(chart.error());
  core::SensorId sensor;
  if (!sensor_name->empty()) {
    const auto found = find_sensor(**machine, *sensor_name);
    if (!found) return unexpected(found.error());
    sensor = (*found)->id;
  }
  const std::size_t count = services_.charts.relearn ? services_.charts.relearn((*machine)->id, sensor, *chart) : 0;
  if (count == 0) {
    return unexpected(ErrorCode::kNotFound,
                      fmt::format("{} has no such control chart; GET /v1/machines/{}/limits lists those that exist",
                                  (*machine)->name, (*machine)->name));
  }
  return json_response(to_text({{"machine", (*machine)->name}, {"charts", count}}));
}

}  // namespace millwright::api
