// The asset model: enterprise / site / area / line / cell / machine / component / sensor (ISA-95, ISO 14224), as read
// from YAML. Immutable once built; a changed plant is a new Model.
//
// Threads: a const Model from any thread. Ids are dense: SensorId and MachineId index sensors() and machines().
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "asset/command.hpp"
#include "asset/features.hpp"
#include "asset/oee.hpp"
#include "asset/units.hpp"
#include "core/block.hpp"
#include "core/ids.hpp"
#include "core/result.hpp"

namespace millwright::asset {

// Engineering value = c0 + c1 * raw + c2 * raw^2 + …; empty = as it comes.
struct Calibration {
  std::vector<double> coefficients;
  [[nodiscard]] bool identity() const { return coefficients.empty(); }
  [[nodiscard]] double apply(double raw) const;
};

struct Sensor {
  core::SensorId id;
  core::MachineId machine;
  std::string name;       // "vibration-de"
  std::string path;       // "acme/lyon/utilities/cooling/pumps/pump-1/pump/vibration-de"
  std::string component;  // name of the component it measures, "" for the machine itself
  std::string description;
  core::ValueType type = core::ValueType::kFloat64;
  const Unit* unit = nullptr;  // nullptr: no unit
  std::optional<Range> range;  // EURange; readings outside are uncertain
  double rate_hz = 1;          // nominal
  Calibration calibration;
  SourceAddress source;
  std::map<std::int64_t, std::string> states;  // names of an enumeration's codes (type kState)
  bool monitored = true;                       // SPC charts it unless told otherwise; never for states, counts, bools
  std::optional<Feature> feature;              // computed from another sensor: it has no source
  std::shared_ptr<const Analysis> analysis;    // of its waveform; nullptr: none
};

struct Component {
  std::string name;     // "motor"
  std::string part_of;  // another component of the machine, or ""
  std::string description;
  std::vector<core::SensorId> sensors;
  std::optional<Bearing> bearing;
  std::string manufacturer = {};
  std::string model = {};
  std::string serial_number = {};
};

struct Machine {
  core::MachineId id;
  std::string name;  // "pump-1"; unique in the whole model, the {id} of the REST paths
  std::string path;  // "acme/lyon/utilities/cooling/pumps/pump-1"
  std::string type;  // machine type, "centrifugal-pump"
  std::string description;
  std::string manufacturer;
  std::string model;
  std::string serial_number;
  std::string product_instance_uri;  // the manufacturer's name for this one machine in all the world; "": not known
  std::string hardware_revision;
  std::string software_revision;
  std::string location;          // where it stands, in words
  int year_of_construction = 0;  // 0: not known
  // enterprise, site, area, line, cell
  std::array<std::string, 5> hierarchy;
  std::string time_zone;                // its site's, an IANA name such as "Europe/Paris"; "" = not given
  std::vector<Component> components;    // sensors of the machine itself are in no component
  std::vector<core::SensorId> sensors;  // all of them
  std::vector<Command> commands;
  std::shared_ptr<const Oee> oee;  // nullptr: its effectiveness is not computed
};

class Model {
 public:
  Model(std::vector<Machine> machines, std::vector<Sensor> sensors);

  [[nodiscard]] std::span<const Machine> machines() const { return machines_; }
  [[nodiscard]] std::span<const Sensor> sensors() const { return sensors_; }
  [[nodiscard]] const Machine& machine(core::MachineId id) const { return machines_.at(id.value); }
  [[nodiscard]] const Sensor& sensor(core::SensorId id) const { return sensors_.at(id.value); }
  // By name ("pump-1") or full path; nullptr where there is none.
  [[nodiscard]] const Machine* find_machine(std::string_view name_or_path) const;
  // By full path, or within a machine by "component/sensor" or, where only one has it, "sensor".
  [[nodiscard]] const Sensor* find_sensor(std::string_view path) const;
  [[nodiscard]] const Sensor* find_sensor(const Machine& machine, std::string_view name) const;
  // The component that it measures; nullptr: the machine itself.
  [[nodiscard]] const Component* component_of(const Sensor& sensor) const;
  // The sensors that a connector feeds.
  [[nodiscard]] std::vector<core::SensorId> sensors_of(std::string_view connector) const;

 private:
  std::vector<Machine> machines_;
  std::vector<Sensor> sensors_;
  std::unordered_map<std::string, core::MachineId> machine_by_name_;
  std::unordered_map<std::string, core::SensorId> sensor_by_path_;
};

}  // namespace millwright::asset
