#include "engine/detect_stage.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "core/time.hpp"
#include "engine/describe.hpp"

namespace millwright::engine {
namespace {

using core::Block;
using detection::ChartKind;
using detection::ChartOptions;
using detection::ChartStatistic;
using detection::SpcEvent;

// The part of its range that a sensor may move by without anybody caring.
constexpr double kFloorOfRange = 0.01;

std::uint32_t default_subgroup(double rate_hz) {
  return static_cast<std::uint32_t>(std::clamp(std::lround(rate_hz / 2), 2L, 50L));
}

bool is_chartable(const asset::Sensor& sensor) {
  return sensor.monitored && core::is_real(sensor.type);
}

const char* statistic_name(ChartStatistic statistic) {
  switch (statistic) {
    case ChartStatistic::kMean:
      return "mean";
    case ChartStatistic::kSpread:
      return "spread";
    case ChartStatistic::kEwma:
      return "smoothed mean";
    case ChartStatistic::kCusum:
      return "sum of deviations";
  }
  return "";
}

std::string describe(const asset::Sensor& sensor, const SpcEvent& event) {
  const std::string_view unit = unit_of(sensor);
  const std::string where = where_is(sensor);
  if (!event.in_alarm) return fmt::format("{} is back within its control limits", where);
  if ((event.rules & ~detection::kBeyondLimits) != 0) {
    return fmt::format("{}: mean {:.4g} {}: {}", where, event.value, unit, detection::describe_rule(event.rules));
  }
  std::string text =
      fmt::format("{}: {} {:.4g} {} is {} its control limit {:.4g}", where, statistic_name(event.statistic),
                  event.value, unit, event.value > event.limit ? "above" : "below", event.limit);
  if (event.statistic == ChartStatistic::kCusum) text += ", growing since " + core::format_time(event.began);
  return text;
}

std::optional<detection::Specification> specification_of(const asset::Sensor& sensor, const SpcRule& rule) {
  if (rule.specification) return rule.specification;
  if (sensor.range) return detection::Specification{sensor.range->low, sensor.range->high};
  return std::nullopt;
}

}  // namespace

DetectStage::DetectStage(const asset::Model& model, const pipeline::Pipeline& pipeline, std::size_t shard,
                         const DetectionOptions& options, LimitStore& limits, alarms::SignalSink& alarms,
                         core::Metrics& metrics)
    : model_(model),
      limits_(limits),
      alarms_(alarms),
      judged_(metrics.counter("millwright_detection_readings_total", "Readings judged by a control chart")),
      states_(model, options.settle),
      charts_of_(model.sensors().size()),
      specifications_(model.sensors().size()) {
  for (const asset::Sensor& sensor : model.sensors()) {
    if (pipeline.shard_of(sensor.id) != shard || !is_chartable(sensor)) continue;
    if (const SpcRule* rule = rule_for(options.rules, sensor)) add_monitors(sensor, *rule);
  }
  progress_ = std::make_unique<std::atomic<std::uint16_t>[]>(monitors_.size());
  for (const Monitor& monitor : monitors_) note_progress(monitor);
}

void DetectStage::add_monitors(const asset::Sensor& sensor, const SpcRule& rule) {
  Charts& charts = charts_of_[sensor.id.value];
  charts.first = static_cast<std::uint32_t>(monitors_.size());
  for (const ChartKind kind : rule.charts) {
    for (const std::string& state : rule.states) {
      const auto code = state_code(model_, model_.machine(sensor.machine), state);
      if (!code) continue;
      Monitor& monitor = monitors_.emplace_back();
      monitor.sensor = sensor.id;
      monitor.machine = sensor.machine;
      monitor.state = *code;
      monitor.options = options_index(sensor, rule, kind);
      monitor.state_name = state_index(state);
      monitor.priority = rule.priority;
      const auto known = limits_.find(key_of(monitor), options_of(monitor).subgroup_size);
      if (known) monitor.chart.restore(*known);
    }
  }
  charts.count = static_cast<std::uint32_t>(monitors_.size()) - charts.first;
  specifications_[sensor.id.value] = specification_of(sensor, rule);
}

// Options are few and sensors many, so charts share them.
std::uint32_t DetectStage::options_index(const asset::Sensor& sensor, const SpcRule& rule, ChartKind kind) {
  ChartOptions options{.kind = kind,
                       .training = rule.training,
                       .sigmas = rule.sigmas,
                       .raise_count = rule.raise_count,
                       .raise_window = rule.raise_window,
                       .rules = rule.rules,
                       .lambda = rule.lambda,
                       .slack = rule.slack,
                       .decision = rule.decision};
  options.subgroup_size = rule.subgroup_size != 0 ? rule.subgroup_size : default_subgroup(sensor.rate_hz);
  if (kind == ChartKind::kIndividuals) options.subgroup_size = 1;
  options.floor = sensor.range ? kFloorOfRange * (sensor.range->high - sensor.range->low) : 0;
  const auto same = std::find(chart_options_.begin(), chart_options_.end(), options);
  if (same != chart_options_.end()) return static_cast<std::uint32_t>(same - chart_options_.begin());
  chart_options_.push_back(options);
  return static_cast<std::uint32_t>(chart_options_.size() - 1);
}

std::uint32_t DetectStage::state_index(const std::string& name) {
  const auto same = std::find(state_names_.begin(), state_names_.end(), name);
  if (same != state_names_.end()) return static_cast<std::uint32_t>(same - state_names_.begin());
  state_names_.push_back(name);
  return static_cast<std::uint32_t>(state_names_.size() - 1);
}

LimitKey DetectStage::key_of(const Monitor& monitor) const {
  return {model_.sensor(monitor.sensor).path, options_of(monitor).kind, state_names_[monitor.state_name]};
}

// The machines' states first: what a batch says of a stop holds for all of its readings.
void DetectStage::on_batch(core::BlockBatch& batch) {
  if (batch.purpose != core::BatchPurpose::kReadings) return;
  for (const Block& block : batch.blocks) states_.take(block);
  std::uint64_t judged = 0;
  for (const Block& block : batch.blocks) {
    const Charts charts = charts_of_[block.sensor.value];
    if (charts.count == 0) continue;
    for (std::uint32_t i = 0; i < charts.count; ++i) judge(monitors_[charts.first + i], block);
    judged += block.count;
  }
  judged_.Increment(static_cast<double>(judged));
}

void DetectStage::judge(Monitor& monitor, const Block& block) {
  if (states_.settled(monitor.machine, block.start) != monitor.state) {
    monitor.chart.leave();
    return;
  }
  if (!block.all_good()) {
    monitor.chart.interrupt();
    return;
  }
  const ChartOptions& options = options_of(monitor);
  const bool was_trained = monitor.chart.trained();
  const auto judge_all = [&]<typename T>(std::span<const T> values) {
    if (block.times == nullptr) {
      if (const auto event = monitor.chart.add(options, values, block.start, block.period))
        report(monitor, *event, block.received, describe(model_.sensor(monitor.sensor), *event));
      return;
    }
    for (std::uint32_t i = 0; i < block.count; ++i) {
      const auto event = monitor.chart.add(options, values.subspan(i, 1), block.time(i), 0);
      if (event) report(monitor, *event, block.received, describe(model_.sensor(monitor.sensor), *event));
    }
  };
  if (block.type == core::ValueType::kFloat32) {
    judge_all(std::span<const float>(block.as<float>()));
  } else if (block.type == core::ValueType::kFloat64) {
    judge_all(std::span<const double>(block.as<double>()));
  }
  if (was_trained) return;
  note_progress(monitor);
  if (monitor.chart.trained()) limits_.put(key_of(monitor), options.subgroup_size, monitor.chart.limits());
}

void DetectStage::note_progress(const Monitor& monitor) {
  const auto index = static_cast<std::size_t>(&monitor - monitors_.data());
  const double progress = std::min(monitor.chart.progress(options_of(monitor)), 0.999);
  const auto thousandths = static_cast<std::uint16_t>(progress * kTrained);
  progress_[index].store(monitor.chart.trained() ? kTrained : thousandths, std::memory_order_relaxed);
}

void DetectStage::report(const Monitor& monitor, const SpcEvent& event, core::TimeNs received, std::string message) {
  const asset::Sensor& sensor = model_.sensor(monitor.sensor);
  const std::string& state = state_names_[monitor.state_name];
  std::string condition = fmt::format("{}#{}", sensor.path, detection::to_string(options_of(monitor).kind));
  if (state != kRunningName) condition += "@" + state;
  alarms_.signal({.condition = std::move(condition),
                  .in_alarm = event.in_alarm,
                  .sensor = sensor.id,
                  .machine = sensor.machine,
                  .component = sensor.component,
                  .priority = monitor.priority,
                  .message = std::move(message),
                  .value = event.value,
                  .limit = event.limit,
                  .source_time = event.time,
                  .received = received});
}

std::vector<ChartView> DetectStage::charts(core::MachineId machine) const {
  std::vector<ChartView> views;
  for (const core::SensorId id : model_.machine(machine).sensors) {
    const Charts charts = charts_of_[id.value];
    for (std::uint32_t i = charts.first; i < charts.first + charts.count; ++i) {
      const Monitor& monitor = monitors_[i];
      const ChartOptions& options = options_of(monitor);
      ChartView view{.sensor = id, .kind = options.kind, .state = state_names_[monitor.state_name]};
      view.subgroup_size = options.subgroup_size;
      view.progress = progress_[i].load(std::memory_order_relaxed) / static_cast<double>(kTrained);
      view.specification = specifications_[id.value];
      if (view.progress >= 1) view.limits = limits_.find(key_of(monitor), options.subgroup_size);
      views.push_back(std::move(view));
    }
  }
  return views;
}

bool DetectStage::is_meant(const Monitor& monitor, const RelearnRequest& request) const {
  if (request.sensor.valid() && request.sensor != monitor.sensor) return false;
  return !request.kind || *request.kind == options_of(monitor).kind;
}

std::size_t DetectStage::relearn(const RelearnRequest& request) {
  std::size_t meant = 0;
  for (const core::SensorId id : model_.machine(request.machine).sensors) {
    const Charts charts = charts_of_[id.value];
    for (std::uint32_t i = charts.first; i < charts.first + charts.count; ++i) {
      if (is_meant(monitors_[i], request)) ++meant;
    }
  }
  if (meant == 0) return 0;
  core::MutexLock lock(mutex_);
  requests_.push_back(request);
  asked_.store(true, std::memory_order_release);
  return meant;
}

void DetectStage::on_tick(core::TimeNs now) {
  if (!asked_.load(std::memory_order_acquire)) return;
  std::vector<RelearnRequest> requests;
  {
    core::MutexLock lock(mutex_);
    requests.swap(requests_);
    asked_.store(false, std::memory_order_relaxed);
  }
  for (const RelearnRequest& request : requests) {
    for (const core::SensorId id : model_.machine(request.machine).sensors) {
      const Charts charts = charts_of_[id.value];
      for (std::uint32_t i = charts.first; i < charts.first + charts.count; ++i) {
        if (is_meant(monitors_[i], request)) learn_anew(monitors_[i], now);
      }
    }
  }
}

// An alarm that stands was judged by limits that are no more.
void DetectStage::learn_anew(Monitor& monitor, core::TimeNs now) {
  const bool in_alarm = monitor.chart.in_alarm();
  monitor.chart.relearn();
  limits_.erase(key_of(monitor));
  note_progress(monitor);
  if (!in_alarm) return;
  const asset::Sensor& sensor = model_.sensor(monitor.sensor);
  report(monitor, {.time = now}, 0, where_is(sensor) + " learns its control limits anew");
}

}  // namespace millwright::engine
