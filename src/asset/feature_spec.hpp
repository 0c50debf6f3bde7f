// The `features` of a sensor as a machine type or plant file gives them, and the feature sensors that come of them.
// Private to asset.
//
// Threads: one at a time. Errors: problems of the document.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "asset/features.hpp"
#include "config/document.hpp"

namespace millwright::asset {

struct MachineSpec;
struct SensorSpec;
struct Sensor;

struct BandSpec {
  std::int64_t low = 0;  // Hz
  std::int64_t high = 0;
};

struct FeatureSpec {
  bool enabled = true;
  std::vector<FeatureKind> computed;  // of those that need nothing but the waveform
  std::vector<BandSpec> bands;
  std::vector<double> orders;
  std::vector<FeatureKind> defects;
  std::optional<ZoneRule> zone;
  core::DurationNs window = core::kSecond;
  double overlap = 0;
  std::string speed;  // a sensor of the machine, "motor/speed" or "speed"; or a number, in rpm
  double speed_ratio = 1;
  std::vector<double> envelope;  // low and high, Hz; empty: as the rate allows
  std::vector<double> velocity_band{10, 1000};
  std::optional<std::vector<std::string>> monitored;  // names without the sensor's; nothing: all but shape figures
  config::Place place;
  std::string key;  // path in its file, for problems
};

// Onto what `spec` already holds.
void read_features(config::Section section, FeatureSpec& spec);
Bearing read_bearing(config::Section section);

// One feature of a sensor: "-bpfo" behind the sensor's name, and what it is; `of` is still to be filled in.
struct NamedFeature {
  std::string suffix;
  Feature feature;
};
std::vector<NamedFeature> features_of(const SensorSpec& sensor);
std::size_t feature_count(const SensorSpec& sensor);

// What the features as a whole ask for: types, units, rates, a speed, a bearing, names that are free.
void check_features(config::Document& document, const MachineSpec& machine);

// Where the speed comes from: "component/sensor" or "sensor"; nothing where it is a number, none is given, or the name
// fits no sensor or several.
std::optional<std::string> speed_sensor(const MachineSpec& machine, const FeatureSpec& features);
// All of a sensor's analysis but ids.
Analysis analysis_of(const FeatureSpec& features);
// Name, description, type, unit, range, rate and states of the feature sensor; not its ids, path and component.
Sensor feature_sensor(const SensorSpec& of, const NamedFeature& feature);

}  // namespace millwright::asset
