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

std::optional<SparkplugPlace> parse_sparkplug_address(const std::string& address) {
  const std::size_t end = address.find('#');
  if (end == std::string::npos || end + 1 == address.size()) return std::nullopt;
  const std::string before = address.substr(0, end);
  const auto names = core::split(before, '/');
  const bool empty = std::any_of(names.begin(), names.end(), [](std::string_view name) { return name.empty(); });
  if (names.size() < 2 || names.size() > 3 || empty) return std::nullopt;
  return SparkplugPlace{.node = before.substr(0, names[0].size() + 1 + names[1].size()),
                        .device = names.size() == 3 ? std::string(names[2]) : std::string(),
                        .metric = address.substr(end + 1)};
}

SparkplugTargets::SparkplugTargets(const asset::Model& model, const std::string& connector)
    : model_(model), connector_(connector) {
  for (const core::SensorId id : model.sensors_of(connector)) {
    const asset::Sensor& sensor = model.sensor(id);
    sensors_.push_back(&sensor);
    const std::string& address = sensor.source.address;
    if (address.find('#') == std::string::npos) {
      by_name_ = true;
      continue;
    }
    const auto place = parse_sparkplug_address(address);
    if (!place) {
      misaddressed_.push_back(&sensor);
      continue;
    }
    nodes_.insert(place->node);
    by_address_[address].push_back(&sensor);
    metrics_[place_of(place->node, place->device)].push_back(place->metric);
  }
  for (auto& [device, metrics] : metrics_) {
    std::sort(metrics.begin(), metrics.end());
    metrics.erase(std::unique(metrics.begin(), metrics.end()), metrics.end());
  }
}

// The machine that is called as a device or node; nullptr: none.
const asset::Machine* SparkplugTargets::machine_of(std::string_view node, std::string_view device) const {
  if (!by_name_) return nullptr;
  return model_.find_machine(device.empty() ? node.substr(node.find('/') + 1) : device);
}

bool SparkplugTargets::by_name(const asset::Sensor& sensor) const {
  return sensor.source.connector == connector_ && !sensor.feature &&
         sensor.source.address.find('#') == std::string::npos;
}

std::vector<const asset::Sensor*> SparkplugTargets::find(std::string_view node, std::string_view device,
                                                         std::string_view metric) const {
  const auto found = by_address_.find(place_of(node, device).append("#").append(metric));
  if (found != by_address_.end()) return found->second;
  const asset::Machine* machine = machine_of(node, device);
  const asset::Sensor* sensor = machine != nullptr ? model_.find_sensor(*machine, metric) : nullptr;
  if (sensor == nullptr || !by_name(*sensor)) return {};
  return {sensor};
}

std::vector<SparkplugTargets::Part> SparkplugTargets::parts_of(std::string_view node, std::string_view device,
                                                               const std::string& metric) const {
  std::vector<Part> parts;
  const auto& named = metrics_of(node, device);
  for (const char begin : {'/', '['}) {
    const std::string prefix = metric + begin;
    for (auto at = std::lower_bound(named.begin(), named.end(), prefix); at != named.end(); ++at) {
      if (!at->starts_with(prefix)) break;
      parts.push_back({*at, find(node, device, *at)});
    }
  }
  const asset::Machine* machine = machine_of(node, device);
  if (machine == nullptr) return parts;
  for (const core::SensorId id : machine->sensors) {
    const asset::Sensor& sensor = model_.sensor(id);
    if (sensor.component == metric && by_name(sensor)) parts.push_back({metric + "/" + sensor.name, {&sensor}});
  }
  return parts;
}

const std::vector<std::string>& SparkplugTargets::metrics_of(std::string_view node, std::string_view device) const {
  static const std::vector<std::string> kNone;
  const auto found = metrics_.find(place_of(node, device));
  return found != metrics_.end() ? found->second : kNone;
}

}  // namespace millwright::connectors
