// FeatureStage: vibration features of the sensors of its shard that have any, as readings of the feature sensors, put
// into the very batch whose readings completed the window. So identity, receipt, duplicates and recovery hold for them
// as for what they come from, and every later stage (charts, live table, history) takes them for readings like others.
//
// A window is `window` long (cut to the nearest length that transforms quickly), its features bear the time of its last
// reading. A gap, a bad reading, or readings at another rate than the sensor's drop the window begun; uncertain ones
// make its features uncertain. Features are computed whatever the machine is doing, for they are true of it; charts
// judge them only while it runs, and so does the zone's alarm: "<sensor path>#iso20816-zone" after `delay` in zone C or
// D, medium, and "<sensor path>#iso20816-zone-d" after `delay` in zone D, high. Where the shaft's speed is not known,
// or a frequency is beyond what the rate holds, the feature is bad (no data). What a connector says of a sensor (lost)
// it says of its features too.
//
// Threads: its shard's. Memory: a window a sensor, allocated once, and an analyzer for each length of window.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "alarms/alarm_manager.hpp"
#include "asset/model.hpp"
#include "core/metrics.hpp"
#include "detection/vibration_severity.hpp"
#include "detection/vibration_spectrum.hpp"
#include "engine/machine_states.hpp"
#include "pipeline/pipeline.hpp"
#include "pipeline/stage.hpp"

namespace millwright::engine {

class FeatureStage final : public pipeline::Stage {
 public:
  // `settle`: how long after a machine began to run its zones are not judged.
  FeatureStage(const asset::Model& model, const pipeline::Pipeline& pipeline, std::size_t shard,
               core::DurationNs settle, alarms::SignalSink& alarms, core::Metrics& metrics);
  void on_batch(core::BlockBatch& batch) override;

 private:
  struct Output {
    core::SensorId sensor;
    asset::FeatureKind kind = asset::FeatureKind::kRms;
    double low = 0;
    double high = 0;
    double order = 0;  // of the shaft's speed
  };
  // Zone C or worse, or zone D: how long it has been so, or not so, and what was said last.
  struct ZoneWatch {
    core::TimeNs since = 0;  // 0: nothing seen yet
    bool over = false;
    std::optional<bool> told;
  };
  struct Waveform {
    core::SensorId sensor;
    core::DurationNs period = 0;
    std::uint32_t analyzer = 0;
    std::size_t hop = 0;
    std::vector<double> samples;  // the window being filled
    std::size_t filled = 0;
    core::TimeNs last = 0;               // of the newest sample
    core::TimeNs counted_from = 0;       // one period before the oldest sample that no window had yet
    std::size_t fresh = 0;               // samples from there on
    std::ptrdiff_t last_uncertain = -1;  // index in `samples`
    double to_velocity = 0;              // mm/s for a unit of the (integrated) waveform
    bool integrate = true;
    std::vector<Output> outputs;
    std::array<ZoneWatch, 2> watches;  // C or worse, D
  };
  struct Speed {
    double rpm = 0;
    core::TimeNs time = INT64_MIN;
  };
  struct Value {
    double value = 0;
    bool known = true;
  };

  void add_waveform(const asset::Sensor& sensor);
  std::uint32_t analyzer_index(const detection::VibrationOptions& options);
  std::vector<Output> outputs_of(const asset::Sensor& sensor) const;
  void note_speed(const core::Block& block);
  void take(Waveform& waveform, const core::Block& block, core::BlockBatch& batch);
  void add_sample(Waveform& waveform, double value, core::TimeNs time, bool good, core::TimeNs received,
                  core::BlockBatch& batch);
  void drop(Waveform& waveform);
  void compute(Waveform& waveform, core::TimeNs received, core::BlockBatch& batch);
  void slide(Waveform& waveform);
  [[nodiscard]] std::optional<double> shaft_hz(const asset::Analysis& analysis, core::TimeNs time) const;
  Value value_of(const Waveform& waveform, const Output& output, std::optional<double> shaft_hz);
  void judge_zone(Waveform& waveform, const Output& output, detection::SeverityZone zone, core::TimeNs received);
  void report_zone(const Waveform& waveform, const Output& output, std::size_t watched, core::TimeNs received);
  void pass_on_status(const Waveform& waveform, const core::Block& block, core::BlockBatch& batch);

  const asset::Model& model_;
  alarms::SignalSink& alarms_;
  core::Counter& windows_;
  core::Counter& dropped_;
  MachineStates states_;
  std::vector<detection::VibrationAnalyzer> analyzers_;
  std::vector<Waveform> waveforms_;
  std::vector<std::uint32_t> waveform_of_;  // by SensorId; kNone where it has no features
  std::vector<Speed> speeds_;
  std::vector<std::uint32_t> speed_of_;  // by SensorId; kNone where no analysis asks for it
};

}  // namespace millwright::engine
