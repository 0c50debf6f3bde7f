#include "connectors/sparkplug_targets.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace millwright::connectors {
namespace {

std::string place_of(std::string_view node, std::string_view device) {
  std::string place(node);
  if (!device.empty()) place.append("/").append(device);
  return place;
}

}  // namespace

SparkplugTargets::SparkplugTargets(const asset::Model& model, const std::string& connector)
    : model_(model), connector_(connector) {
  for (const core::SensorId id : model.sensors_of(connector)) {
    const asset::Sensor& sensor = model.sensor(id);
    sensors_.push_back(&sensor);
    const std::string& address = sensor.source.address;
    const std::size_t end = address.find('#');
    if (end == std::string::npos) {
      by_name_ = true;
      continue;
    }
    const std::string place = address.substr(0, end);
    const auto names = core::split(place, '/');
    const bool empty = std::any_of(names.begin(), names.end(), [](std::string_view name) { return name.empty(); });
    if (names.size() < 2 || names.size() > 3 || empty || end + 1 == address.size()) {
      misaddressed_.push_back(&sensor);
      continue;
    }
    nodes_.insert(place.substr(0, names[0].size() + 1 + names[1].size()));
    by_address_[address].push_back(&sensor);
    metrics_[place].push_back(address.substr(end + 1));
  }
}

std::vector<const asset::Sensor*> SparkplugTargets::find(std::string_view node, std::string_view device,
                                                         std::string_view metric) const {
  const auto found = by_address_.find(place_of(node, device).append("#").append(metric));
  if (found != by_address_.end()) return found->second;
  if (!by_name_) return {};
  const std::string_view name = device.empty() ? node.substr(node.find('/') + 1) : device;
  const asset::Machine* machine = model_.find_machine(name);
  const asset::Sensor* sensor = machine != nullptr ? model_.find_sensor(*machine, metric) : nullptr;
  const bool ours = sensor != nullptr && sensor->source.connector == connector_ && !sensor->feature &&
                    sensor->source.address.find('#') == std::string::npos;
  if (!ours) return {};
  return {sensor};
}

const std::vector<std::string>& SparkplugTargets::metrics_of(std::string_view node, std::string_view device) const {
  static const std::vector<std::string> kNone;
  const auto found = metrics_.find(place_of(node, device));
  return found != metrics_.end() ? found->second : kNone;
}

}  // namespace millwright::connectors
