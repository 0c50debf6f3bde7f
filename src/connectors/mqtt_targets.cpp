#include "connectors/mqtt_targets.hpp"

#include <algorithm>

namespace millwright::connectors {
namespace {

using protocol::TopicNames;
using protocol::TopicPart;

std::string_view part(const TopicNames& names, TopicPart which) {
  return names[static_cast<std::size_t>(which)];
}

// The first five parts are those of the hierarchy.
bool lies_there(const asset::Machine& machine, const TopicNames& names) {
  for (std::size_t i = 0; i < machine.hierarchy.size(); ++i) {
    if (!names[i].empty() && names[i] != machine.hierarchy[i]) return false;
  }
  return true;
}

}  // namespace

MqttTargets::MqttTargets(const asset::Model& model, const std::string& connector,
                         const std::vector<protocol::TopicPattern>& patterns)
    : model_(model), connector_(connector), patterns_(patterns) {
  for (const core::SensorId id : model.sensors_of(connector)) {
    const asset::Sensor& sensor = model.sensor(id);
    sensors_.push_back(&sensor);
    by_address_[sensor.source.address].push_back(&sensor);
  }
}

std::vector<const asset::Sensor*> MqttTargets::find(std::string_view topic, std::string_view field) const {
  std::string address(topic);
  const auto with = [&](char separator) { return field.empty() ? address : address + separator + std::string(field); };
  for (const char separator : {'#', '/'}) {
    const auto found = by_address_.find(with(separator));
    if (found != by_address_.end()) return found->second;
  }
  if (const asset::Sensor* sensor = named(topic, field)) return {sensor};
  return {};
}

const asset::Sensor* MqttTargets::named(std::string_view topic, std::string_view field) const {
  TopicNames names;
  for (const protocol::TopicPattern& pattern : patterns_) {
    if (!pattern.names(TopicPart::kMachine) || !pattern.match(topic, names)) continue;
    const asset::Machine* machine = model_.find_machine(part(names, TopicPart::kMachine));
    if (machine == nullptr || !lies_there(*machine, names)) continue;
    std::string path;
    for (const std::string_view piece : {part(names, TopicPart::kComponent), part(names, TopicPart::kSensor), field}) {
      if (!piece.empty()) path += (path.empty() ? "" : "/") + std::string(piece);
    }
    const asset::Sensor* sensor = model_.find_sensor(*machine, path);
    if (sensor != nullptr && sensor->source.connector == connector_ && !sensor->feature) return sensor;
  }
  return nullptr;
}

}  // namespace millwright::connectors
