#include "history/sensor_names.hpp"

#include <vector>

#include <fmt/format.h>

#include "core/text.hpp"
#include "io/file_system.hpp"

namespace millwright::history {
namespace {

constexpr std::size_t kRememberedMax = 1'000'000;  // distinct names of one file

}  // namespace

SensorNames::SensorNames(const asset::Model& model) : model_(model) {
  const auto add = [](auto& names, std::string_view name, const asset::Sensor& sensor) {
    const auto [place, added] = names.try_emplace(std::string(name), &sensor);
    if (!added && place->second != &sensor) place->second = nullptr;
  };
  for (const asset::Sensor& sensor : model.sensors()) {
    const std::string_view path = sensor.path;
    for (std::size_t at = path.find('/'); at != std::string_view::npos; at = path.find('/', at + 1)) {
      add(by_end_, path.substr(at + 1), sensor);
    }
    if (!sensor.source.address.empty()) add(by_address_, sensor.source.address, sensor);
  }
}

core::Status SensorNames::read_mapping(const std::string& path) {
  io::RealFileSystem files;
  const auto bytes = io::read_file(files, path);
  if (!bytes) return core::unexpected(bytes.error());
  const std::string_view text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  std::size_t number = 0;
  for (const std::string_view whole : core::split(text, '\n')) {
    ++number;
    const auto bad = [&](const std::string& what) {
      return core::unexpected(core::ErrorCode::kInvalid, fmt::format("{}:{}: {}", path, number, what));
    };
    const std::string_view line = core::trim(whole);
    if (line.empty() || line.front() == '#') continue;
    const std::size_t comma = line.rfind(',');  // a path has none, a name may
    if (comma == std::string_view::npos) return bad("no ','; write <name in the file>,<sensor>");
    const std::string_view name = core::trim(line.substr(0, comma));
    const auto sensor = look_up(core::trim(line.substr(comma + 1)));
    if (!sensor) return bad(sensor.error().message);
    if (!known_.try_emplace(std::string(name), *sensor).second) return bad(fmt::format("'{}' comes twice", name));
  }
  return {};
}

core::Result<const asset::Sensor*> SensorNames::find(std::string_view name) {
  if (const auto known = known_.find(name); known != known_.end()) return known->second;
  auto found = look_up(name);
  if (known_.size() < kRememberedMax) known_.emplace(std::string(name), found);
  return found;
}

core::Result<const asset::Sensor*> SensorNames::look_up(std::string_view name) const {
  if (const asset::Sensor* sensor = model_.find_sensor(name); sensor != nullptr) return sensor;
  for (const auto* names : {&by_end_, &by_address_}) {
    const auto found = names->find(name);
    if (found == names->end()) continue;
    if (found->second != nullptr) return found->second;
    return core::unexpected(core::ErrorCode::kInvalid,
                            fmt::format("'{}' could be several sensors; write more of the path", name));
  }
  std::vector<std::string_view> paths;
  for (const asset::Sensor& sensor : model_.sensors()) paths.push_back(sensor.path);
  return core::unexpected(core::ErrorCode::kNotFound,
                          fmt::format("no sensor is called '{}'{}", name, core::did_you_mean(name, paths)));
}

}  // namespace millwright::history
