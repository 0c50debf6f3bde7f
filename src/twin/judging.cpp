// Twins: how well the machines are, and whether they do what is desired: one thread's work, every health_period.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "core/text.hpp"
#include "core/value_text.hpp"
#include "twin/twins.hpp"

namespace millwright::twin {
namespace {

using core::MutexLock;

constexpr double kTellHealth = 0.5;  // points
constexpr double kTellLife = 0.05;   // of itself

std::string number_text(double value) {
  return fmt::format("{:.4g}", value);
}

std::string with_unit(const asset::Sensor& sensor, const std::string& text) {
  return sensor.unit == nullptr ? text : fmt::format("{} {}", text, sensor.unit->symbol);
}

std::string desired_text(const asset::Sensor& sensor, const Desired& desired) {
  if (const auto* truth = std::get_if<bool>(&desired.value)) return *truth ? "true" : "false";
  if (const auto* text = std::get_if<std::string>(&desired.value)) return *text;
  if (const auto* number = std::get_if<double>(&desired.value)) {
    return with_unit(sensor, fmt::format("{} ± {}", number_text(*number), number_text(desired.tolerance)));
  }
  const auto code = std::get<std::int64_t>(desired.value);
  const auto state = sensor.states.find(code);
  return state != sensor.states.end() ? state->second : std::to_string(code);
}

double number_of(const DesiredValue& value) {
  if (const auto* truth = std::get_if<bool>(&value)) return *truth ? 1 : 0;
  if (const auto* number = std::get_if<double>(&value)) return *number;
  const auto* whole = std::get_if<std::int64_t>(&value);
  return whole != nullptr ? static_cast<double>(*whole) : kNotKnown;
}

// The mean of the last second where there is one: a single reading's noise is no violation.
double value_now(const pipeline::LiveTable& live, const asset::Sensor& sensor) {
  const pipeline::LiveValue value = live.read(sensor.id);
  if (value.quality.is_bad() || value.source_time == 0) return kNotKnown;
  const pipeline::Rollup second = live.rollup(sensor.id);
  return second.count != 0 ? second.mean() : value.as_double();
}

bool tells(const MachineView& before, const MachineView& after) {
  if (before.version != after.version || before.components.size() != after.components.size()) return true;
  for (std::size_t i = 0; i < after.components.size(); ++i) {
    const ComponentView& a = before.components[i];
    const ComponentView& b = after.components[i];
    const bool same_life =
        a.life.method == b.life.method && (!(std::abs(a.life.days - b.life.days) > kTellLife * std::abs(a.life.days)));
    if (a.name != b.name || std::abs(a.health.value - b.health.value) >= kTellHealth || !same_life) return true;
    if (a.health.reasons.size() != b.health.reasons.size() || a.in_service != b.in_service) return true;
  }
  const auto same = [](const auto& a, const auto& b) {
    return a.first == b.first && a.second.state == b.second.state && a.second.alarmed == b.second.alarmed;
  };
  return !std::equal(before.desired.begin(), before.desired.end(), after.desired.begin(), after.desired.end(), same);
}

}  // namespace

void Twins::run_judge() {
  while (wait(options_.health_period, &Twins::judge_now_)) judge();
}

void Twins::judge() {
  MutexLock lock(turn_mutex_);
  const core::TimeNs now = context_.clock.now();
  double worst = 100;
  for (Node& node : nodes_) {
    judge(node, now);
    worst = std::min(worst, view(node.machine->id)->health);
  }
  worst_gauge_.Set(worst);
}

void Twins::judge(Node& node, core::TimeNs now) {
  apply_replaced(node);
  const auto current = document(node.machine->id);
  const std::string state = state_of(node);
  const std::vector<Memory> alarms = memories(node, now);
  MachineView view{.machine = node.machine->id,
                   .time = now,
                   .health = 100,
                   .version = current->version,
                   .components = {},
                   .desired = {}};
  std::vector<double> parts;
  for (Part& part : node.parts) {
    ComponentView component = judge_part(node, part, alarms, state, now);
    // The machine itself is a part only where something speaks of it.
    if (part.name.empty() && part.sensors.empty() && component.health.reasons.empty()) continue;
    parts.push_back(component.health.value);
    view.components.push_back(std::move(component));
  }
  view.health = roll_up(parts);
  compare_desired(node, *current, now);
  view.desired = node.desired;
  publish(node, std::move(view));
}

void Twins::apply_replaced(Node& node) {
  std::vector<Replaced> replaced;
  {
    MutexLock lock(lives_mutex_);
    const auto at = replaced_.find(node.machine->id.value);
    if (at == replaced_.end()) return;
    replaced = std::move(at->second);
    replaced_.erase(at);
  }
  for (const Replaced& one : replaced) {
    for (Part& part : node.parts) {
      if (part.name != one.component) continue;
      part.track.forget();
      part.trend = {};
    }
    // What is over was the old component's.
    MutexLock lock(alarms_mutex_);
    std::erase_if(memories_[node.machine->id.value], [&](const auto& item) {
      return item.second.component == one.component && item.second.cleared != 0 && item.second.cleared <= one.time;
    });
  }
}

// The machine's, without those that have faded.
std::vector<Twins::Memory> Twins::memories(const Node& node, core::TimeNs now) {
  MutexLock lock(alarms_mutex_);
  auto& known = memories_[node.machine->id.value];
  std::erase_if(known, [&](const auto& item) {
    const Memory& memory = item.second;
    return memory.cleared != 0 && alarm_cost(memory.priority, now - memory.cleared, options_.alarm_half_life) <= 0;
  });
  std::vector<Memory> out;
  for (const auto& [condition, memory] : known) out.push_back(memory);
  return out;
}

std::string Twins::state_of(const Node& node) const {
  if (node.state == nullptr) return {};
  const pipeline::LiveValue value = context_.live.read(node.state->id);
  if (value.quality.is_bad()) return {};
  const auto name = node.state->states.find(core::from_bits<std::int32_t>(value.bits));
  return name == node.state->states.end() ? std::string() : name->second;
}

ComponentView Twins::judge_part(Node& node, Part& part, const std::vector<Memory>& alarms, const std::string& state,
                                core::TimeNs now) {
  std::vector<Reason> reasons;
  for (const Memory& memory : alarms) {
    if (memory.component != part.name) continue;
    const core::DurationNs ago = memory.cleared == 0 ? 0 : now - memory.cleared;
    reasons.push_back({.kind = Evidence::kAlarm,
                       .cost = alarm_cost(memory.priority, ago, options_.alarm_half_life),
                       .sensor = memory.sensor,
                       .text = fmt::format("{} alarm{}{}", alarms::to_string(memory.priority),
                                           memory.sensor.empty() ? "" : " on " + memory.sensor,
                                           memory.cleared == 0 ? "" : ", over by now"),
                       .since = memory.raised});
  }
  add_envelope_reasons(part, state, now, reasons);
  add_zone_reasons(part, reasons);
  if (part.name.empty()) add_model_reason(node, reasons);

  ComponentView out;
  out.name = part.name;
  {
    MutexLock lock(lives_mutex_);
    const ComponentKey key{node.machine->name, part.name};
    if (const auto at = in_service_.find(key); at != in_service_.end()) out.in_service = at->second;
    if (const auto at = lives_.find(key); at != lives_.end()) {
      const ModelLife& known = at->second;
      if (known.life) out.life = *known.life;
      out.model = known.model;
      out.predicted = known.time;
      out.cycles = known.cycles;
      out.drift = known.drift;
      out.outcome = known.outcome;
      out.problem = known.problem;
    }
  }
  if (out.life.method == Method::kModel) {
    const double probability = failure_probability(out.life, 100, options_.life, kLifeCostDays);
    // Below a hundredth it is no reason for anything.
    if (probability >= 0.01) {
      reasons.push_back({.kind = Evidence::kRemainingLife,
                         .cost = life_cost(probability),
                         .sensor = {},
                         .text = fmt::format("{:.3g} days of life left, {:.0f} % likely to fail within {:g}",
                                             out.life.days, 100 * probability, kLifeCostDays),
                         .since = out.predicted});
    }
  }
  std::size_t believed = 0;
  for (const core::SensorId id : part.sensors) believed += context_.live.read(id).quality.is_bad() ? 0 : 1;
  const double confidence =
      part.sensors.empty() ? 1 : static_cast<double>(believed) / static_cast<double>(part.sensors.size());
  out.health = twin::judge(std::move(reasons), confidence);
  follow_track(node, part, out.health.value, now);
  if (out.life.method != Method::kModel) out.life = part.trend;
  out.failure_probability = failure_probability(out.life, out.health.value, options_.life, kLookaheadDays);
  return out;
}

void Twins::add_envelope_reasons(Part& part, const std::string& state, core::TimeNs now,
                                 std::vector<Reason>& out) const {
  for (Watched& one : part.watched) {
    const asset::Range* range = one.envelope.in(state);
    const double value = value_now(context_.live, *one.sensor);
    const double distance = range != nullptr ? outside(*range, value) : 0;
    if (!(distance > 0)) {
      one.since = 0;
      continue;
    }
    if (one.since == 0) one.since = now;
    out.push_back({.kind = Evidence::kEnvelope,
                   .cost = envelope_cost(distance),
                   .sensor = sensor_key(*one.sensor),
                   .text = fmt::format("{} is {}, normally {} to {}", sensor_key(*one.sensor),
                                       with_unit(*one.sensor, number_text(value)), number_text(range->low),
                                       number_text(range->high)),
                   .since = one.since});
  }
}

void Twins::add_zone_reasons(const Part& part, std::vector<Reason>& out) const {
  for (const core::SensorId id : part.zones) {
    const pipeline::LiveValue value = context_.live.read(id);
    if (value.quality.is_bad() || value.source_time == 0) continue;
    const int zone = static_cast<int>(value.as_double());
    const double cost = zone_cost(zone);
    if (!(cost > 0)) continue;
    const std::string key = sensor_key(context_.model.sensor(id));
    out.push_back({.kind = Evidence::kVibrationZone,
                   .cost = cost,
                   .sensor = key,
                   .text = fmt::format("{}: vibration in zone {} of ISO 20816", key,
                                       asset::kZoneNames[static_cast<std::size_t>(zone)]),
                   .since = 0});
  }
}

void Twins::add_model_reason(const Node& node, std::vector<Reason>& out) const {
  const auto model = context_.models.find(node.machine->path);
  if (!model || !model->active || !model->active->problem.empty() || model->active->rows == 0) return;
  const double cost = model_cost(model->active->score);
  if (!(cost > 0)) return;
  out.push_back({.kind = Evidence::kModelScore,
                 .cost = cost,
                 .sensor = {},
                 .text = fmt::format("model {}: {:.2f} times its limit", model->active->model, model->active->score),
                 .since = 0});
}

void Twins::follow_track(const Node& node, Part& part, double health, core::TimeNs now) {
  const HealthTrack::Closed closed = part.track.add(now, health);
  if (closed.minute || closed.hour) part.trend = life_of(part.track, options_.life);
  if (!closed.hour) return;
  MutexLock lock(lives_mutex_);
  hours_.push_back({{node.machine->name, part.name}, part.track.hours().back()});
}

void Twins::publish(const Node& node, MachineView view) {
  const auto before = this->view(node.machine->id);
  const bool tell = tells(*before, view);
  const auto shared = std::make_shared<const MachineView>(std::move(view));
  {
    MutexLock lock(views_mutex_);
    views_[node.machine->id.value] = shared;
  }
  if (!tell) return;
  for (const Listener& listener : listeners_) listener(*shared);
}

// ---- desired against reported ----

Deviation::State Twins::compare(const Desired& desired) const {
  const pipeline::LiveValue value = context_.live.read(desired.sensor);
  if (value.quality.is_bad() || value.source_time == 0) return Deviation::State::kUnknown;
  if (const auto* text = std::get_if<std::string>(&desired.value)) {
    const auto reported = context_.history.texts().text(core::from_bits<std::int32_t>(value.bits));
    return reported && *reported == *text ? Deviation::State::kMet : Deviation::State::kDiffers;
  }
  const double distance = std::abs(value.as_double() - number_of(desired.value));
  return distance <= desired.tolerance ? Deviation::State::kMet : Deviation::State::kDiffers;
}

void Twins::compare_desired(Node& node, const Current& current, core::TimeNs now) {
  const auto& wanted = current.document.desired;
  for (auto at = node.alarmed.begin(); at != node.alarmed.end();) {
    if (wanted.contains(at->first)) {
      ++at;
      continue;
    }
    signal(node, at->first, nullptr, {}, at->second);
    at = node.alarmed.erase(at);
  }
  std::erase_if(node.desired, [&](const auto& item) { return !wanted.contains(item.first); });
  for (const auto& [key, desired] : wanted) {
    const auto [at, fresh] = node.desired.try_emplace(key);
    Deviation& deviation = at->second;
    const Deviation::State state = compare(desired);
    const bool changed = fresh || state != deviation.state;
    if (changed) deviation = {.state = state, .since = now, .alarmed = false};
    if (fresh) node.alarmed.emplace(key, desired.sensor);  // an alarm may be left from before a restart
    const bool late = state == Deviation::State::kDiffers && now - deviation.since >= options_.differs_after;
    const bool turned = late && !deviation.alarmed;
    deviation.alarmed = late;
    if (turned) {
      signal(node, key, &desired, deviation, desired.sensor);
      node.alarmed.emplace(key, desired.sensor);
    } else if (changed && state == Deviation::State::kMet) {
      signal(node, key, &desired, deviation, desired.sensor);
      node.alarmed.erase(key);
    }
  }
}

// Without a desired value: nobody desires it any longer, and the alarm goes.
void Twins::signal(const Node& node, const std::string& key, const Desired* desired, const Deviation& deviation,
                   core::SensorId id) {
  const asset::Sensor& sensor = context_.model.sensor(id);
  const pipeline::LiveValue value = context_.live.read(id);
  alarms::Signal signal;
  signal.condition = sensor.path + "#health-desired";
  signal.in_alarm = deviation.alarmed;
  signal.sensor = id;
  signal.machine = node.machine->id;
  signal.component = sensor.component;
  signal.priority = options_.differs_priority;
  signal.value = value.as_double();
  if (desired != nullptr) {
    signal.limit = number_of(desired->value);
    std::string reported;
    if (sensor.type == core::ValueType::kText) {
      reported = context_.history.texts().text(core::from_bits<std::int32_t>(value.bits)).value_or("");
    } else {
      core::append_value(sensor.type, value.bits, reported);
    }
    if (const auto state = sensor.states.find(static_cast<std::int64_t>(value.as_double()));
        sensor.type == core::ValueType::kState && state != sensor.states.end()) {
      reported = state->second;
    }
    signal.message = fmt::format("{} is {}, but {} is desired, since {}", key, with_unit(sensor, reported),
                                 desired_text(sensor, *desired), core::format_time(deviation.since));
  }
  signal.source_time = value.source_time;
  context_.alarms.signal(signal);
}

}  // namespace millwright::twin
