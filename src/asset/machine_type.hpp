// Machine types: reusable descriptions of a machine's components and sensors, each in `<name>.yaml`, and what a machine
// of the plant file changes in one. Private to asset.
//
// Threads: one at a time. Errors: problems of the document; a type that has any is still given, to find more.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "asset/address.hpp"
#include "asset/command_spec.hpp"
#include "asset/feature_spec.hpp"
#include "asset/model.hpp"
#include "asset/oee_spec.hpp"
#include "config/document.hpp"
#include "core/block.hpp"

namespace millwright::asset {

inline constexpr double kRateMaxHz = 100'000;
inline constexpr std::size_t kCoefficientsMax = 16;
inline constexpr std::size_t kExtendsMax = 16;  // types one on the other

struct SensorSpec {
  std::string name;
  std::string description;
  core::ValueType type = core::ValueType::kFloat64;
  const Unit* unit = nullptr;
  std::optional<Range> range;
  double rate_hz = 1;
  Calibration calibration;
  std::map<std::int64_t, std::string> states;
  AddressTemplate address = AddressTemplate::standard();
  std::string stream = "default";
  bool monitored = true;
  std::optional<FeatureSpec> features;
  config::Place place;
};

struct ComponentSpec {
  std::string name;
  std::string part_of;
  std::string description;
  std::vector<SensorSpec> sensors;
  std::optional<Bearing> bearing;
  std::string manufacturer;
  std::string model;
  std::string serial_number;
  config::Place place;
  std::string key;  // path in its file, for problems
};

struct MachineSpec {
  std::string description;
  std::vector<ComponentSpec> components;
  std::vector<SensorSpec> sensors;  // of the machine itself
  std::vector<CommandSpec> commands;
  std::optional<OeeSpec> oee;

  [[nodiscard]] std::size_t sensor_count() const;  // with feature sensors
  // visit(component or nullptr, sensor), without feature sensors.
  template <typename Visit>
  void each_sensor(Visit visit) const {
    for (const SensorSpec& sensor : sensors) visit(nullptr, sensor);
    for (const ComponentSpec& component : components) {
      for (const SensorSpec& sensor : component.sensors) visit(&component, sensor);
    }
  }
};

// Where a description stands: addresses in a type are templates, at a machine of the plant file they are final.
enum class SpecSource { kType, kMachine };

// Reads `components`, `sensors`, `commands`, `without` and `oee` of a type or machine onto what `spec` already holds:
// the same name changes only what it gives, a new name is added.
void apply_changes(config::Document& document, config::Section& section, SpecSource source, MachineSpec& spec);

// A problem at `key` unless `name` is a right asset name.
bool check_name(config::Section& section, std::string_view key, const std::string& name);
// The keys `unit` and `range`; nothing where there was a problem.
const Unit* read_unit(config::Section& section);
std::optional<Range> read_range(config::Section& section);

class TypeLibrary {
 public:
  // `directories` are searched in this order.
  TypeLibrary(config::Document& document, std::vector<std::string> directories);
  // nullptr where there is none, or none that can be read; the first use tells why at `key` of `where`.
  const MachineSpec* find(const std::string& name, config::Section& where, std::string_view key);

 private:
  void not_found(const std::string& name, config::Section& where, std::string_view key);
  std::optional<MachineSpec> read(const std::string& name, const std::string& path, config::Section& where,
                                  std::string_view key);

  config::Document& document_;
  std::vector<std::string> directories_;
  std::map<std::string, std::optional<MachineSpec>> types_;
  std::vector<std::string> reading_;  // the chain of `extends`
};

}  // namespace millwright::asset
