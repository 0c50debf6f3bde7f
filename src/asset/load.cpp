#include "asset/load.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "asset/machine_type.hpp"
#include "core/text.hpp"

namespace millwright::asset {

namespace {

using config::Section;

struct StreamTarget {
  std::string connector;
  std::string address_prefix;
};
using Streams = std::map<std::string, StreamTarget>;

struct Level {
  std::string_view key;   // of the list
  std::string_view name;  // of one of them
};
// Below the enterprise; a machine's `hierarchy` holds them from 1 on.
constexpr std::array<Level, 4> kLevels{{{"sites", "site"}, {"areas", "area"}, {"lines", "line"}, {"cells", "cell"}}};

// Who has a machine name.
struct Claim {
  std::string path;
  config::Place place;
};

// Where in the plant the reading stands.
struct Scope {
  std::array<std::string, 5> hierarchy;
  std::string path;
  std::string time_zone;
  Streams streams;
};

// The site's time zone, an IANA name; checked against the machine's own database where it has one.
std::string read_time_zone(Section& section) {
  const std::string name = section.text("time_zone", {.fallback = ""});
  if (name.empty()) return name;
  const std::filesystem::path database = "/usr/share/zoneinfo";
  const bool plain = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '/' || c == '_' || c == '-' || c == '+';
  });
  std::error_code ignored;
  const bool known =
      !std::filesystem::is_directory(database, ignored) || std::filesystem::is_regular_file(database / name, ignored);
  if (plain && name.front() != '/' && known) return name;
  section.problem("time_zone", fmt::format("'{}' is no time zone; write an IANA name such as Europe/Paris", name));
  return "";
}

std::string no_connector(std::string_view what, std::string_view name, std::string_view stream) {
  return fmt::format(
      "its {} {} is on the stream '{}', which has no connector here; add 'streams: {{{}: <connector>}}' "
      "at the machine or above it",
      what, name, stream, stream);
}

class Loader {
 public:
  Loader(config::Document& document, const std::vector<std::string>& connectors, std::vector<std::string> directories,
         std::size_t sensors_max, const CheckAddress& check)
      : document_(document),
        connectors_(connectors.begin(), connectors.end()),
        types_(document, std::move(directories)),
        sensors_max_(sensors_max),
        check_(check) {}

  Model load(Section& assets);

 private:
  void read_level(Section& parent, std::size_t depth, const Scope& scope);
  void read_streams(Section& section, Streams& streams);
  void read_machine(Section& section, const Scope& parent);
  // The machine's place in the model, or a problem where its name is taken.
  bool claim_name(Section& section, const std::string& name, const std::string& path);
  void add_sensors(Section& section, const Scope& scope, const MachineSpec& spec, Machine& machine);
  bool add_sensor(Section& section, const Scope& scope, const SensorSpec& spec, std::string_view component,
                  Machine& machine);
  void add_commands(Section& section, const Scope& scope, const MachineSpec& spec, Machine& machine);
  void add_features(const MachineSpec& spec, Machine& machine, std::size_t first);
  void add_oee(const OeeSpec& spec, Machine& machine);
  bool claim_address(Section& section, const SensorSpec& spec, const Sensor& sensor);
  void check_command(Section& section, const Machine& machine, const Command& command);
  [[nodiscard]] config::Place place_of(core::SensorId sensor) const;

  config::Document& document_;
  std::vector<std::string_view> connectors_;
  TypeLibrary types_;
  std::size_t sensors_max_;
  const CheckAddress& check_;
  std::vector<Machine> machines_;
  std::vector<Sensor> sensors_;
  std::vector<config::Place> machine_places_;
  std::unordered_map<std::string, Claim> names_;  // also of machines that are not in the model, for their mistakes
  std::unordered_map<std::string, core::SensorId> sensor_by_address_;          // "<connector>\n<address>"
  std::unordered_map<core::SensorId, config::Place> places_of_own_addresses_;  // given at the machine, not by a type
  bool full_ = false;
};

Model Loader::load(Section& assets) {
  Scope scope;
  scope.hierarchy[0] = assets.text("enterprise");
  check_name(assets, "enterprise", scope.hierarchy[0]);
  scope.path = scope.hierarchy[0];
  read_streams(assets, scope.streams);
  read_level(assets, 0, scope);
  if (machines_.empty() && document_.problems().empty()) {
    assets.problem("sites", "there are no machines; list sites, areas, lines, cells and their machines");
  }
  assets.finish();
  return {std::move(machines_), std::move(sensors_)};
}

void Loader::read_level(Section& parent, std::size_t depth, const Scope& scope) {
  if (depth == kLevels.size()) {
    for (Section& machine : parent.sections("machines")) {
      if (full_) return;
      read_machine(machine, scope);
    }
    return;
  }
  std::map<std::string, config::Place> given;
  for (Section& section : parent.sections(kLevels[depth].key)) {
    Scope inner = scope;
    const std::string name = section.text("name");
    if (check_name(section, "name", name)) {
      const auto [before, added] = given.emplace(name, section.place("name"));
      if (!added) {
        section.problem("name", fmt::format("{} '{}' is given twice, first at {}; put them together or rename one",
                                            kLevels[depth].name, name, to_string(before->second)));
      }
    }
    inner.hierarchy[depth + 1] = name;
    inner.path += "/" + name;
    section.text("description", {.fallback = ""});
    if (depth == 0) inner.time_zone = read_time_zone(section);
    read_streams(section, inner.streams);
    read_level(section, depth + 1, inner);
    section.finish();
  }
}

void Loader::read_streams(Section& section, Streams& streams) {
  if (!section.has("streams")) return;
  Section map = section.section("streams");
  for (const std::string& stream : map.keys()) {
    check_name(map, stream, stream);
    StreamTarget target;
    if (map.is_section(stream)) {
      Section entry = map.section(stream);
      target.connector = entry.text("connector");
      target.address_prefix = entry.text("address_prefix", {.fallback = ""});
      entry.finish();
    } else {
      target.connector = map.text(stream);
    }
    if (!target.connector.empty() &&
        std::find(connectors_.begin(), connectors_.end(), target.connector) == connectors_.end()) {
      map.problem(
          stream,
          fmt::format(
              "there is no connector '{}'{}; {}", target.connector, core::did_you_mean(target.connector, connectors_),
              connectors_.empty() ? "none is configured" : fmt::format("there are: {}", fmt::join(connectors_, ", "))));
    }
    streams[stream] = std::move(target);
  }
  map.finish();
}

bool Loader::claim_name(Section& section, const std::string& name, const std::string& path) {
  const auto [before, added] = names_.try_emplace(name, Claim{path, section.place("name")});
  if (added) return true;
  const Claim& other = before->second;
  section.problem("name",
                  fmt::format("{} cannot have the name of {} at {}; machine names are unique in the whole plant", path,
                              other.path, to_string(other.place)));
  return false;
}

void Loader::read_machine(Section& section, const Scope& parent) {
  Machine machine;
  machine.id = core::MachineId(machines_.size());
  machine.name = section.text("name");
  machine.path = parent.path + "/" + machine.name;
  const bool named = check_name(section, "name", machine.name) && claim_name(section, machine.name, machine.path);
  machine.hierarchy = parent.hierarchy;
  machine.time_zone = parent.time_zone;
  machine.manufacturer = section.text("manufacturer", {.fallback = ""});
  machine.model = section.text("model", {.fallback = ""});
  machine.serial_number = section.text("serial_number", {.fallback = ""});
  machine.product_instance_uri = section.text("product_instance_uri", {.fallback = ""});
  machine.hardware_revision = section.text("hardware_revision", {.fallback = ""});
  machine.software_revision = section.text("software_revision", {.fallback = ""});
  machine.location = section.text("location", {.fallback = ""});
  machine.year_of_construction =
      static_cast<int>(section.integer("year_of_construction", {.fallback = 0, .low = 0, .high = 9999}));
  machine.type = section.text("type", {.fallback = ""});

  const MachineSpec* spec = nullptr;
  MachineSpec own;
  bool usable = true;
  if (section.has("type")) {
    spec = types_.find(machine.type, section, "type");
    usable = spec != nullptr;
  }
  const bool changed = section.has("components") + section.has("sensors") + section.has("without") +
                           section.has("commands") + section.has("oee") >
                       0;
  if (changed && usable) {
    if (spec != nullptr) own = *spec;
    apply_changes(document_, section, SpecSource::kMachine, own);
    spec = &own;
  }
  machine.description = section.text("description", {.fallback = spec != nullptr ? spec->description : ""});
  if (usable && (spec == nullptr || spec->sensor_count() == 0)) {
    section.problem("", "has no sensors; give it a 'type', or 'sensors' of its own");
    usable = false;
  }
  const bool own_streams = section.has("streams");
  if (named && usable) {
    machine_places_.push_back(section.place("name"));
    if (own_streams) {
      Scope scope = parent;
      read_streams(section, scope.streams);
      add_sensors(section, scope, *spec, machine);
    } else {
      add_sensors(section, parent, *spec, machine);
    }
    machines_.push_back(std::move(machine));
  }
  section.finish();
}

void Loader::add_sensors(Section& section, const Scope& scope, const MachineSpec& spec, Machine& machine) {
  if (sensors_.size() + spec.sensor_count() > sensors_max_) {
    section.problem(
        "", fmt::format("with this machine there are more than {} sensors, the limit of one node", sensors_max_));
    full_ = true;
    return;
  }
  const std::size_t first = sensors_.size();
  for (const SensorSpec& sensor : spec.sensors) add_sensor(section, scope, sensor, "", machine);
  machine.components.reserve(spec.components.size());
  for (const ComponentSpec& component : spec.components) {
    Component& added = machine.components.emplace_back();
    added.name = component.name;
    added.part_of = component.part_of;
    added.description = component.description;
    added.bearing = component.bearing;
    added.manufacturer = component.manufacturer;
    added.model = component.model;
    added.serial_number = component.serial_number;
    for (const SensorSpec& sensor : component.sensors) {
      if (add_sensor(section, scope, sensor, component.name, machine)) added.sensors.push_back(sensors_.back().id);
    }
  }
  add_commands(section, scope, spec, machine);
  if (spec.sensor_count() > sensors_.size() - first && document_.problems().empty()) add_features(spec, machine, first);
  if (spec.oee && document_.problems().empty()) add_oee(*spec.oee, machine);
}

void Loader::add_oee(const OeeSpec& spec, Machine& machine) {
  machine.oee = make_oee(document_, spec, [&](const std::string& name) -> const Sensor* {
    for (const core::SensorId id : machine.sensors) {
      const Sensor& sensor = sensors_[id.value];
      const bool whole = sensor.component.empty() ? sensor.name == name : sensor.component + "/" + sensor.name == name;
      if (whole) return &sensor;
    }
    for (const core::SensorId id : machine.sensors) {
      if (sensors_[id.value].name == name) return &sensors_[id.value];
    }
    return nullptr;
  });
}

void Loader::add_commands(Section& section, const Scope& scope, const MachineSpec& spec, Machine& machine) {
  for (const CommandSpec& known : spec.commands) {
    const auto target = scope.streams.find(known.stream);
    if (target == scope.streams.end()) {
      section.problem("", no_connector("command", known.command.name, known.stream));
      continue;
    }
    Command& command = machine.commands.emplace_back(known.command);
    const AddressParts parts{machine.hierarchy, machine.name, "", command.name};
    command.target = {target->second.connector, known.address.expand(target->second.address_prefix, parts)};
    if (command.kind == CommandKind::kCall) {
      command.object = known.object.expand(target->second.address_prefix, parts);
    }
    if (check_) check_command(section, machine, command);
  }
}

void Loader::check_command(Section& section, const Machine& machine, const Command& command) {
  core::Status right = check_(command.target.connector, command.target.address);
  if (right && command.kind == CommandKind::kCall) right = check_(command.target.connector, command.object);
  if (!right) section.problem("", fmt::format("command {}/{}: {}", machine.path, command.name, right.error().message));
}

// Behind all of the machine's own sensors, so that theirs may be looked up; from `first` on they are in the order of
// the description. Only where there are no problems, which are names that do not fit and sensors that were left out.
void Loader::add_features(const MachineSpec& spec, Machine& machine, std::size_t first) {
  std::unordered_map<std::string, core::SensorId> ids;
  for (std::size_t i = first; i < sensors_.size(); ++i) {
    const Sensor& sensor = sensors_[i];
    ids.emplace(sensor.component.empty() ? sensor.name : sensor.component + "/" + sensor.name, sensor.id);
  }
  core::SensorId next(first);
  spec.each_sensor([&](const ComponentSpec* component, const SensorSpec& of) {
    const core::SensorId source = next;
    next = core::SensorId(next.value + std::size_t{1});
    const std::vector<NamedFeature> features = features_of(of);
    if (features.empty()) return;
    auto analysis = std::make_shared<Analysis>(analysis_of(*of.features));
    if (const auto speed = speed_sensor(spec, *of.features)) analysis->speed = ids.at(*speed);
    for (const NamedFeature& named : features) {
      Sensor sensor = feature_sensor(of, named);
      sensor.id = core::SensorId(sensors_.size());
      sensor.machine = machine.id;
      sensor.component = sensors_[source.value].component;
      sensor.path = sensors_[source.value].path + "-" + named.suffix;
      sensor.feature->of = source;
      analysis->features.push_back(sensor.id);
      machine.sensors.push_back(sensor.id);
      if (component != nullptr) {
        machine.components[static_cast<std::size_t>(component - spec.components.data())].sensors.push_back(sensor.id);
      }
      sensors_.push_back(std::move(sensor));
    }
    sensors_[source.value].analysis = std::move(analysis);
  });
}

bool Loader::add_sensor(Section& section, const Scope& scope, const SensorSpec& spec, std::string_view component,
                        Machine& machine) {
  const auto target = scope.streams.find(spec.stream);
  if (target == scope.streams.end()) {
    section.problem(
        "",
        no_connector("sensor", fmt::format("{}{}{}", component, component.empty() ? "" : "/", spec.name), spec.stream));
    return false;
  }
  Sensor sensor;
  sensor.id = core::SensorId(sensors_.size());
  sensor.machine = machine.id;
  sensor.name = spec.name;
  sensor.path = component.empty() ? fmt::format("{}/{}", machine.path, spec.name)
                                  : fmt::format("{}/{}/{}", machine.path, component, spec.name);
  sensor.component = component;
  sensor.description = spec.description;
  sensor.type = spec.type;
  sensor.unit = spec.unit;
  sensor.range = spec.range;
  sensor.rate_hz = spec.rate_hz;
  sensor.calibration = spec.calibration;
  sensor.source.connector = target->second.connector;
  sensor.source.address =
      spec.address.expand(target->second.address_prefix, {machine.hierarchy, machine.name, component, spec.name});
  sensor.states = spec.states;
  sensor.monitored = spec.monitored;
  if (!claim_address(section, spec, sensor)) return false;
  machine.sensors.push_back(sensor.id);
  sensors_.push_back(std::move(sensor));
  return true;
}

bool Loader::claim_address(Section& section, const SensorSpec& spec, const Sensor& sensor) {
  const auto [before, added] =
      sensor_by_address_.emplace(sensor.source.connector + "\n" + sensor.source.address, sensor.id);
  const config::Place place = spec.address.is_literal() ? spec.place : section.place();
  if (added) {
    if (spec.address.is_literal()) places_of_own_addresses_.emplace(sensor.id, spec.place);
    const core::Status right = check_ ? check_(sensor.source.connector, sensor.source.address) : core::Status();
    if (!right) document_.problem({place, section.path(), fmt::format("{}: {}", sensor.path, right.error().message)});
    return true;
  }
  // A sensor of this very machine is not yet in machines_, but its place is already in machine_places_.
  const Sensor& other = sensors_[before->second.value];
  document_.problem(
      {place, section.path(),
       fmt::format("{} reads '{}' of connector '{}', which {} at {} reads already", sensor.path, sensor.source.address,
                   sensor.source.connector, other.path, to_string(place_of(other.id)))});
  return false;
}

config::Place Loader::place_of(core::SensorId sensor) const {
  const auto own = places_of_own_addresses_.find(sensor);
  return own != places_of_own_addresses_.end() ? own->second : machine_places_[sensors_[sensor.value].machine.value];
}

// `assets.machine_types`, each meant from the plant file, then the shipped ones.
std::vector<std::string> type_folders(const config::Document& document, Section& assets,
                                      const std::vector<std::string>& shipped) {
  std::vector<std::string> folders;
  for (const std::string& given : assets.texts("machine_types")) {
    const std::filesystem::path folder = std::filesystem::path(document.directory()) / given;
    std::error_code ignored;
    if (!std::filesystem::is_directory(folder, ignored)) {
      assets.problem("machine_types", fmt::format("there is no folder {}", folder.string()));
    }
    folders.push_back(folder.lexically_normal().string());
  }
  folders.insert(folders.end(), shipped.begin(), shipped.end());
  return folders;
}

}  // namespace

Model load(config::Document& document, config::Section assets, const std::vector<std::string>& connectors,
           const std::vector<std::string>& type_directories, std::size_t sensors_max, const CheckAddress& check) {
  const std::vector<std::string> folders = type_folders(document, assets, type_directories);
  return Loader(document, connectors, folders, sensors_max, check).load(assets);
}

}  // namespace millwright::asset
