#include "simulator/fault.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/text.hpp"

namespace millwright::simulator {
namespace {

constexpr std::array<std::string_view, 6> kKindNames = {"bearing-wear", "cavitation", "misalignment",
                                                        "stuck",        "drift",      "network-loss"};

bool is_sensor_fault(FaultKind kind) {
  return kind == FaultKind::kStuck || kind == FaultKind::kDrift;
}

core::Unexpected invalid(std::string message) {
  return core::unexpected(core::ErrorCode::kInvalid, std::move(message));
}

// "sensor" or "component/sensor"
core::Status read_sensor(std::string_view name, Fault& fault) {
  if (!is_sensor_fault(fault.kind)) {
    return invalid(fmt::format("{} befalls a machine or component, not a sensor", to_string(fault.kind)));
  }
  const auto slash = name.find('/');
  if (slash != std::string_view::npos) fault.component = name.substr(0, slash);
  fault.sensor = slash != std::string_view::npos ? name.substr(slash + 1) : name;
  return {};
}

core::Status read_option(std::string_view option, Fault& fault) {
  const auto equals = option.find('=');
  if (equals == std::string_view::npos) {
    return invalid(fmt::format("'{}' is not key=value; write start=40s, ramp=10s or duration=60s", option));
  }
  const std::string_view key = option.substr(0, equals);
  const std::string_view text = option.substr(equals + 1);
  constexpr std::array<std::string_view, 4> kKeys = {"start", "ramp", "duration", "sensor"};
  if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end()) {
    return invalid(
        fmt::format("unknown key '{}'{}; there are {}", key, core::did_you_mean(key, kKeys), fmt::join(kKeys, ", ")));
  }
  if (key == "sensor") return read_sensor(text, fault);
  const auto value = core::parse_duration(text);
  if (!value) return core::unexpected(value.error().within(key));
  if (*value < 0) return invalid(fmt::format("{}: must not be negative", key));
  (key == "start" ? fault.start : key == "ramp" ? fault.ramp : fault.duration) = *value;
  return {};
}

core::Status read_target(std::string_view target, Fault& fault) {
  const auto parts = core::split(target, '/');
  if (parts.size() > 3 || std::any_of(parts.begin(), parts.end(), [](auto part) { return part.empty(); })) {
    return invalid(
        fmt::format("'{}' is no target; write machine, machine/component or machine/component/sensor", target));
  }
  fault.machine = parts[0];
  if (parts.size() == 1) return {};
  if (is_sensor_fault(fault.kind) || parts.size() == 3) return read_sensor(target.substr(parts[0].size() + 1), fault);
  fault.component = parts[1];
  return {};
}

std::string target_of(const Fault& fault) {
  std::string target = fault.machine;
  if (!fault.component.empty()) target += "/" + fault.component;
  if (!fault.sensor.empty()) target += "/" + fault.sensor;
  return target;
}

}  // namespace

std::string_view to_string(FaultKind kind) {
  return kKindNames[static_cast<std::size_t>(kind)];
}

bool Fault::active(core::DurationNs since_start) const {
  return since_start >= start && (duration == 0 || since_start - start < duration);
}

double Fault::strength(core::DurationNs since_start) const {
  if (!active(since_start)) return 0;
  const core::DurationNs age = since_start - start;
  return age >= ramp ? 1.0 : static_cast<double>(age) / static_cast<double>(ramp);
}

core::Result<Fault> parse_fault(std::string_view text) {
  const auto fail = [&](const core::Error& error) {
    return core::unexpected(error.within(fmt::format("fault '{}'", text)));
  };
  const auto parts = core::split(text, ':');
  const auto* kind = std::find(kKindNames.begin(), kKindNames.end(), parts[0]);
  if (kind == kKindNames.end()) {
    return fail({core::ErrorCode::kInvalid,
                 fmt::format("unknown kind '{}'{}; there are {}", parts[0], core::did_you_mean(parts[0], kKindNames),
                             fmt::join(kKindNames, ", "))});
  }
  if (parts.size() < 2) {
    return fail({core::ErrorCode::kInvalid, "no target; write for example bearing-wear:pump-1:start=40s"});
  }
  Fault fault;
  fault.kind = static_cast<FaultKind>(kind - kKindNames.begin());
  if (auto status = read_target(parts[1], fault); !status) return fail(status.error());
  for (std::size_t i = 2; i < parts.size(); ++i) {
    if (auto status = read_option(parts[i], fault); !status) return fail(status.error());
  }
  if (is_sensor_fault(fault.kind) && fault.sensor.empty()) {
    return fail(invalid(fmt::format("{} befalls a sensor; write {}/component/sensor", parts[0], parts[1])).error);
  }
  return fault;
}

std::string to_string(const Fault& fault) {
  return fmt::format("{}:{}:start={}:ramp={}:duration={}", to_string(fault.kind), target_of(fault),
                     core::format_duration(fault.start), core::format_duration(fault.ramp),
                     core::format_duration(fault.duration));
}

core::Status check_fault(const Fault& fault, const asset::Model& model) {
  const auto fail = [&](std::string message) {
    return core::unexpected(core::ErrorCode::kNotFound, fmt::format("fault '{}': {}", to_string(fault), message));
  };
  if (fault.kind == FaultKind::kNetworkLoss && fault.machine == "*") return {};
  const asset::Machine* machine = model.find_machine(fault.machine);
  if (machine == nullptr) {
    if (fault.kind == FaultKind::kNetworkLoss && !model.sensors_of(fault.machine).empty()) return {};
    std::vector<std::string_view> names;
    for (const asset::Machine& each : model.machines()) names.push_back(each.name);
    return fail(fmt::format("there is no machine '{}'{}", fault.machine, core::did_you_mean(fault.machine, names)));
  }
  if (!fault.component.empty()) {
    std::vector<std::string_view> names;
    for (const asset::Component& each : machine->components) names.push_back(each.name);
    if (std::find(names.begin(), names.end(), fault.component) == names.end()) {
      return fail(fmt::format("{} has no component '{}'{}", machine->name, fault.component,
                              core::did_you_mean(fault.component, names)));
    }
  }
  if (!fault.sensor.empty()) {
    const std::string name = fault.component.empty() ? fault.sensor : fault.component + "/" + fault.sensor;
    const asset::Sensor* sensor = model.find_sensor(*machine, name);
    if (sensor != nullptr && sensor->feature) {
      return fail(fmt::format("{} is computed from {}; say what befalls that one", name,
                              model.sensor(sensor->feature->of).name));
    }
    if (sensor == nullptr) {
      return fail(fmt::format("{} has no sensor '{}', or several of that name; write {}/component/sensor",
                              machine->name, name, machine->name));
    }
  }
  return {};
}

DemoSchedule::DemoSchedule(const asset::Model& model, std::uint64_t seed) : model_(model), random_(seed ^ 0xFA017) {
  ASSERT(!model.machines().empty(), "a schedule needs machines");
}

// A machine other than the last one, whose type has the text; of any type where none has.
const asset::Machine& DemoSchedule::pick_machine(std::string_view type_part) {
  std::vector<const asset::Machine*> fitting;
  std::vector<const asset::Machine*> others;
  for (const asset::Machine& machine : model_.machines()) {
    if (machine.name == last_machine_ && model_.machines().size() > 1) continue;
    (machine.type.find(type_part) != std::string::npos ? fitting : others).push_back(&machine);
  }
  const auto& from = fitting.empty() ? others : fitting;
  return *from[random_.below(from.size())];
}

Fault DemoSchedule::next() {
  const auto n = given_++;
  Fault fault;
  fault.start = 35 * core::kSecond + static_cast<core::DurationNs>(n) * core::kMinute;
  fault.duration = 40 * core::kSecond;
  fault.ramp = 3 * core::kSecond;
  constexpr std::array kKinds = {FaultKind::kBearingWear, FaultKind::kCavitation, FaultKind::kMisalignment,
                                 FaultKind::kStuck, FaultKind::kDrift};
  fault.kind = n == 0 ? FaultKind::kBearingWear : kKinds[random_.below(kKinds.size())];
  const bool pump = n == 0 || fault.kind == FaultKind::kCavitation;
  const asset::Machine& machine = pick_machine(pump ? "pump" : "");
  last_machine_ = machine.name;
  fault.machine = machine.name;
  if (!is_sensor_fault(fault.kind)) return fault;

  std::vector<const asset::Sensor*> measured;
  for (const core::SensorId id : machine.sensors) {
    const asset::Sensor& sensor = model_.sensor(id);
    const bool real = sensor.type == core::ValueType::kFloat64 || sensor.type == core::ValueType::kFloat32;
    if (real && !sensor.feature && sensor.monitored && sensor.rate_hz <= 100) measured.push_back(&sensor);
  }
  if (measured.empty()) {
    fault.kind = FaultKind::kMisalignment;
    return fault;
  }
  const asset::Sensor& sensor = *measured[random_.below(measured.size())];
  fault.component = sensor.component;
  fault.sensor = sensor.name;
  fault.ramp = fault.kind == FaultKind::kDrift ? 20 * core::kSecond : 0;
  return fault;
}

}  // namespace millwright::simulator
