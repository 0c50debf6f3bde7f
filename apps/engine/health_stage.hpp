// HealthStage: joins sensor health to the pipeline and to alarms. It comes after Calibrate, which knows the ranges, and
// before detection: a reading that it doubts (kUncertainNotAccurate) is judged by no chart.
//
// Its alarms are device alarms, "<sensor path>#health-<check>": they say that a sensor fails, not that a machine does.
// Where all of a machine's sensors fall silent, that is one alarm, "<machine path>#health-gap".
//
// What moves with the machine (stuck, steps, drift, gaps) is learnt and judged only while it runs and has settled; gaps
// by the platform's own clock, and not across a time in which the shard itself stood still.
// Threads: its shard's. Cost: a glance at each block's end, unless a rule asks for checks of every step.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "alarms/alarm_manager.hpp"
#include "asset/model.hpp"
#include "core/metrics.hpp"
#include "detection/sensor_health.hpp"
#include "engine/detection_options.hpp"
#include "engine/machine_states.hpp"
#include "pipeline/pipeline.hpp"
#include "pipeline/stage.hpp"

namespace millwright::engine {

class HealthStage final : public pipeline::Stage {
 public:
  HealthStage(const asset::Model& model, const pipeline::Pipeline& pipeline, std::size_t shard,
              const DetectionOptions& options, alarms::SignalSink& alarms, core::Metrics& metrics);
  void on_batch(core::BlockBatch& batch) override;
  void on_tick(core::TimeNs now) override;

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct Monitor {
    core::SensorId sensor;
    core::MachineId machine;
    std::uint32_t rule = 0;              // index into rules_
    std::uint32_t steps = kNone;         // index into steps_
    std::uint32_t checked_in = kNone;    // index into pairs_
    std::uint32_t reference_in = kNone;  // index into pairs_
    detection::StuckCheck stuck;
    bool stuck_raised = false;
    detection::Held outside;
  };
  // Of the arrival of readings, by the platform's clock.
  struct Arrival {
    core::TimeNs last = 0;  // 0: none yet
    core::TimeNs first = 0;
    core::DurationNs longest = 0;  // between two, while it learnt
    std::uint32_t readings = 0;    // while it learnt
    bool regular = false;          // it has learnt, and they come
    bool missing = false;          // an alarm stands
  };
  struct Pair {
    std::uint32_t checked = 0;  // index into monitors_
    detection::DriftCheck drift;
  };
  struct Silence {  // of a machine
    core::TimeNs last = 0;
    bool raised = false;
  };

  [[nodiscard]] std::uint32_t rule_index(const asset::Sensor& sensor, const HealthRule& rule);
  void add_monitor(const asset::Sensor& sensor, const HealthRule& rule);
  void join_twins();
  void hear(core::MachineId machine, core::TimeNs received);
  void arrive(std::uint32_t index, const core::Block& block, bool runs);
  void check_range(Monitor& monitor, const core::Block& block);
  void check_values(Monitor& monitor, core::BlockBatch& batch, core::Block& block);
  template <typename T>
  void look(Monitor& monitor, core::BlockBatch& batch, core::Block& block);
  void check_drift(Monitor& monitor, core::BlockBatch& batch, core::Block& block, double mean);
  void check_gap(std::uint32_t index, core::TimeNs now);
  void leave(Monitor& monitor);
  void report(const Monitor& monitor, const detection::HealthFinding& finding, core::TimeNs received);
  void report_machine(core::MachineId machine, bool in_alarm, core::TimeNs time);
  [[nodiscard]] bool runs(core::MachineId machine, core::TimeNs time) const {
    return states_.settled(machine, time) == kRunning;
  }

  const asset::Model& model_;
  alarms::SignalSink& alarms_;
  core::Counter& doubted_;
  MachineStates states_;
  std::vector<HealthRule> rules_;
  std::vector<Monitor> monitors_;
  std::vector<Arrival> arrivals_;          // by monitor
  std::vector<Silence> silences_;          // by MachineId
  std::vector<std::uint32_t> monitor_of_;  // by SensorId; kNone where none
  std::vector<detection::StepChecks> steps_;
  std::vector<Pair> pairs_;
  std::uint32_t next_checked_ = 0;  // for a gap
  core::TimeNs last_tick_ = 0;
  core::TimeNs awake_since_ = 0;                    // this shard itself
  std::vector<std::uint32_t> doubted_readings_;     // of the block in hand
  std::vector<detection::HealthFinding> findings_;  // of the block in hand
};

}  // namespace millwright::engine
