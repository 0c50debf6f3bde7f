#include "history/source.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/text.hpp"

namespace millwright::history {
namespace {

// As the whole path, or as the end of it.
bool matches(std::string_view glob, std::string_view path) {
  if (core::glob_match(glob, path)) return true;
  for (std::size_t at = path.find('/'); at != std::string_view::npos; at = path.find('/', at + 1)) {
    if (core::glob_match(glob, path.substr(at + 1))) return true;
  }
  return false;
}

}  // namespace

core::Result<std::vector<core::SensorId>> select_sensors(const asset::Model& model,
                                                         std::span<const std::string> globs) {
  std::vector<bool> chosen(model.sensors().size(), globs.empty());
  for (const std::string& glob : globs) {
    bool any = false;
    const asset::Sensor* exact = model.find_sensor(glob);
    for (const asset::Sensor& sensor : model.sensors()) {
      if (exact != nullptr ? &sensor != exact : !matches(glob, sensor.path)) continue;
      chosen[sensor.id.value] = true;
      any = true;
    }
    if (any) continue;
    std::vector<std::string_view> paths;
    for (const asset::Sensor& sensor : model.sensors()) paths.push_back(sensor.path);
    return core::unexpected(core::ErrorCode::kNotFound,
                            fmt::format("no sensor matches '{}'{}", glob, core::did_you_mean(glob, paths)));
  }
  std::vector<core::SensorId> sensors;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (chosen[i]) sensors.emplace_back(i);
  }
  return sensors;
}

}  // namespace millwright::history
