// DetectStage: joins detection to the pipeline and to alarms. Charts each monitored sensor of its shard, and signals a
// change of state to the alarms.
//
// A machine that has a sensor `state` is judged only while it runs, and not before `settle` after it began to: a stop
// is no anomaly. Threads: its shard's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "alarms/alarm_manager.hpp"
#include "asset/model.hpp"
#include "config/document.hpp"
#include "core/metrics.hpp"
#include "detection/xbar_r_chart.hpp"
#include "engine/limit_store.hpp"
#include "engine/machine_states.hpp"
#include "pipeline/pipeline.hpp"
#include "pipeline/stage.hpp"

namespace millwright::engine {

// A rule of the `detection.spc` section: what the sensors whose path it matches get instead of the defaults.
struct SpcRule {
  std::string match = "**";  // glob over the sensor's path
  bool enabled = true;
  std::uint32_t subgroup_size = 0;  // 0: half a second of readings, 2 to 50
  core::DurationNs training = 20 * core::kSecond;
  double sigmas = 3;
  alarms::Priority priority = alarms::Priority::kMedium;
};

struct DetectionOptions {
  std::vector<SpcRule> rules;  // the last that matches a sensor wins; the first matches all
  core::DurationNs settle = 10 * core::kSecond;
};
DetectionOptions read_detection(config::Section section);

class DetectStage final : public pipeline::Stage {
 public:
  DetectStage(const asset::Model& model, const pipeline::Pipeline& pipeline, std::size_t shard,
              const DetectionOptions& options, LimitStore& limits, alarms::SignalSink& alarms, core::Metrics& metrics);
  void on_batch(core::BlockBatch& batch) override;

 private:
  struct Monitor {
    core::SensorId sensor;
    std::uint32_t options = 0;  // index into chart_options_
    alarms::Priority priority = alarms::Priority::kMedium;
    detection::XbarRChart chart;
  };

  void add_monitor(const asset::Sensor& sensor, const SpcRule& rule);
  std::uint32_t options_index(const asset::Sensor& sensor, const SpcRule& rule);
  void judge(Monitor& monitor, const core::Block& block);
  void report(const Monitor& monitor, const detection::SpcEvent& event, const core::Block& block);

  const asset::Model& model_;
  LimitStore& limits_;
  alarms::SignalSink& alarms_;
  core::Counter& judged_;
  MachineStates states_;
  std::vector<detection::XbarROptions> chart_options_;
  std::vector<Monitor> monitors_;
  std::vector<std::uint32_t> monitor_of_;  // by SensorId; kNoMonitor where none
};

}  // namespace millwright::engine
