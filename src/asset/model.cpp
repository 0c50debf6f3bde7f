#include "asset/model.hpp"

#include <algorithm>
#include <utility>

#include "core/assert.hpp"

namespace millwright::asset {

double Calibration::apply(double raw) const {
  if (identity()) return raw;
  double value = 0;
  for (auto coefficient = coefficients.rbegin(); coefficient != coefficients.rend(); ++coefficient) {
    value = value * raw + *coefficient;
  }
  return value;
}

Model::Model(std::vector<Machine> machines, std::vector<Sensor> sensors)
    : machines_(std::move(machines)), sensors_(std::move(sensors)) {
  machine_by_name_.reserve(machines_.size());
  sensor_by_path_.reserve(sensors_.size());
  for (std::size_t i = 0; i < machines_.size(); ++i) {
    ASSERT(machines_[i].id == core::MachineId(i), "machine ids are not dense");
    ASSERT(machine_by_name_.emplace(machines_[i].name, machines_[i].id).second, "two machines of one name");
  }
  for (std::size_t i = 0; i < sensors_.size(); ++i) {
    ASSERT(sensors_[i].id == core::SensorId(i), "sensor ids are not dense");
    ASSERT(sensors_[i].machine.value < machines_.size(), "a sensor of no machine");
    ASSERT(sensor_by_path_.emplace(sensors_[i].path, sensors_[i].id).second, "two sensors of one path");
  }
}

const Machine* Model::find_machine(std::string_view name_or_path) const {
  const auto slash = name_or_path.rfind('/');
  const bool is_path = slash != std::string_view::npos;
  const auto found = machine_by_name_.find(std::string(is_path ? name_or_path.substr(slash + 1) : name_or_path));
  if (found == machine_by_name_.end()) return nullptr;
  const Machine& machine = machines_[found->second.value];
  return is_path && machine.path != name_or_path ? nullptr : &machine;
}

const Sensor* Model::find_sensor(std::string_view path) const {
  const auto found = sensor_by_path_.find(std::string(path));
  return found == sensor_by_path_.end() ? nullptr : &sensors_[found->second.value];
}

const Sensor* Model::find_sensor(const Machine& machine, std::string_view name) const {
  // A sensor of the machine itself goes before those of its components.
  if (const Sensor* exact = find_sensor(machine.path + "/" + std::string(name)); exact != nullptr) return exact;
  const Sensor* only = nullptr;
  for (const core::SensorId id : machine.sensors) {
    if (sensor(id).name != name) continue;
    if (only != nullptr) return nullptr;
    only = &sensor(id);
  }
  return only;
}

const Component* Model::component_of(const Sensor& sensor) const {
  const std::vector<Component>& components = machine(sensor.machine).components;
  const auto found = std::find_if(components.begin(), components.end(),
                                  [&](const Component& component) { return component.name == sensor.component; });
  return found == components.end() ? nullptr : &*found;
}

std::vector<core::SensorId> Model::sensors_of(std::string_view connector) const {
  std::vector<core::SensorId> ids;
  for (const Sensor& sensor : sensors_) {
    if (!sensor.feature && sensor.source.connector == connector) ids.push_back(sensor.id);
  }
  return ids;
}

}  // namespace millwright::asset
