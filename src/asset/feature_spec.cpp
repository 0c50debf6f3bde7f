#include "asset/feature_spec.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "asset/machine_type.hpp"
#include "core/text.hpp"

namespace millwright::asset {
namespace {

using config::Section;

struct KindName {
  std::string_view name;
  std::string_view description;
};
// By FeatureKind; bands and orders are named by their numbers.
constexpr std::array<KindName, 14> kKinds{{
    {"rms", "RMS"},
    {"peak", "Peak"},
    {"peak-to-peak", "Peak to peak"},
    {"crest-factor", "Crest factor"},
    {"kurtosis", "Kurtosis (3: normal)"},
    {"skewness", "Skewness"},
    {"velocity-rms", "Velocity RMS"},
    {"band", "RMS"},
    {"order", "Amplitude"},
    {"bpfo", "Envelope amplitude at the outer ring's defect frequency"},
    {"bpfi", "Envelope amplitude at the inner ring's defect frequency"},
    {"bsf", "Envelope amplitude at the rolling elements' defect frequency"},
    {"ftf", "Envelope amplitude at the cage's frequency"},
    {"iso20816-zone", "Zone of ISO 20816"},
}};
constexpr std::array kComputed{FeatureKind::kRms,         FeatureKind::kPeak,     FeatureKind::kPeakToPeak,
                               FeatureKind::kCrestFactor, FeatureKind::kKurtosis, FeatureKind::kSkewness,
                               FeatureKind::kVelocityRms};
constexpr std::array kDefects{FeatureKind::kBpfo, FeatureKind::kBpfi, FeatureKind::kBsf, FeatureKind::kFtf};
constexpr std::array<std::string_view, 2> kFoundations{"rigid", "flexible"};

constexpr double kOrderMax = 100;
constexpr std::size_t kListMax = 32;
// The instrument's filter leaves nothing to trust above this part of the sampling rate.
constexpr double kUsableRate = 0.45;
constexpr double kVelocityRangeMax = 50;  // mm/s

const KindName& naming(FeatureKind kind) {
  return kKinds[static_cast<std::size_t>(kind)];
}

bool is_defect(FeatureKind kind) {
  return std::find(kDefects.begin(), kDefects.end(), kind) != kDefects.end();
}
// A figure of the waveform's shape scatters from window to window: a chart of it learns little.
bool is_shape(FeatureKind kind) {
  return kind == FeatureKind::kCrestFactor || kind == FeatureKind::kKurtosis || kind == FeatureKind::kSkewness;
}
bool is_velocity(FeatureKind kind) {
  return kind == FeatureKind::kVelocityRms || kind == FeatureKind::kZone;
}

template <std::size_t N>
std::vector<FeatureKind> read_kinds(Section& section, std::string_view key, const std::array<FeatureKind, N>& allowed) {
  std::vector<std::string_view> names;
  for (const FeatureKind kind : allowed) names.push_back(naming(kind).name);
  std::vector<FeatureKind> kinds;
  for (const std::string& text : section.texts(key)) {
    const auto found = std::find(names.begin(), names.end(), text);
    if (found == names.end()) {
      section.problem(key, fmt::format("unknown feature '{}'{}; there are: {}", text, core::did_you_mean(text, names),
                                       fmt::join(names, ", ")));
      continue;
    }
    kinds.push_back(allowed[static_cast<std::size_t>(found - names.begin())]);
  }
  return kinds;
}

// Two rising numbers.
void read_pair(Section& section, std::string_view key, std::vector<double>& pair) {
  if (!section.has(key)) return;
  std::vector<double> given = section.numbers(key);
  if (given.size() == 2 && given[0] >= 0 && given[0] < given[1]) {
    pair = std::move(given);
  } else {
    section.problem(key, "give two numbers in Hz, the low and the high end, such as [10, 1000]");
  }
}

void read_bands(Section& section, FeatureSpec& spec) {
  spec.bands.clear();
  for (Section& row : section.sections("bands")) {
    BandSpec band;
    band.low = row.integer("low", {.fallback = {}, .low = 0, .high = 1'000'000});
    band.high = row.integer("high", {.fallback = {}, .low = 1, .high = 1'000'000});
    if (band.low >= band.high) row.problem("high", "must be above 'low'");
    spec.bands.push_back(band);
    row.finish();
  }
}

void read_orders(Section& section, FeatureSpec& spec) {
  spec.orders = section.numbers("orders");
  const bool fit =
      std::all_of(spec.orders.begin(), spec.orders.end(), [](double order) { return order > 0 && order <= kOrderMax; });
  if (!fit) section.problem("orders", fmt::format("orders are above 0 and at most {}", kOrderMax));
}

void read_zone(Section section, FeatureSpec& spec) {
  ZoneRule zone = spec.zone.value_or(ZoneRule{});
  const auto known = spec.zone ? std::optional<std::int64_t>(zone.group) : std::nullopt;
  zone.group = static_cast<int>(section.integer("group", {.fallback = known, .low = 1, .high = 4}));
  const auto foundation =
      spec.zone ? std::optional(static_cast<std::size_t>(zone.foundation)) : std::optional<std::size_t>();
  zone.foundation = static_cast<Foundation>(section.choice("foundation", kFoundations, foundation));
  zone.delay = section.duration("delay", {.fallback = zone.delay, .high = core::kHour});
  spec.zone = zone;
  section.finish();
}

// "1", "2.5" → "2-5"
std::string number_in_name(double number) {
  std::string text = core::format_double(number);
  std::replace(text.begin(), text.end(), '.', '-');
  return text;
}

// The upper end of the velocity's band: what the standard says, as far as the rate goes.
double velocity_high(const SensorSpec& sensor) {
  return std::min(sensor.features->velocity_band[1], kUsableRate * sensor.rate_hz);
}

// Says what is wrong with one sensor's features.
class Checker {
 public:
  Checker(config::Document& document, const MachineSpec& machine, const SensorSpec& sensor, const Bearing* bearing)
      : document_(document), machine_(machine), sensor_(sensor), features_(*sensor.features), bearing_(bearing) {}

  void check(const std::set<std::string_view>& taken) {
    check_sensor();
    check_bands();
    check_speed();
    check_names(taken);
  }

 private:
  void problem(std::string_view key, std::string message) {
    document_.problem({features_.place, fmt::format("{}{}{}", features_.key, key.empty() ? "" : ".", key),
                       fmt::format("{}: {}", sensor_.name, message)});
  }

  void check_sensor() {
    if (!core::is_real(sensor_.type)) {
      problem("",
              fmt::format("only float64 and float32 have features; this sensor is {}", core::to_string(sensor_.type)));
    }
    const double samples = sensor_.rate_hz * static_cast<double>(features_.window) * 1e-9;
    if (samples < kFeatureSamplesMin || samples > kFeatureSamplesMax) {
      problem("window", fmt::format("{:.0f} samples at {} Hz; a window has {} to {}", samples,
                                    core::format_double(sensor_.rate_hz), kFeatureSamplesMin, kFeatureSamplesMax));
    }
    if (features_of(sensor_).empty()) {
      problem("", "nothing is to be computed; give 'compute', 'bands', 'orders', 'bearing' or 'zone'");
    }
  }

  void check_bands() {
    const double half = sensor_.rate_hz / 2;
    for (const BandSpec& band : features_.bands) {
      if (static_cast<double>(band.high) > half) {
        problem("bands",
                fmt::format("{} Hz is above half the sensor's rate, {} Hz", band.high, core::format_double(half)));
      }
    }
    if (!features_.envelope.empty() && features_.envelope[1] > half) {
      problem("envelope", fmt::format("ends above half the sensor's rate, {} Hz", core::format_double(half)));
    }
    if (!wants(is_velocity)) return;
    const std::string_view unit = sensor_.unit != nullptr ? sensor_.unit->symbol : "";
    if (unit != "m/s²" && unit != "gn" && unit != "mm/s") {
      problem("", "the velocity RMS and the zone are of a sensor in m/s², gn or mm/s");
    }
    if (features_.velocity_band[0] >= velocity_high(sensor_)) {
      problem(
          "velocity_band",
          fmt::format("at {} Hz nothing is left of it: {} to {} Hz", core::format_double(sensor_.rate_hz),
                      core::format_double(features_.velocity_band[0]), core::format_double(velocity_high(sensor_))));
    }
  }

  void check_speed() {
    const bool turns = wants([](FeatureKind kind) { return kind == FeatureKind::kOrder || is_defect(kind); });
    if (turns && features_.speed.empty()) {
      problem("speed", "orders and bearing frequencies need the shaft's speed: a sensor in rpm, or a number");
    }
    if (!features_.speed.empty() && !core::parse_double(features_.speed)) check_speed_sensor();
    if (wants(is_defect) && bearing_ == nullptr) {
      problem("bearing", "the component has no 'bearing' with balls, ball_diameter and pitch_diameter");
    }
  }

  void check_speed_sensor() {
    const auto named = speed_sensor(machine_, features_);
    if (!named) {
      problem("speed", fmt::format("'{}' is no sensor of this machine, or of several components; write "
                                   "<component>/<sensor>, or a number of rpm",
                                   features_.speed));
      return;
    }
    machine_.each_sensor([&](const ComponentSpec* component, const SensorSpec& sensor) {
      if ((component == nullptr ? sensor.name : component->name + "/" + sensor.name) != *named) return;
      if (!core::is_real(sensor.type) || sensor.unit == nullptr || sensor.unit->symbol != "rpm") {
        problem("speed", fmt::format("{} is no float64 or float32 in rpm", *named));
      }
    });
  }

  void check_names(const std::set<std::string_view>& taken) {
    std::set<std::string> names;
    std::set<std::string> numbers;
    for (const NamedFeature& feature : features_of(sensor_)) {
      const std::string name = sensor_.name + "-" + feature.suffix;
      if (!core::is_asset_name(name)) problem("", fmt::format("'{}' is too long for a sensor's name", name));
      if (taken.contains(name) || !names.insert(name).second) {
        problem("", fmt::format("there are two sensors '{}' in this component", name));
      }
      if (feature.feature.kind != FeatureKind::kZone) numbers.insert(feature.suffix);
    }
    if (!features_.monitored) return;
    for (const std::string& name : *features_.monitored) {
      if (!numbers.contains(name)) {
        problem("monitored", fmt::format("'{}' is none of the numbers computed: {}", name, fmt::join(numbers, ", ")));
      }
    }
  }

  template <typename Is>
  [[nodiscard]] bool wants(Is is) const {
    const auto all = features_of(sensor_);
    return std::any_of(all.begin(), all.end(), [&](const NamedFeature& f) { return is(f.feature.kind); });
  }

  config::Document& document_;
  const MachineSpec& machine_;
  const SensorSpec& sensor_;
  const FeatureSpec& features_;
  const Bearing* bearing_;
};

void check_list(config::Document& document, const MachineSpec& machine, const std::vector<SensorSpec>& sensors,
                const Bearing* bearing) {
  std::set<std::string_view> taken;
  for (const SensorSpec& sensor : sensors) taken.insert(sensor.name);
  for (const SensorSpec& sensor : sensors) {
    if (sensor.features && sensor.features->enabled) Checker(document, machine, sensor, bearing).check(taken);
  }
}

std::string description_of(const SensorSpec& of, const NamedFeature& named) {
  const Feature& feature = named.feature;
  std::string what(naming(feature.kind).description);
  if (feature.kind == FeatureKind::kOrder) what += fmt::format(" at {} times the shaft's speed", feature.order);
  what += " of " + of.name;
  if (feature.high > 0) what += fmt::format(", {} Hz to {} Hz", feature.low, feature.high);
  return what;
}

}  // namespace

void read_features(Section section, FeatureSpec& spec) {
  spec.place = section.place();
  spec.key = section.path();
  spec.enabled = section.boolean("enabled", spec.enabled);
  if (section.has("compute")) spec.computed = read_kinds(section, "compute", kComputed);
  if (section.has("bands")) read_bands(section, spec);
  if (section.has("orders")) read_orders(section, spec);
  if (section.has("bearing")) spec.defects = read_kinds(section, "bearing", kDefects);
  if (section.has("zone")) read_zone(section.section("zone"), spec);
  spec.window =
      section.duration("window", {.fallback = spec.window, .low = core::kMillisecond, .high = 10 * core::kMinute});
  spec.overlap = section.number("overlap", {.fallback = spec.overlap, .low = 0, .high = 0.9});
  spec.speed = section.text("speed", {.fallback = spec.speed});
  if (const auto rpm = core::parse_double(spec.speed); rpm && !(*rpm > 0 && *rpm <= 1e6)) {
    section.problem("speed", "a number of rpm is above 0 and at most 1000000");
  }
  spec.speed_ratio = section.number("speed_ratio", {.fallback = spec.speed_ratio, .low = 1e-4, .high = 1e4});
  read_pair(section, "envelope", spec.envelope);
  read_pair(section, "velocity_band", spec.velocity_band);
  if (section.has("monitored")) spec.monitored = section.texts("monitored");
  if (spec.bands.size() > kListMax || spec.orders.size() > kListMax) {
    section.problem("", fmt::format("at most {} bands and {} orders", kListMax, kListMax));
  }
  section.finish();
}

Bearing read_bearing(Section section) {
  Bearing bearing;
  bearing.balls = static_cast<double>(section.integer("balls", {.fallback = {}, .low = 3, .high = 1000}));
  bearing.ball_diameter = section.number("ball_diameter", {.fallback = {}, .low = 0.01, .high = 10'000});
  bearing.pitch_diameter = section.number("pitch_diameter", {.fallback = {}, .low = 0.01, .high = 10'000});
  bearing.contact_angle = section.number("contact_angle", {.fallback = 0, .low = 0, .high = 89});
  if (bearing.ball_diameter > 0 && bearing.ball_diameter >= bearing.pitch_diameter) {
    section.problem("ball_diameter", "must be below the pitch diameter; both are in mm");
  }
  section.finish();
  return bearing;
}

std::vector<NamedFeature> features_of(const SensorSpec& sensor) {
  std::vector<NamedFeature> all;
  if (!sensor.features || !sensor.features->enabled) return all;
  const FeatureSpec& spec = *sensor.features;
  const auto add = [&](std::string suffix, FeatureKind kind) -> Feature& {
    return all.emplace_back(NamedFeature{std::move(suffix), Feature{.of = {}, .kind = kind}}).feature;
  };
  const auto add_velocity = [&](FeatureKind kind) {
    Feature& feature = add(std::string(naming(kind).name), kind);
    feature.low = spec.velocity_band[0];
    feature.high = velocity_high(sensor);
  };
  for (const FeatureKind kind : spec.computed) {
    is_velocity(kind) ? add_velocity(kind) : static_cast<void>(add(std::string(naming(kind).name), kind));
  }
  for (const BandSpec& band : spec.bands) {
    Feature& feature = add(fmt::format("band-{}-{}", band.low, band.high), FeatureKind::kBand);
    feature.low = static_cast<double>(band.low);
    feature.high = static_cast<double>(band.high);
  }
  for (const double order : spec.orders) add("order-" + number_in_name(order), FeatureKind::kOrder).order = order;
  for (const FeatureKind kind : spec.defects) add(std::string(naming(kind).name), kind);
  if (spec.zone) add_velocity(FeatureKind::kZone);
  return all;
}

std::size_t feature_count(const SensorSpec& sensor) {
  if (!sensor.features || !sensor.features->enabled) return 0;
  const FeatureSpec& spec = *sensor.features;
  return spec.computed.size() + spec.bands.size() + spec.orders.size() + spec.defects.size() + (spec.zone ? 1 : 0);
}

void check_features(config::Document& document, const MachineSpec& machine) {
  check_list(document, machine, machine.sensors, nullptr);
  for (const ComponentSpec& component : machine.components) {
    check_list(document, machine, component.sensors, component.bearing ? &*component.bearing : nullptr);
  }
}

std::optional<std::string> speed_sensor(const MachineSpec& machine, const FeatureSpec& features) {
  std::vector<std::string> found;
  machine.each_sensor([&](const ComponentSpec* component, const SensorSpec& sensor) {
    const std::string path = component == nullptr ? sensor.name : component->name + "/" + sensor.name;
    if (path == features.speed || sensor.name == features.speed) found.push_back(path);
  });
  if (found.size() != 1) return std::nullopt;
  return found.front();
}

Analysis analysis_of(const FeatureSpec& features) {
  Analysis analysis;
  analysis.window = features.window;
  analysis.overlap = features.overlap;
  analysis.nominal_rpm = core::parse_double(features.speed).value_or(0);
  analysis.speed_ratio = features.speed_ratio;
  if (!features.envelope.empty()) {
    analysis.envelope_low = features.envelope[0];
    analysis.envelope_high = features.envelope[1];
  }
  analysis.zone = features.zone;
  return analysis;
}

Sensor feature_sensor(const SensorSpec& of, const NamedFeature& named) {
  const FeatureKind kind = named.feature.kind;
  const FeatureSpec& spec = *of.features;
  Sensor sensor;
  sensor.name = of.name + "-" + named.suffix;
  sensor.description = description_of(of, named);
  sensor.rate_hz = 1e9 / (static_cast<double>(spec.window) * (1 - spec.overlap));
  sensor.feature = named.feature;
  if (kind == FeatureKind::kZone) {
    sensor.type = core::ValueType::kState;
    for (std::size_t code = 0; code < kZoneNames.size(); ++code) {
      sensor.states.emplace(static_cast<std::int64_t>(code), kZoneNames[code]);
    }
    sensor.monitored = false;
    return sensor;
  }
  sensor.type = core::ValueType::kFloat32;
  sensor.monitored =
      spec.monitored ? std::find(spec.monitored->begin(), spec.monitored->end(), named.suffix) != spec.monitored->end()
                     : !is_shape(kind);
  if (is_shape(kind)) return sensor;  // pure numbers
  if (kind == FeatureKind::kVelocityRms) {
    sensor.unit = find_unit("mm/s");
    sensor.range = Range{0, kVelocityRangeMax};
    return sensor;
  }
  sensor.unit = of.unit;
  if (of.range) {
    const double most = std::max(std::abs(of.range->low), std::abs(of.range->high));
    sensor.range = Range{0, kind == FeatureKind::kPeakToPeak ? 2 * most : most};
  }
  return sensor;
}

}  // namespace millwright::asset
