// MachineSimulation: one machine's physics in small, from a seed. Load goes in cycles of 6 to 12 s; speed, torque,
// current and power follow it, temperatures with inertia, pressure and flow along a pump's curve, vibration from the
// shaft. What each sensor shows follows from its name, unit and range (sensor_role.hpp), so any machine type works.
//
// No I/O and no threads: tests and benchmarks run it faster than real time. One owner. The readings depend on seed,
// start and faults alone, not on how step() is called.
// Shapes: readings lie on start + n / rate. Sensors faster than 100 Hz come in whole pieces of 100 ms, as from a data
// logger; all others as they fall due.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "asset/model.hpp"
#include "core/block.hpp"
#include "core/time.hpp"
#include "io/random.hpp"
#include "simulator/fault.hpp"
#include "simulator/sensor_role.hpp"
#include "simulator/vibration_point.hpp"

namespace millwright::simulator {

struct MachineSimulationOptions {
  bool idles = true;  // stands still for 15 to 40 s now and then
  core::DurationNs first_idle_after = 3 * core::kMinute;
};

class MachineSimulation {
 public:
  // The model outlives the simulation.
  MachineSimulation(const asset::Model& model, core::MachineId machine, std::uint64_t seed, core::TimeNs start,
                    const MachineSimulationOptions& options = {});

  // Adds a fault of this machine; others and network losses are ignored.
  void add_fault(const Fault& fault);

  // Adds to `out` a block for each sensor that has readings later than the last step's time and no later than `now`,
  // in the sensor's own unit and type.
  void step(core::TimeNs now, core::BlockBatch& out);

  [[nodiscard]] core::MachineId machine() const { return machine_.id; }
  [[nodiscard]] bool running() const { return running_; }

 private:
  struct Channel {
    const asset::Sensor* sensor = nullptr;
    SensorRole role = SensorRole::kGeneric;
    io::Random random{0};
    std::unique_ptr<VibrationPoint> vibration;  // kVibration and kVibrationVelocity
    bool drive_end = true;
    double low = 0;
    double high = 100;
    double steps_per_unit = 100;  // of the analogue-digital converter
    double own = 0;               // kAuxiliaryPressure, kGeneric …: where this one sits, 0 to 1
    core::DurationNs period = core::kSecond;
    std::uint64_t next = 0;   // index of the next reading
    std::uint32_t chunk = 1;  // readings that come together
    double fault_heat = 0;    // of a worn bearing, lags behind the wear
    double last = 0;          // what a stuck sensor repeats
    bool has_last = false;
    core::TimeNs pending_start = 0;
    std::vector<double> pending;
  };
  struct Faults {  // how strong each is for one sensor
    double bearing_wear = 0;
    double cavitation = 0;
    double misalignment = 0;
    double drift = 0;
    bool stuck = false;
  };

  [[nodiscard]] Channel make_channel(const asset::Model& model, const asset::Sensor& sensor, std::uint64_t seed) const;
  void settle_heat();
  void tick();
  void count_pieces(double seconds);
  void change_state(core::DurationNs since_start);
  [[nodiscard]] double clean_load(double seconds) const;
  [[nodiscard]] Faults faults_of(const Channel& channel, core::DurationNs since_start) const;
  [[nodiscard]] VibrationCondition vibration_of(const Faults& faults) const;
  void read(Channel& channel, core::DurationNs since_start);
  double value(Channel& channel, const Faults& faults, core::DurationNs since_start);
  double electrical(Channel& channel, const Faults& faults);
  double hydraulic(Channel& channel, const Faults& faults);
  double temperature(Channel& channel);
  [[nodiscard]] double finish(Channel& channel, const Faults& faults, double value) const;
  void flush(Channel& channel, core::TimeNs now, core::BlockBatch& out) const;

  const asset::Machine& machine_;
  const MachineSimulationOptions options_;
  const core::TimeNs start_;
  io::Random random_;
  std::vector<Channel> channels_;
  std::vector<Fault> faults_;

  // Fixed for this machine.
  double nominal_rpm_ = 1480;
  double cycle_s_ = 9;
  double phase_1_ = 0;
  double phase_2_ = 0;
  double ambient_ = 22;  // °C
  bool compressor_ = false;
  double pieces_per_cycle_ = 1;

  // Moves with each tick.
  std::uint64_t ticks_ = 0;
  bool running_ = true;
  core::DurationNs next_change_ = 0;
  double speed_ = 1;   // of nominal
  double load_ = 0.7;  // of rated
  double load_noise_ = 0;
  double flutter_ = 0;  // fast noise of a pump that cavitates
  struct Heat {         // 1 = the mean of running at its usual load
    double winding = 1;
    double bearing = 1;
    double oil = 1;
  } heat_;
  double piece_ = 0;
  std::int64_t good_ = 0;
  std::int64_t scrap_ = 0;
};

}  // namespace millwright::simulator
