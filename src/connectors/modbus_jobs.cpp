#include "connectors/modbus_jobs.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "core/text.hpp"

namespace millwright::connectors {

ModbusJobs::ModbusJobs(const ModbusOptions& options, const asset::Model& model, const std::string& connector)
    : options_(options) {
  for (const core::SensorId id : model.sensors_of(connector)) add_sensor(options, model.sensor(id));
}

// "<device>/<register>"
void ModbusJobs::add_sensor(const ModbusOptions& options, const asset::Sensor& sensor) {
  const std::string_view address = sensor.source.address;
  const std::size_t slash = address.find('/');
  const std::string_view device_name = address.substr(0, slash);
  std::vector<std::string_view> names;
  for (const ModbusDevice& device : options.devices) names.push_back(device.name);
  const auto device = std::find(names.begin(), names.end(), device_name);
  if (device == names.end() || slash == std::string_view::npos) {
    unknown_.push_back({&sensor, fmt::format("'{}' is no <device>/<register> of this connector{}", address,
                                             core::did_you_mean(device_name, names))});
    return;
  }
  const auto index = static_cast<std::uint32_t>(device - names.begin());
  const std::string_view register_name = address.substr(slash + 1);
  names.clear();
  for (const ModbusRegister& one : options.devices[index].map.registers) {
    if (one.name == register_name) {
      points_.push_back({&sensor, &one, index, {}});
      items_.push_back(one.item);
      return;
    }
    names.push_back(one.name);
  }
  unknown_.push_back({&sensor, fmt::format("the map of device '{}' has no register '{}'{}", device_name, register_name,
                                           core::did_you_mean(register_name, names))});
}

void ModbusJobs::begin(core::TimeNs now) {
  jobs_.clear();
  std::map<std::pair<std::uint32_t, core::DurationNs>, std::vector<std::uint32_t>> groups;
  for (std::uint32_t i = 0; i < points_.size(); ++i) {
    const ModbusPoint& point = points_[i];
    const core::DurationNs own = point.source->period;
    groups[{point.device, own != 0 ? own : options_.devices[point.device].period}].push_back(i);
  }
  for (const auto& [key, wanted] : groups) {
    const auto& [device, period] = key;
    for (auto& request : plan(items_, wanted, options_.devices[device].map.limits)) {
      jobs_.push_back({device, period, now, std::move(request)});
    }
  }
}

std::uint64_t ModbusJobs::done(std::size_t job, core::TimeNs now) {
  ModbusJob& one = jobs_[job];
  one.due += one.period;
  if (one.due > now) return 0;
  const auto missed = static_cast<std::uint64_t>((now - one.due) / one.period);
  one.due += static_cast<core::DurationNs>(missed) * one.period;
  return missed;
}

bool ModbusJobs::refused(std::size_t job, core::TimeNs now, core::DurationNs retry) {
  if (jobs_[job].request.items.size() == 1) {
    jobs_[job].due = now + retry;
    return false;
  }
  auto parts = halves(items_, jobs_[job].request);
  ModbusJob second = jobs_[job];
  second.request = std::move(parts[1]);
  jobs_[job].request = std::move(parts[0]);
  jobs_.push_back(std::move(second));
  return true;
}

}  // namespace millwright::connectors
