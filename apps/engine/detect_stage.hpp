// DetectStage: joins detection to the pipeline and to alarms. Charts each monitored sensor of its shard, and signals a
// change of state to the alarms.
//
// A chart belongs to a state of its machine, "running" unless a rule names others: it learns and judges only while the
// machine is in that state, and not before `settle` after it came to be: a stop is no anomaly. Threads: its shard's,
// save for charts() and relearn(), which any thread may call: they touch nothing that the shard changes, or leave a
// note that it reads on its next tick.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alarms/alarm_manager.hpp"
#include "asset/model.hpp"
#include "core/metrics.hpp"
#include "core/mutex.hpp"
#include "detection/control_chart.hpp"
#include "engine/detection_options.hpp"
#include "engine/limit_store.hpp"
#include "engine/machine_states.hpp"
#include "pipeline/pipeline.hpp"
#include "pipeline/stage.hpp"

namespace millwright::engine {

// A chart as others see it.
struct ChartView {
  core::SensorId sensor;
  detection::ChartKind kind = detection::ChartKind::kXbarR;
  std::string state;
  std::uint32_t subgroup_size = 0;
  double progress = 0;                             // of learning; 1: it judges
  std::optional<detection::ChartLimits> limits{};  // once learnt
  std::optional<detection::Specification> specification{};
};

// Which charts are to learn anew: all of a machine, or those of a sensor, of a kind.
struct RelearnRequest {
  core::MachineId machine;
  core::SensorId sensor{};  // none: all
  std::optional<detection::ChartKind> kind{};
};

class DetectStage final : public pipeline::Stage {
 public:
  DetectStage(const asset::Model& model, const pipeline::Pipeline& pipeline, std::size_t shard,
              const DetectionOptions& options, LimitStore& limits, alarms::SignalSink& alarms, core::Metrics& metrics);
  void on_batch(core::BlockBatch& batch) override;
  void on_tick(core::TimeNs now) override;

  // The machine's charts, by sensor.
  [[nodiscard]] std::vector<ChartView> charts(core::MachineId machine) const;
  // Gives how many charts that is.
  std::size_t relearn(const RelearnRequest& request);

 private:
  struct Monitor {
    core::SensorId sensor;
    core::MachineId machine;
    std::int32_t state = kRunning;
    std::uint32_t options = 0;     // index into chart_options_
    std::uint32_t state_name = 0;  // index into state_names_
    alarms::Priority priority = alarms::Priority::kMedium;
    detection::ControlChart chart;
  };
  struct Charts {  // of a sensor, in monitors_
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };

  void add_monitors(const asset::Sensor& sensor, const SpcRule& rule);
  std::uint32_t options_index(const asset::Sensor& sensor, const SpcRule& rule, detection::ChartKind kind);
  std::uint32_t state_index(const std::string& name);
  void judge(Monitor& monitor, const core::Block& block);
  void report(const Monitor& monitor, const detection::SpcEvent& event, core::TimeNs received, std::string message);
  [[nodiscard]] bool is_meant(const Monitor& monitor, const RelearnRequest& request) const;
  void learn_anew(Monitor& monitor, core::TimeNs now);
  void note_progress(const Monitor& monitor);
  [[nodiscard]] LimitKey key_of(const Monitor& monitor) const;
  [[nodiscard]] const detection::ChartOptions& options_of(const Monitor& monitor) const {
    return chart_options_[monitor.options];
  }

  static constexpr std::uint16_t kTrained = 1000;

  const asset::Model& model_;
  LimitStore& limits_;
  alarms::SignalSink& alarms_;
  core::Counter& judged_;
  MachineStates states_;
  std::vector<detection::ChartOptions> chart_options_;
  std::vector<std::string> state_names_;
  std::vector<Monitor> monitors_;  // by sensor; the shard changes their charts and nothing else
  std::vector<Charts> charts_of_;  // by SensorId
  std::vector<std::optional<detection::Specification>> specifications_;  // by SensorId
  std::unique_ptr<std::atomic<std::uint16_t>[]> progress_;               // by monitor, in thousandths

  std::atomic<bool> asked_{false};
  core::Mutex mutex_;
  std::vector<RelearnRequest> requests_ GUARDED_BY(mutex_);
};

}  // namespace millwright::engine
