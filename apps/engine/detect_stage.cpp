#include "engine/detect_stage.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "core/text.hpp"

namespace millwright::engine {
namespace {

using core::Block;
using detection::SpcEvent;
using detection::XbarROptions;

constexpr std::uint32_t kNoMonitor = UINT32_MAX;
// The part of its range that a sensor may move by without anybody caring.
constexpr double kFloorOfRange = 0.01;

constexpr std::array<std::string_view, 4> kPriorities{"low", "medium", "high", "critical"};

std::uint32_t default_subgroup(double rate_hz) {
  return static_cast<std::uint32_t>(std::clamp(std::lround(rate_hz / 2), 2L, 50L));
}

bool is_chartable(const asset::Sensor& sensor) {
  return sensor.monitored && (sensor.type == core::ValueType::kFloat32 || sensor.type == core::ValueType::kFloat64);
}

std::string describe(const asset::Sensor& sensor, const SpcEvent& event) {
  const std::string_view unit = sensor.unit != nullptr ? sensor.unit->symbol : "";
  const std::string where = sensor.component.empty() ? sensor.name : sensor.component + " " + sensor.name;
  if (!event.in_alarm) return fmt::format("{} is back within its control limits", where);
  const char* what = event.chart == detection::Chart::kMean ? "mean" : "spread";
  return fmt::format("{}: {} {:.4g} {} is {} its control limit {:.4g}", where, what, event.value, unit,
                     event.value > event.limit ? "above" : "below", event.limit);
}

SpcRule read_rule(config::Section section, const SpcRule& base) {
  SpcRule rule = base;
  rule.enabled = section.boolean("enabled", base.enabled);
  rule.subgroup_size = static_cast<std::uint32_t>(
      section.integer("subgroup_size", {.fallback = base.subgroup_size, .low = 0, .high = 1000}));
  if (rule.subgroup_size == 1)
    section.problem("subgroup_size", "a range needs at least 2 readings; 0 lets the sensor's rate decide");
  rule.training =
      section.duration("training", {.fallback = base.training, .low = core::kSecond, .high = 30 * 24 * core::kHour});
  rule.sigmas = section.number("sigmas", {.fallback = base.sigmas, .low = 1, .high = 20});
  rule.priority =
      static_cast<alarms::Priority>(section.choice("priority", kPriorities, static_cast<std::size_t>(base.priority)));
  return rule;
}

}  // namespace

DetectionOptions read_detection(config::Section section) {
  DetectionOptions options;
  options.settle = section.duration("settle", {.fallback = options.settle, .high = core::kHour});
  config::Section spc = section.section("spc");
  options.rules.push_back(read_rule(spc, {}));
  for (config::Section& row : spc.sections("sensors")) {
    SpcRule rule = read_rule(row, options.rules.front());
    rule.match = row.text("match");
    options.rules.push_back(rule);
    row.finish();
  }
  spc.finish();
  section.finish();
  return options;
}

DetectStage::DetectStage(const asset::Model& model, const pipeline::Pipeline& pipeline, std::size_t shard,
                         const DetectionOptions& options, LimitStore& limits, alarms::SignalSink& alarms,
                         core::Metrics& metrics)
    : model_(model),
      limits_(limits),
      alarms_(alarms),
      judged_(metrics.counter("millwright_detection_readings_total", "Readings judged by a control chart")),
      states_(model, options.settle),
      monitor_of_(model.sensors().size(), kNoMonitor) {
  for (const asset::Sensor& sensor : model.sensors()) {
    if (pipeline.shard_of(sensor.id) != shard) continue;
    if (!is_chartable(sensor)) continue;
    const auto rule = std::find_if(options.rules.rbegin(), options.rules.rend(),
                                   [&](const SpcRule& r) { return core::glob_match(r.match, sensor.path); });
    if (rule != options.rules.rend() && rule->enabled) add_monitor(sensor, *rule);
  }
}

void DetectStage::add_monitor(const asset::Sensor& sensor, const SpcRule& rule) {
  Monitor monitor{.sensor = sensor.id, .options = options_index(sensor, rule), .priority = rule.priority, .chart = {}};
  if (const auto known = limits_.find(sensor.path, chart_options_[monitor.options])) monitor.chart.restore(*known);
  monitor_of_[sensor.id.value] = static_cast<std::uint32_t>(monitors_.size());
  monitors_.push_back(monitor);
}

// Options are few and sensors many, so charts share them.
std::uint32_t DetectStage::options_index(const asset::Sensor& sensor, const SpcRule& rule) {
  XbarROptions options;
  options.subgroup_size = rule.subgroup_size != 0 ? rule.subgroup_size : default_subgroup(sensor.rate_hz);
  options.training = rule.training;
  options.sigmas = rule.sigmas;
  options.floor = sensor.range ? kFloorOfRange * (sensor.range->high - sensor.range->low) : 0;
  const auto same = std::find_if(chart_options_.begin(), chart_options_.end(), [&](const XbarROptions& o) {
    return o.subgroup_size == options.subgroup_size && o.training == options.training && o.sigmas == options.sigmas &&
           o.floor == options.floor;
  });
  if (same == chart_options_.end()) {
    chart_options_.push_back(options);
    return static_cast<std::uint32_t>(chart_options_.size() - 1);
  }
  return static_cast<std::uint32_t>(same - chart_options_.begin());
}

void DetectStage::on_batch(core::BlockBatch& batch) {
  if (batch.purpose != core::BatchPurpose::kReadings) return;
  std::uint64_t judged = 0;
  for (const Block& block : batch.blocks) {
    states_.take(block);
    const std::uint32_t index = monitor_of_[block.sensor.value];
    if (index == kNoMonitor) continue;
    judge(monitors_[index], block);
    judged += block.count;
  }
  judged_.Increment(static_cast<double>(judged));
}

void DetectStage::judge(Monitor& monitor, const Block& block) {
  const core::MachineId machine = model_.sensor(block.sensor).machine;
  if (states_.settled(machine, block.start) != kRunning || !block.all_good()) {
    monitor.chart.interrupt();
    return;
  }
  const XbarROptions& options = chart_options_[monitor.options];
  const bool was_trained = monitor.chart.trained();
  const auto judge_all = [&]<typename T>(std::span<const T> values) {
    if (block.times == nullptr) {
      if (const auto event = monitor.chart.add(options, values, block.start, block.period))
        report(monitor, *event, block);
      return;
    }
    for (std::uint32_t i = 0; i < block.count; ++i) {
      const auto event = monitor.chart.add(options, values.subspan(i, 1), block.time(i), 0);
      if (event) report(monitor, *event, block);
    }
  };
  if (block.type == core::ValueType::kFloat32) {
    judge_all(std::span<const float>(block.as<float>()));
  } else if (block.type == core::ValueType::kFloat64) {
    judge_all(std::span<const double>(block.as<double>()));
  }
  if (!was_trained && monitor.chart.trained()) {
    limits_.put(model_.sensor(monitor.sensor).path, options, monitor.chart.limits());
  }
}

void DetectStage::report(const Monitor& monitor, const SpcEvent& event, const Block& block) {
  const asset::Sensor& sensor = model_.sensor(monitor.sensor);
  alarms_.signal({.condition = sensor.path + "#xbar-r",
                  .in_alarm = event.in_alarm,
                  .sensor = sensor.id,
                  .machine = sensor.machine,
                  .component = sensor.component,
                  .priority = monitor.priority,
                  .message = describe(sensor, event),
                  .value = event.value,
                  .limit = event.limit,
                  .source_time = event.time,
                  .received = block.received});
}

}  // namespace millwright::engine
