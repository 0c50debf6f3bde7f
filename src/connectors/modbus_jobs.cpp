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

core::DurationNs ModbusJobs::period_of(const ModbusPoint& point) const {
  return point.source->period != 0 ? point.source->period : options_.devices[point.device].period;
}

void ModbusJobs::begin(core::TimeNs now) {
  jobs_.clear();
  for (ModbusPoint& point : points_) point.retry = now;
  for (std::uint32_t device = 0; device < options_.devices.size(); ++device) plan_device(device, now);
}

void ModbusJobs::join(std::uint32_t device, core::TimeNs now) {
  std::erase_if(jobs_, [&](const ModbusJob& one) { return one.device == device; });
  plan_device(device, now);
}

// A request never reaches over a register that is refused.
void ModbusJobs::plan_device(std::uint32_t device, core::TimeNs now) {
  const protocol::modbus::Limits& limits = options_.devices[device].map.limits;
  const auto place = [this](std::uint32_t i) { return std::pair(items_[i].table, items_[i].address); };
  std::vector<std::pair<protocol::modbus::Table, std::uint16_t>> walls;
  for (std::uint32_t i = 0; i < points_.size(); ++i) {
    if (points_[i].device != device || points_[i].problem.empty()) continue;
    walls.push_back(place(i));
    auto alone = plan(items_, std::span(&i, 1), limits);
    jobs_.push_back({device, period_of(points_[i]), std::max(now, points_[i].retry), std::move(alone.front()), true});
  }
  std::sort(walls.begin(), walls.end());
  std::map<std::pair<core::DurationNs, std::ptrdiff_t>, std::vector<std::uint32_t>> groups;
  for (std::uint32_t i = 0; i < points_.size(); ++i) {
    if (points_[i].device != device || !points_[i].problem.empty()) continue;
    const auto behind = std::upper_bound(walls.begin(), walls.end(), place(i)) - walls.begin();
    groups[{period_of(points_[i]), behind}].push_back(i);
  }
  for (const auto& [key, wanted] : groups) {
    for (auto& request : plan(items_, wanted, limits)) jobs_.push_back({device, key.first, now, std::move(request)});
  }
}

std::uint64_t ModbusJobs::done(std::size_t job, core::TimeNs now) {
  ModbusJob& one = jobs_[job];
  one.suspect = false;
  one.due += one.period;
  if (one.due > now) return 0;
  const auto missed = static_cast<std::uint64_t>((now - one.due) / one.period);
  one.due += static_cast<core::DurationNs>(missed) * one.period;
  return missed;
}

bool ModbusJobs::refused(std::size_t job, core::TimeNs now, core::DurationNs retry) {
  jobs_[job].suspect = true;
  if (jobs_[job].request.items.size() == 1) {
    jobs_[job].due = points_[jobs_[job].request.items.front()].retry = now + retry;
    return false;
  }
  auto parts = halves(items_, jobs_[job].request);
  ModbusJob second = jobs_[job];
  second.request = std::move(parts[1]);
  jobs_[job].request = std::move(parts[0]);
  // Not always the same half first, so that a device is seen to answer something.
  jobs_[job].due = std::max(jobs_[job].due, now);
  jobs_.push_back(std::move(second));
  return true;
}

}  // namespace millwright::connectors
