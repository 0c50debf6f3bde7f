// What a Modbus connector reads, and when: the sensors' registers, put together into requests, each with a time when it
// is due. A register that a device refuses is cut out of its request until it alone is left, and then asked for rarely.
// What was cut apart is joined again, around the registers that are still refused.
//
// Threads: one owner. Times are of the monotonic clock.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "asset/model.hpp"
#include "connectors/modbus_options.hpp"
#include "core/time.hpp"

namespace millwright::connectors {

// One sensor's register.
struct ModbusPoint {
  const asset::Sensor* sensor = nullptr;
  const ModbusRegister* source = nullptr;
  std::uint32_t device = 0;
  std::string problem;     // why its device refuses it; empty: it does not
  bool told = false;       // that it is refused is the sensor's last quality
  core::TimeNs retry = 0;  // of one that is refused: not before
};

struct ModbusJob {
  std::uint32_t device = 0;
  core::DurationNs period = 0;
  core::TimeNs due = 0;
  protocol::modbus::Request request;  // its items are points
  bool suspect = false;               // cut out of one that failed: asked once, without retries
  // How often the device had answered when this was last without an answer; none: this was answered since.
  std::optional<std::uint64_t> silent_since = {};
};

class ModbusJobs {
 public:
  // `options` outlives this. Sensors whose address names no register are left to unknown().
  ModbusJobs(const ModbusOptions& options, const asset::Model& model, const std::string& connector);

  [[nodiscard]] std::span<ModbusPoint> points() { return points_; }
  struct Unknown {
    const asset::Sensor* sensor;
    std::string why;
  };
  [[nodiscard]] std::span<const Unknown> unknown() const { return unknown_; }
  [[nodiscard]] bool empty() const { return jobs_.empty(); }
  [[nodiscard]] std::size_t size() const { return jobs_.size(); }
  [[nodiscard]] ModbusJob& operator[](std::size_t i) { return jobs_[i]; }

  // All again from the start, as after a new connection: due now.
  void begin(core::TimeNs now);
  // A device's requests anew, as few as can be, due now; those that are refused stay alone, and wait on.
  void join(std::uint32_t device, core::TimeNs now);
  // The job that is due first, of devices that `ready(device)` gives no later time for; of several, the one that has
  // waited longest.
  template <typename Ready>
  [[nodiscard]] std::size_t first(const Ready& ready, core::TimeNs& due) const {
    std::size_t best = 0;
    due = INT64_MAX;
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      const core::TimeNs at = std::max(jobs_[i].due, ready(jobs_[i].device));
      if (at < due || (at == due && jobs_[i].due < jobs_[best].due)) {
        due = at;
        best = i;
      }
    }
    return best;
  }
  // Read: due again a period later, on its grid; gives how many turns were missed.
  std::uint64_t done(std::size_t job, core::TimeNs now);
  // Without an answer: behind all that are due.
  void postpone(std::size_t job, core::TimeNs now) { jobs_[job].due = std::max(jobs_[job].due, now); }
  // Refused. True: it is in halves now, due at once. False: one register is left, which is due after `retry`.
  bool refused(std::size_t job, core::TimeNs now, core::DurationNs retry);

 private:
  void add_sensor(const ModbusOptions& options, const asset::Sensor& sensor);
  void plan_device(std::uint32_t device, core::TimeNs now);
  [[nodiscard]] core::DurationNs period_of(const ModbusPoint& point) const;

  const ModbusOptions& options_;
  std::vector<ModbusPoint> points_;
  std::vector<protocol::modbus::Item> items_;  // of points_
  std::vector<Unknown> unknown_;
  std::vector<ModbusJob> jobs_;
};

}  // namespace millwright::connectors
