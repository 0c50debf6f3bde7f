#include "engine/health_stage.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "core/log.hpp"
#include "engine/describe.hpp"

namespace millwright::engine {
namespace {

using core::Block;
using core::TimeNs;
using detection::HealthCheck;
using detection::HealthFinding;

constexpr std::uint32_t kTicksPerRound = 10;                  // until every sensor was looked at for a gap
constexpr core::DurationNs kAsleep = 2 * core::kSecond;       // between two ticks: the shard stood still
constexpr core::DurationNs kArrivalTraining = core::kMinute;  // until it is known how readings come
constexpr double kRegular = 0.5;                              // of the nominal readings must come
constexpr double kLongest = 4;                                // times the longest usual wait

std::string describe(const asset::Sensor& sensor, const HealthFinding& finding) {
  const std::string where = "sensor " + where_is(sensor);
  const std::string_view unit = unit_of(sensor);
  if (!finding.in_alarm) return fmt::format("{} is as it should be again ({})", where, to_string(finding.check));
  switch (finding.check) {
    case HealthCheck::kStuck:
      return fmt::format("{} is stuck at {:.6g} {}", where, finding.value, unit);
    case HealthCheck::kRange:
      return fmt::format("{} reads {:.6g} {}, outside its range, which ends at {:.6g}", where, finding.value, unit,
                         finding.limit);
    case HealthCheck::kGap:
      return fmt::format("{} sent nothing new for {:.0f} s; {:.0f} s would still be usual", where, finding.value,
                         finding.limit);
    case HealthCheck::kSpike:
      return fmt::format("{} has spikes of more than {:.4g} {}", where, finding.limit, unit);
    case HealthCheck::kRate:
      return fmt::format("{} changes by {:.4g} {}/s; its limit is {:.4g}", where, finding.value, unit, finding.limit);
    case HealthCheck::kNoise:
      return fmt::format("{} is noisy: steps of {:.4g} {}; its limit is {:.4g}", where, finding.value, unit,
                         finding.limit);
    case HealthCheck::kDrift:
      return fmt::format("{} is {:.4g} {} away from its redundant sensor; its limit is {:.4g}", where, finding.value,
                         unit, finding.limit);
  }
  return where;
}

bool needs_steps(const detection::HealthOptions& options) {
  return options.spike_sigmas > 0 || options.rate_limit > 0 || options.noise_times > 0;
}

template <typename T>
double mean_of(std::span<const T> values) {
  double sum = 0;
  for (const T value : values) sum += static_cast<double>(value);
  return sum / static_cast<double>(values.size());
}

core::DurationNs seconds(double s) {
  return static_cast<core::DurationNs>(s * static_cast<double>(core::kSecond));
}

}  // namespace

HealthStage::HealthStage(const asset::Model& model, const pipeline::Pipeline& pipeline, std::size_t shard,
                         const DetectionOptions& options, alarms::SignalSink& alarms, core::Metrics& metrics)
    : model_(model),
      alarms_(alarms),
      doubted_(metrics.counter("millwright_detection_doubted_readings_total",
                               "Readings whose quality sensor health has lowered")),
      states_(model, options.settle),
      silences_(model.machines().size()),
      monitor_of_(model.sensors().size(), kNone) {
  for (const asset::Sensor& sensor : model.sensors()) {
    // A feature is as good as the sensor that it is made of.
    if (pipeline.shard_of(sensor.id) != shard || !core::is_real(sensor.type) || sensor.feature) continue;
    if (const HealthRule* rule = rule_for(options.health, sensor)) add_monitor(sensor, *rule);
  }
  arrivals_.resize(monitors_.size());
  join_twins();
}

void HealthStage::add_monitor(const asset::Sensor& sensor, const HealthRule& rule) {
  monitor_of_[sensor.id.value] = static_cast<std::uint32_t>(monitors_.size());
  Monitor& monitor = monitors_.emplace_back();
  monitor.sensor = sensor.id;
  monitor.machine = sensor.machine;
  monitor.rule = rule_index(sensor, rule);
  if (!needs_steps(rule.values)) return;
  monitor.steps = static_cast<std::uint32_t>(steps_.size());
  steps_.emplace_back();
}

// Rules are few and sensors many, so sensors of the same floor share them.
std::uint32_t HealthStage::rule_index(const asset::Sensor& sensor, const HealthRule& rule) {
  const double floor = sensor.range ? 0.01 * (sensor.range->high - sensor.range->low) : 0;
  const auto same = std::find_if(rules_.begin(), rules_.end(), [&](const HealthRule& known) {
    return known.match == rule.match && known.values.floor == floor;
  });
  if (same != rules_.end()) return static_cast<std::uint32_t>(same - rules_.begin());
  rules_.push_back(rule);
  rules_.back().values.floor = floor;
  return static_cast<std::uint32_t>(rules_.size() - 1);
}

void HealthStage::join_twins() {
  for (Monitor& monitor : monitors_) {
    const HealthRule& rule = rules_[monitor.rule];
    if (rule.redundant_with.empty()) continue;
    const asset::Machine& machine = model_.machine(monitor.machine);
    const asset::Sensor* twin = model_.find_sensor(machine, rule.redundant_with);
    if (twin == nullptr || twin->id == monitor.sensor || monitor_of_[twin->id.value] == kNone) {
      core::logger("detection")
          ->warn("detection.health: {} is not compared: {} has no other checked sensor '{}'",
                 model_.sensor(monitor.sensor).path, machine.name, rule.redundant_with);
      continue;
    }
    monitor.checked_in = static_cast<std::uint32_t>(pairs_.size());
    monitors_[monitor_of_[twin->id.value]].reference_in = monitor.checked_in;
    pairs_.push_back({.checked = monitor_of_[monitor.sensor.value], .drift = {}});
  }
}

void HealthStage::on_batch(core::BlockBatch& batch) {
  if (batch.purpose != core::BatchPurpose::kReadings) return;
  for (const Block& block : batch.blocks) states_.take(block);
  for (Block& block : batch.blocks) {
    const std::uint32_t index = monitor_of_[block.sensor.value];
    if (index == kNone) {
      hear(model_.sensor(block.sensor).machine, block.received);
      continue;
    }
    Monitor& monitor = monitors_[index];
    hear(monitor.machine, block.received);
    const bool now_runs = runs(monitor.machine, block.start);
    arrive(index, block, now_runs);
    const bool good = block.all_good();
    if (!good || !monitor.outside.idle()) check_range(monitor, block);
    if (!now_runs) {
      leave(monitor);
    } else if (good) {
      check_values(monitor, batch, block);
    }
  }
}

// The machine does something else: what begins then is not compared with what was.
void HealthStage::leave(Monitor& monitor) {
  monitor.stuck.leave();
  if (monitor.steps != kNone) steps_[monitor.steps].leave();
}

void HealthStage::hear(core::MachineId machine, TimeNs received) {
  Silence& silence = silences_[machine.value];
  silence.last = std::max(silence.last, received);
  if (!silence.raised) return;
  silence.raised = false;
  report_machine(machine, false, received);
}

void HealthStage::arrive(std::uint32_t index, const Block& block, bool now_runs) {
  Arrival& arrival = arrivals_[index];
  if (arrival.missing) {
    arrival.missing = false;
    report(monitors_[index], {.check = HealthCheck::kGap, .time = block.start}, block.received);
  }
  if (!arrival.regular && now_runs) {
    if (arrival.readings == 0) {
      arrival.first = block.received;
    } else {
      arrival.longest = std::max(arrival.longest, block.received - arrival.last);
    }
    arrival.readings += block.count;
    const core::DurationNs learnt = block.received - arrival.first;
    if (learnt >= kArrivalTraining) {
      const double usual = model_.sensor(block.sensor).rate_hz * static_cast<double>(learnt) * 1e-9;
      arrival.regular = arrival.readings >= 10 && arrival.readings >= kRegular * usual;
      if (!arrival.regular) arrival.readings = 0;
    }
  } else if (!arrival.regular) {
    arrival = {};
  }
  arrival.last = block.received;
}

// Calibrate has marked what is outside; the last reading decides.
void HealthStage::check_range(Monitor& monitor, const Block& block) {
  const HealthRule& rule = rules_[monitor.rule];
  const asset::Sensor& sensor = model_.sensor(monitor.sensor);
  if (!rule.range || !sensor.range) return;
  const double value = block.as_double(block.count - 1);
  const double margin = rule.range_margin * (sensor.range->high - sensor.range->low);
  const bool marked = block.quality[block.quality_runs - 1].quality == core::kUncertainEuExceeded;
  const bool outside = marked && (value < sensor.range->low - margin || value > sensor.range->high + margin);
  if (!monitor.outside.update(outside, block.last_time(), rule.range_after, rule.range_after)) return;
  report(monitor,
         {.check = HealthCheck::kRange,
          .in_alarm = outside,
          .value = value,
          .limit = value < sensor.range->low ? sensor.range->low : sensor.range->high,
          .time = block.last_time()},
         block.received);
}

void HealthStage::check_values(Monitor& monitor, core::BlockBatch& batch, Block& block) {
  if (block.type == core::ValueType::kFloat32) {
    look<float>(monitor, batch, block);
  } else if (block.type == core::ValueType::kFloat64) {
    look<double>(monitor, batch, block);
  }
}

template <typename T>
void HealthStage::look(Monitor& monitor, core::BlockBatch& batch, Block& block) {
  const HealthRule& rule = rules_[monitor.rule];
  const std::span<const T> values = block.as<T>();
  if (monitor.checked_in != kNone || monitor.reference_in != kNone) check_drift(monitor, batch, block, mean_of(values));
  if (monitor.steps != kNone) {
    doubted_readings_.clear();
    findings_.clear();
    detection::StepChecks& steps = steps_[monitor.steps];
    steps.look(rule.values, block, values, doubted_readings_, findings_);
    for (const HealthFinding& finding : findings_) report(monitor, finding, block.received);
    const bool noisy = steps.noisy();
    if (noisy || !doubted_readings_.empty()) {
      batch.mark(block, core::kUncertainNotAccurate, [&](std::uint32_t i) {
        return noisy || std::find(doubted_readings_.begin(), doubted_readings_.end(), i) != doubted_readings_.end();
      });
      doubted_.Increment(noisy ? block.count : static_cast<double>(doubted_readings_.size()));
    }
  }
  const std::uint32_t stuck = monitor.stuck.look(rule.values, block, values);
  if (stuck != 0) {
    batch.mark(block, core::kUncertainNotAccurate, [&](std::uint32_t i) { return i >= block.count - stuck; });
    doubted_.Increment(stuck);
  }
  if ((stuck != 0) != monitor.stuck_raised) {
    monitor.stuck_raised = stuck != 0;
    report(monitor,
           {.check = HealthCheck::kStuck,
            .in_alarm = monitor.stuck_raised,
            .value = monitor.stuck.value(),
            .limit = monitor.stuck.value(),
            .time = block.last_time()},
           block.received);
  }
}

// A block's mean goes to the pair in which this sensor is checked, and to the one in which it is what another is
// checked by.
void HealthStage::check_drift(Monitor& monitor, core::BlockBatch& batch, Block& block, double mean) {
  const auto compare = [&](std::uint32_t index, std::size_t which) {
    Pair& pair = pairs_[index];
    const Monitor& checked = monitors_[pair.checked];
    const double tolerance = rules_[checked.rule].tolerance;
    if (!pair.drift.add(which, mean, block.last_time(), tolerance)) return;
    report(checked,
           {.check = HealthCheck::kDrift,
            .in_alarm = pair.drift.drifts(),
            .value = pair.drift.difference(),
            .limit = tolerance,
            .time = block.last_time()},
           block.received);
  };
  if (monitor.reference_in != kNone) compare(monitor.reference_in, 1);
  if (monitor.checked_in == kNone) return;
  compare(monitor.checked_in, 0);
  if (!pairs_[monitor.checked_in].drift.drifts()) return;
  batch.mark(block, core::kUncertainNotAccurate, [](std::uint32_t) { return true; });
  doubted_.Increment(block.count);
}

void HealthStage::on_tick(TimeNs now) {
  if (now - last_tick_ > kAsleep || now < last_tick_) awake_since_ = now;
  last_tick_ = now;
  const auto share = static_cast<std::uint32_t>(monitors_.size() / kTicksPerRound + 1);
  for (std::uint32_t i = 0; i < share && i < monitors_.size(); ++i) {
    if (next_checked_ >= monitors_.size()) next_checked_ = 0;
    check_gap(next_checked_++, now);
  }
}

void HealthStage::check_gap(std::uint32_t index, TimeNs now) {
  Arrival& arrival = arrivals_[index];
  if (!arrival.regular || arrival.missing) return;
  const Monitor& monitor = monitors_[index];
  const HealthRule& rule = rules_[monitor.rule];
  if (rule.gap_times <= 0 || !monitor.stuck.varies()) return;
  const double periods = rule.gap_times / model_.sensor(monitor.sensor).rate_hz;
  const core::DurationNs usual = std::max(
      {rule.gap_min, seconds(periods), static_cast<core::DurationNs>(kLongest * static_cast<double>(arrival.longest))});
  // Not before the machine has run so long, and this shard has been awake so long.
  if (now - std::max(arrival.last, awake_since_) <= usual || !runs(monitor.machine, now - usual)) return;
  Silence& silence = silences_[monitor.machine.value];
  if (now - silence.last > rule.gap_min) {
    if (!silence.raised) report_machine(monitor.machine, true, now);
    silence.raised = true;
    return;
  }
  arrival.missing = true;
  report(monitor,
         {.check = HealthCheck::kGap,
          .in_alarm = true,
          .value = static_cast<double>(now - arrival.last) * 1e-9,
          .limit = static_cast<double>(usual) * 1e-9,
          .time = now},
         0);
}

void HealthStage::report(const Monitor& monitor, const HealthFinding& finding, TimeNs received) {
  const asset::Sensor& sensor = model_.sensor(monitor.sensor);
  alarms_.signal({.condition = fmt::format("{}#health-{}", sensor.path, to_string(finding.check)),
                  .in_alarm = finding.in_alarm,
                  .sensor = sensor.id,
                  .machine = sensor.machine,
                  .component = sensor.component,
                  .priority = rules_[monitor.rule].priority,
                  .message = describe(sensor, finding),
                  .value = finding.value,
                  .limit = finding.limit,
                  .source_time = finding.time,
                  .received = received});
}

void HealthStage::report_machine(core::MachineId id, bool in_alarm, TimeNs time) {
  const asset::Machine& machine = model_.machine(id);
  alarms_.signal({.condition = machine.path + "#health-gap",
                  .in_alarm = in_alarm,
                  .sensor = {},
                  .machine = id,
                  .component = {},
                  .priority = alarms::Priority::kMedium,
                  .message = in_alarm ? fmt::format("no sensor of {} sends readings any more", machine.name)
                                      : fmt::format("sensors of {} send readings again", machine.name),
                  .value = 0,
                  .limit = 0,
                  .source_time = time,
                  .received = 0});
}

}  // namespace millwright::engine
