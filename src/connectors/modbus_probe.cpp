#include "connectors/modbus_probe.hpp"

#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "connectors/modbus_jobs.hpp"
#include "connectors/modbus_link.hpp"

namespace millwright::connectors {
namespace {

using Failure = ModbusLink::Failure;

class Prober {
 public:
  Prober(const ModbusOptions& options, const asset::Model& model, const std::string& connector, ModbusLink& link)
      : options_(options), jobs_(options, model, connector), link_(link) {
    for (const ModbusDevice& device : options.devices)
      out_.devices.push_back({.name = device.name, .unit = device.unit});
    for (const auto& [sensor, why] : jobs_.unknown()) out_.unknown.emplace_back(sensor->source.address, why);
    for (const ModbusPoint& point : jobs_.points()) ++out_.devices[point.device].wanted;
    answered_.resize(out_.devices.size());
  }

  ModbusProbe run() {
    jobs_.begin(0);
    // What is cut in halves grows at the end, and stays its first half.
    for (std::size_t job = 0; job < jobs_.size(); ++job) {
      while (ask(job)) {
      }
    }
    for (std::uint32_t i = 0; i < out_.devices.size(); ++i) {
      if (out_.devices[i].wanted == 0) ask_first_register(i);
    }
    return std::move(out_);
  }

 private:
  // True: again, for a part of it.
  bool ask(std::size_t job) {
    const ModbusJob& one = jobs_[job];
    ModbusProbe::Device& device = out_.devices[one.device];
    if (!device.silent.empty() || device.refused.size() >= ModbusProbe::kRefusedMax) return false;
    const ModbusLink::Answer answer = read(one.device, one.request, one.suspect);
    if (answer.good) device.read += one.request.items.size();
    if (answer.good || !device.silent.empty()) return false;
    if (jobs_.refused(job, 0, 0)) return true;
    const ModbusPoint& point = jobs_.points()[jobs_[job].request.items.front()];
    device.refused.emplace_back(point.sensor->source.address, answer.why);
    return false;
  }

  void ask_first_register(std::uint32_t index) {
    const ModbusDevice& device = options_.devices[index];
    const ModbusRegister& first = device.map.registers.front();
    out_.devices[index].wanted = 1;
    const auto answer = read(index, {first.item.table, first.item.address, first.item.count, {}}, false);
    if (answer.good) {
      out_.devices[index].read = 1;
    } else if (out_.devices[index].silent.empty()) {
      out_.devices[index].refused.emplace_back(fmt::format("{}/{}", device.name, first.name), answer.why);
    }
  }

  // Also notes whether the device is there at all.
  ModbusLink::Answer read(std::uint32_t index, const protocol::modbus::Request& request, bool once) {
    ModbusLink::Answer answer;
    for (int left = once ? 0 : options_.retries; left >= 0; --left) {
      if (lost_.empty()) answer = link_.read(out_.devices[index].unit, request, registers_);
      if (answer.good || answer.failure == Failure::kRefused || answer.failure == Failure::kLost) break;
      std::this_thread::sleep_for(std::chrono::nanoseconds(options_.pause));
    }
    if (answer.failure == Failure::kLost && !answer.good) lost_ = answer.why;
    const bool is_answer = answer.good || answer.failure == Failure::kRefused || answer.failure == Failure::kFailed;
    if (is_answer) answered_[index] = true;
    // One that has answered before is there, and it is this request that it leaves unanswered.
    if (!lost_.empty() || (!is_answer && !answered_[index]))
      out_.devices[index].silent = lost_.empty() ? answer.why : lost_;
    if (options_.pause > 0) std::this_thread::sleep_for(std::chrono::nanoseconds(options_.pause));
    return answer;
  }

  const ModbusOptions& options_;
  ModbusJobs jobs_;
  ModbusLink& link_;
  ModbusProbe out_;
  std::vector<bool> answered_;            // by device
  std::vector<std::uint16_t> registers_;  // of the last answer
  std::string lost_;                      // why there is no connection any more
};

}  // namespace

core::Result<ModbusProbe> probe_modbus(const ModbusOptions& options, const asset::Model& model,
                                       const std::string& connector) {
  const auto link = ModbusLink::open(options.bus, options.timeout);
  if (!link) return core::unexpected(link.error());
  return Prober(options, model, connector, **link).run();
}

}  // namespace millwright::connectors
