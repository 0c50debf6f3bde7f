#include "asset/machine_type.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/text.hpp"

namespace millwright::asset {

namespace {

using config::Section;
using core::ValueType;

// In the order of ValueType.
constexpr std::array<std::string_view, core::kValueTypeCount> kTypeNames{"float64", "float32", "int64",
                                                                         "bool",    "state",   "text"};

bool is_float(ValueType type) {
  return type == ValueType::kFloat64 || type == ValueType::kFloat32;
}

// "Pump 1" → "pump-1"
std::string as_name(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool fits = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
    if (fits) {
      name += lower;
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  name.resize(std::min<std::size_t>(name.size(), 63));
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name;
}

template <typename Named>
Named* find_named(std::vector<Named>& list, std::string_view name) {
  const auto found = std::find_if(list.begin(), list.end(), [&](const Named& entry) { return entry.name == name; });
  return found == list.end() ? nullptr : &*found;
}

template <typename Named>
std::vector<std::string_view> names_of(const std::vector<Named>& list) {
  std::vector<std::string_view> names;
  for (const Named& entry : list) names.push_back(entry.name);
  return names;
}

std::string listed(const std::vector<std::string_view>& names) {
  return names.empty() ? "there are none" : fmt::format("there are: {}", fmt::join(names, ", "));
}

// What fits only some types of value; told where it was given, or at the sensor where the type was changed.
void check_against_type(Section& section, const SensorSpec& sensor) {
  const std::string_view type = core::to_string(sensor.type);
  const bool number = is_float(sensor.type) || sensor.type == ValueType::kInt64;
  if (!sensor.states.empty() && sensor.type != ValueType::kState) {
    section.problem("states", fmt::format("only a sensor of type state has states; this one is {}", type));
  }
  if (!sensor.calibration.identity() && !is_float(sensor.type)) {
    section.problem("calibration", fmt::format("only float64 and float32 are calibrated; this sensor is {}", type));
  }
  if (sensor.range && !number) section.problem("range", fmt::format("a sensor of type {} has no range", type));
  if (sensor.unit != nullptr && !number) section.problem("unit", fmt::format("a sensor of type {} has no unit", type));
  if (sensor.monitored && !is_float(sensor.type)) {
    section.problem("monitored", fmt::format("only float64 and float32 are monitored; this sensor is {}", type));
  }
}

void read_calibration(Section& section, SensorSpec& sensor) {
  sensor.calibration.coefficients = section.numbers("calibration");
  if (sensor.calibration.coefficients.size() > kCoefficientsMax) {
    section.problem("calibration", fmt::format("{} coefficients; at most {} are allowed",
                                               sensor.calibration.coefficients.size(), kCoefficientsMax));
  }
  const bool constant = std::all_of(sensor.calibration.coefficients.begin(), sensor.calibration.coefficients.end(),
                                    [first = true](double c) mutable { return std::exchange(first, false) || c == 0; });
  if (constant && !sensor.calibration.identity()) {
    section.problem("calibration", "makes every reading the same; give [offset, factor], such as [0, 0.1]");
  }
}

void read_states(Section& section, SensorSpec& sensor) {
  sensor.states = section.names_by_number("states");
  for (const auto& [code, name] : sensor.states) {
    if (code < INT32_MIN || code > INT32_MAX) {
      section.problem("states", fmt::format("the code {} does not fit 32 bits", code));
    }
    if (name.empty()) section.problem("states", fmt::format("the code {} needs a name", code));
  }
}

void read_address(Section& section, SpecSource source, SensorSpec& sensor) {
  const std::string text = section.text("address", {.fallback = "", .length_max = 1024});
  if (text.empty()) {
    section.problem("address", "is empty; give one, or remove the key");
  } else if (source == SpecSource::kMachine) {
    sensor.address = AddressTemplate::literal(text);
  } else if (auto address = AddressTemplate::parse(text); address) {
    sensor.address = std::move(*address);
  } else {
    section.problem("address", address.error().message);
  }
}

// Everything but the name, onto what the sensor already is.
void read_sensor(Section& section, SpecSource source, SensorSpec& sensor) {
  sensor.place = section.place();
  sensor.description = section.text("description", {.fallback = sensor.description});
  const bool typed = section.has("type");
  sensor.type = static_cast<ValueType>(section.choice("type", kTypeNames, static_cast<std::size_t>(sensor.type)));
  if (section.has("unit")) sensor.unit = read_unit(section);
  if (section.has("range")) sensor.range = read_range(section);
  sensor.rate_hz = section.number("rate_hz", {.fallback = sensor.rate_hz, .low = 0, .high = kRateMaxHz});
  if (sensor.rate_hz <= 0) section.problem("rate_hz", "must be above 0; for one reading a minute write 0.0167");
  if (section.has("calibration")) read_calibration(section, sensor);
  if (section.has("states")) read_states(section, sensor);
  if (section.has("address")) read_address(section, source, sensor);
  sensor.stream = section.text("stream", {.fallback = sensor.stream});
  if (section.has("stream")) check_name(section, "stream", sensor.stream);
  const bool by_default = typed ? is_float(sensor.type) : sensor.monitored;
  sensor.monitored = section.boolean("monitored", by_default);
  if (section.has("features")) {
    if (!sensor.features) sensor.features.emplace();
    read_features(section.section("features"), *sensor.features);
  }
  check_against_type(section, sensor);
}

// A list of sensors with its names looked up once, so that a machine of very many sensors loads in linear time.
class Home {
 public:
  explicit Home(std::vector<SensorSpec>& sensors) : sensors_(sensors) {
    for (std::size_t i = 0; i < sensors.size(); ++i) at_.emplace(sensors[i].name, i);
  }
  // The sensor, made where there is none yet.
  SensorSpec& sensor(const std::string& name) {
    const auto [at, added] = at_.emplace(name, sensors_.size());
    if (added) sensors_.emplace_back().name = name;
    return sensors_[at->second];
  }

 private:
  std::vector<SensorSpec>& sensors_;
  std::unordered_map<std::string, std::size_t> at_;
};

// Sensors by name as they were inherited, before the changes under way: each with its components ("" = the machine).
using Inherited = std::unordered_map<std::string, std::vector<std::string>>;

Inherited inherited_names(const MachineSpec& spec) {
  Inherited names;
  for (const SensorSpec& sensor : spec.sensors) names[sensor.name].push_back("");
  for (const ComponentSpec& component : spec.components) {
    for (const SensorSpec& sensor : component.sensors) names[sensor.name].push_back(component.name);
  }
  return names;
}

// The component that an entry of the `sensors` list is about, "" for the machine itself. Where the entry does not say:
// the inherited sensor of that name, as everywhere a sensor is named without its component. Nothing: a problem was
// told.
std::optional<std::string> component_of(Section& section, const std::string& name, MachineSpec& spec,
                                        const Inherited& inherited) {
  if (section.has("component")) {
    std::string component = section.text("component");
    if (find_named(spec.components, component) != nullptr) return component;
    const auto known = names_of(spec.components);
    section.problem("component", fmt::format("there is no component '{}'{}; {}", component,
                                             core::did_you_mean(component, known), listed(known)));
    return std::nullopt;
  }
  const auto holders = inherited.find(name);
  if (holders == inherited.end()) return "";
  const std::vector<std::string>& components = holders->second;
  if (components.size() == 1 || components.front().empty()) return components.front();
  section.problem("name", fmt::format("'{}' is a sensor of {} and of {}; say which with 'component'", name,
                                      components[0], components[1]));
  return std::nullopt;
}

// Names already given in one list, each with its place.
using Given = std::map<std::string, config::Place>;

// `name` with its component, where the list holds sensors of several.
bool check_new(Section& section, Given& given, const std::string& name, std::string_view what) {
  const auto [before, added] = given.emplace(name, section.place());
  if (!added) {
    section.problem("name", fmt::format("{} '{}' is given twice, first at {}; remove or rename one", what, name,
                                        to_string(before->second)));
  }
  return added;
}

void apply_component(Section& section, SpecSource source, MachineSpec& spec, Given& given) {
  const std::string name = section.text("name");
  ComponentSpec fresh;
  ComponentSpec* component = &fresh;  // read and dropped where the name is of no use
  if (check_name(section, "name", name) && check_new(section, given, name, "component")) {
    component = find_named(spec.components, name);
    if (component == nullptr) component = &spec.components.emplace_back();
  }
  component->name = name;
  component->place = section.place();
  component->key = section.path();
  component->part_of = section.text("part_of", {.fallback = component->part_of});
  component->description = section.text("description", {.fallback = component->description});
  component->manufacturer = section.text("manufacturer", {.fallback = component->manufacturer});
  component->model = section.text("model", {.fallback = component->model});
  component->serial_number = section.text("serial_number", {.fallback = component->serial_number});
  if (section.has("bearing")) component->bearing = read_bearing(section.section("bearing"));
  Given sensors;
  Home home(component->sensors);
  for (Section& entry : section.sections("sensors")) {
    const std::string sensor = entry.text("name");
    if (check_name(entry, "name", sensor) && check_new(entry, sensors, sensor, "sensor")) {
      read_sensor(entry, source, home.sensor(sensor));
      entry.finish();
    }
  }
  section.finish();
}

// Sensors of the type that a machine lacks: "pump/flow", or "flow" where only one has that name.
void apply_without(Section& section, MachineSpec& spec) {
  for (const std::string& name : section.texts("without")) {
    const auto slash = name.find('/');
    std::vector<std::vector<SensorSpec>*> homes;
    if (slash == std::string::npos) homes.push_back(&spec.sensors);
    for (ComponentSpec& component : spec.components) {
      if (slash == std::string::npos || component.name == name.substr(0, slash)) homes.push_back(&component.sensors);
    }
    const std::string sensor = slash == std::string::npos ? name : name.substr(slash + 1);
    std::erase_if(homes, [&](auto* home) { return find_named(*home, sensor) == nullptr; });
    if (homes.size() == 1) {
      std::erase_if(*homes.front(), [&](const SensorSpec& entry) { return entry.name == sensor; });
    } else if (homes.empty()) {
      section.problem("without", fmt::format("there is no sensor '{}' to leave out", name));
    } else {
      section.problem("without",
                      fmt::format("more than one component has a sensor '{0}'; write <component>/{0}", name));
    }
  }
}

void check_parts(config::Document& document, MachineSpec& spec) {
  for (const ComponentSpec& component : spec.components) {
    const std::string key = component.key + ".part_of";
    if (component.part_of.empty()) continue;
    if (find_named(spec.components, component.part_of) == nullptr) {
      const auto known = names_of(spec.components);
      document.problem({component.place, key,
                        fmt::format("there is no component '{}'{}; {}", component.part_of,
                                    core::did_you_mean(component.part_of, known), listed(known))});
      continue;
    }
    std::vector<std::string_view> chain{component.name};
    const ComponentSpec* at = &component;
    while (at != nullptr && !at->part_of.empty() && chain.size() <= spec.components.size()) {
      chain.push_back(at->part_of);
      if (at->part_of == component.name) break;
      at = find_named(spec.components, at->part_of);
    }
    // A ring is told once, at its first name.
    const bool ring = chain.size() > 1 && chain.back() == component.name;
    if (ring && *std::min_element(chain.begin(), chain.end()) == component.name) {
      document.problem({component.place, key, fmt::format("a ring of parts: {}", fmt::join(chain, " is part of "))});
    }
  }
}

}  // namespace

std::size_t MachineSpec::sensor_count() const {
  std::size_t count = 0;
  each_sensor([&](const ComponentSpec*, const SensorSpec& sensor) { count += 1 + feature_count(sensor); });
  return count;
}

const Unit* read_unit(Section& section) {
  const std::string text = section.text("unit");
  if (text.empty()) return nullptr;
  const Unit* unit = find_unit(text);
  if (unit != nullptr) return unit;
  std::vector<std::string_view> known;
  for (const Unit& candidate : units()) {
    known.push_back(candidate.symbol);
    known.push_back(candidate.code);
  }
  section.problem("unit", fmt::format("unknown unit '{}'{}; docs/configuration.md lists the units", text,
                                      core::did_you_mean(text, known)));
  return nullptr;
}

std::optional<Range> read_range(Section& section) {
  const std::vector<double> limits = section.numbers("range");
  if (limits.size() != 2) {
    section.problem("range", "give two numbers, the low and the high end, such as [0, 100]");
    return std::nullopt;
  }
  if (limits[0] >= limits[1]) {
    section.problem("range", fmt::format("the low end {} is not below the high end {}", core::format_double(limits[0]),
                                         core::format_double(limits[1])));
    return std::nullopt;
  }
  return Range{limits[0], limits[1]};
}

bool check_name(Section& section, std::string_view key, const std::string& name) {
  if (core::is_asset_name(name)) return true;
  if (!section.has(key)) return false;  // "is missing" was told
  const std::string better = as_name(name);
  section.problem(key,
                  fmt::format("'{}' is no name: lower-case letters, digits and single hyphens between them, at "
                              "most 63{}",
                              name.substr(0, 80), better.empty() ? "" : fmt::format(" (for example '{}')", better)));
  return false;
}

void apply_changes(config::Document& document, Section& section, SpecSource source, MachineSpec& spec) {
  if (section.has("without")) apply_without(section, spec);
  const Inherited inherited = inherited_names(spec);
  Given components;
  const bool any_components = section.has("components");
  for (Section& entry : section.sections("components")) apply_component(entry, source, spec, components);
  if (any_components) check_parts(document, spec);
  Given sensors;
  std::map<std::string, Home> homes;
  for (Section& entry : section.sections("sensors")) {
    const std::string name = entry.text("name");
    if (!check_name(entry, "name", name)) continue;
    const auto component = component_of(entry, name, spec, inherited);
    if (!component || !check_new(entry, sensors, component->empty() ? name : *component + "/" + name, "sensor"))
      continue;
    auto& list = component->empty() ? spec.sensors : find_named(spec.components, *component)->sensors;
    read_sensor(entry, source, homes.try_emplace(*component, list).first->second.sensor(name));
    entry.finish();
  }
  read_commands(section, source == SpecSource::kMachine, spec.commands);
  check_features(document, spec);
  if (section.has("oee")) {
    if (!spec.oee) spec.oee.emplace();
    read_oee(section.section("oee"), *spec.oee);
  }
}

TypeLibrary::TypeLibrary(config::Document& document, std::vector<std::string> directories)
    : document_(document), directories_(std::move(directories)) {}

const MachineSpec* TypeLibrary::find(const std::string& name, Section& where, std::string_view key) {
  const auto chain = std::find(reading_.begin(), reading_.end(), name);
  if (chain != reading_.end()) {
    where.problem(key,
                  fmt::format("a ring of types: {} extends {}", fmt::join(chain, reading_.end(), " extends "), name));
    return nullptr;
  }
  if (const auto known = types_.find(name); known != types_.end()) {
    return known->second ? &*known->second : nullptr;
  }
  std::optional<MachineSpec> spec;
  std::error_code ignored;
  const auto directory = std::find_if(directories_.begin(), directories_.end(), [&](const std::string& folder) {
    return std::filesystem::is_regular_file(std::filesystem::path(folder) / (name + ".yaml"), ignored);
  });
  if (!core::is_asset_name(name) || directory == directories_.end()) {
    not_found(name, where, key);
  } else if (reading_.size() >= kExtendsMax) {
    where.problem(key, fmt::format("more than {} types one on the other", kExtendsMax));
  } else {
    reading_.push_back(name);
    spec = read(name, (std::filesystem::path(*directory) / (name + ".yaml")).string(), where, key);
    reading_.pop_back();
  }
  const auto& stored = types_.insert_or_assign(name, std::move(spec)).first->second;
  return stored ? &*stored : nullptr;
}

void TypeLibrary::not_found(const std::string& name, Section& where, std::string_view key) {
  std::set<std::string> found;
  for (const std::string& directory : directories_) {
    std::error_code error;
    std::filesystem::directory_iterator entry(directory, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      if (entry->path().extension() == ".yaml") found.insert(entry->path().stem().string());
    }
  }
  const std::vector<std::string_view> known(found.begin(), found.end());
  where.problem(key, fmt::format("unknown machine type '{}'{}; {}; searched: {}", name, core::did_you_mean(name, known),
                                 listed(known),
                                 directories_.empty() ? "nowhere" : fmt::format("{}", fmt::join(directories_, ", "))));
}

std::optional<MachineSpec> TypeLibrary::read(const std::string& name, const std::string& path, Section& where,
                                             std::string_view key) {
  auto file = document_.include(path, where, key);
  if (!file) return std::nullopt;
  const std::string own_name = file->text("name");
  if (check_name(*file, "name", own_name) && own_name != name) {
    file->problem("name", fmt::format("'{}' does not fit the file's name; write {}", own_name, name));
  }
  MachineSpec spec;
  if (file->has("extends")) {
    const MachineSpec* base = find(file->text("extends"), *file, "extends");
    if (base == nullptr) return std::nullopt;
    spec = *base;
  }
  spec.description = file->text("description", {.fallback = spec.description});
  apply_changes(document_, *file, SpecSource::kType, spec);
  file->finish();
  return spec;
}

}  // namespace millwright::asset
