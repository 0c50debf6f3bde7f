// Twins: setting up, documents, and what comes from outside. judging.cpp and lives.cpp hold the two threads' work.
#include "twin/twins.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/log.hpp"
#include "core/text.hpp"

namespace millwright::twin {

using core::ErrorCode;
using core::MutexLock;
using core::unexpected;

std::string_view to_string(Deviation::State state) {
  static constexpr std::array<std::string_view, 3> kNames{"met", "differs", "unknown"};
  return kNames[static_cast<std::size_t>(state)];
}

core::Result<std::unique_ptr<Twins>> Twins::open(Options options, Context context) {
  std::unique_ptr<Twins> twins(new Twins(std::move(options), context));
  if (auto ready = twins->set_up(); !ready) return unexpected(ready.error().within("twin"));
  return twins;
}

Twins::Twins(Options options, Context context)
    : options_(std::move(options)),
      context_(context),
      store_(context.database),
      worst_gauge_(context.metrics.gauge("millwright_twin_health_worst", "Health of the worst machine, 0 to 100")) {}

Twins::~Twins() {
  stop();
}

core::Status Twins::set_up() {
  if (auto ready = store_.prepare(); !ready) return ready;
  make_nodes();
  if (auto restored = restore(); !restored) return restored;
  make_followers();
  {
    MutexLock lock(alarms_mutex_);
    alarms::Filter all;
    all.limit = alarms::kClosedMax * 2;
    for (const alarms::Alarm& alarm : context_.alarms.list(all)) remember(alarm);
  }
  judge();
  return {};
}

void Twins::make_nodes() {
  const auto machines = context_.model.machines();
  MutexLock lock(views_mutex_);
  MutexLock alarms_lock(alarms_mutex_);
  memories_.resize(machines.size());
  for (const asset::Machine& machine : machines) {
    Node node;
    node.machine = &machine;
    node.parts.emplace_back();
    for (const asset::Component& component : machine.components) {
      node.parts.emplace_back();
      node.parts.back().name = component.name;
    }
    for (const core::SensorId id : machine.sensors) {
      const asset::Sensor& sensor = context_.model.sensor(id);
      if (sensor.component.empty() && sensor.name == "state" && sensor.type == core::ValueType::kState) {
        node.state = &sensor;
      }
      const auto part = std::find_if(node.parts.begin(), node.parts.end(),
                                     [&](const Part& one) { return one.name == sensor.component; });
      if (part == node.parts.end()) continue;
      part->sensors.push_back(id);
      const bool is_zone = sensor.feature && sensor.feature->kind == asset::FeatureKind::kZone;
      if (is_zone) part->zones.push_back(id);
      const bool measures = sensor.type == core::ValueType::kFloat64 || sensor.type == core::ValueType::kFloat32 ||
                            sensor.type == core::ValueType::kInt64;
      Envelope envelope = envelope_of(sensor, options_.envelopes);
      if (measures && !is_zone && !envelope.empty()) part->watched.push_back({&sensor, std::move(envelope), 0});
    }
    nodes_.push_back(std::move(node));
    views_.push_back(std::make_shared<MachineView>());
    documents_.push_back(std::make_shared<Current>());
  }
}

core::Status Twins::restore() {
  const auto documents = store_.documents();
  if (!documents) return unexpected(documents.error());
  const auto in_service = store_.in_service();
  if (!in_service) return unexpected(in_service.error());
  const core::TimeNs now = context_.clock.now();
  const auto health = store_.health(now - Store::kHealthKept);
  if (!health) return unexpected(health.error());

  MutexLock views_lock(views_mutex_);
  for (const StoredDocument& stored : *documents) {
    const asset::Machine* machine = context_.model.find_machine(stored.machine);
    if (machine == nullptr) continue;  // kept, should it come back
    auto document = read_document(context_.model, *machine, stored.text);
    if (!document) {
      // The plant's file has changed under it: what it said stays in its history, and its version goes on.
      core::logger("twin")->warn("{}: what was set no longer fits the machine and does not count: {}", machine->name,
                                 document.error().message);
    }
    documents_[machine->id.value] =
        std::make_shared<Current>(Current{stored.version, document ? std::move(*document) : Document()});
  }
  MutexLock lives_lock(lives_mutex_);
  in_service_ = *in_service;
  for (const Store::HealthRow& row : *health) {
    const asset::Machine* machine = context_.model.find_machine(row.component.first);
    if (machine == nullptr) continue;
    for (Part& part : nodes_[machine->id.value].parts) {
      if (part.name != row.component.second) continue;
      // Hours that changed nothing were not written: the last one holds until the next.
      auto& last = stored_health_[row.component];
      for (core::TimeNs hour = last.time + core::kHour; last.time != 0 && hour < row.hour.time; hour += core::kHour) {
        part.track.add_hour({hour, last.health});
      }
      part.track.add_hour(row.hour);
      last = row.hour;
    }
  }
  return {};
}

void Twins::start() {
  judge_thread_ = std::thread([this] { run_judge(); });
  life_thread_ = std::thread([this] { run_lives(); });
}

void Twins::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (judge_thread_.joinable()) judge_thread_.join();
  if (life_thread_.joinable()) life_thread_.join();
}

bool Twins::wait(core::DurationNs period, bool Twins::*woken) {
  const core::TimeNs until = context_.clock.monotonic() + period;
  MutexLock lock(mutex_);
  while (!stopping_ && !(this->*woken)) {
    const core::DurationNs left = until - context_.clock.monotonic();
    if (left <= 0) break;
    wake_.wait_for(mutex_, std::chrono::nanoseconds(left));
  }
  this->*woken = false;
  return !stopping_;
}

std::shared_ptr<const MachineView> Twins::view(core::MachineId machine) const {
  MutexLock lock(views_mutex_);
  return views_.at(machine.value);
}

std::shared_ptr<const Twins::Current> Twins::document(core::MachineId machine) const {
  MutexLock lock(views_mutex_);
  return documents_.at(machine.value);
}

core::Result<std::shared_ptr<const Twins::Current>> Twins::patch(core::MachineId id, std::string_view patch,
                                                                 std::optional<std::uint64_t> expected,
                                                                 const std::string& author) {
  const asset::Machine& machine = context_.model.machine(id);
  MutexLock lock(patch_mutex_);
  const auto before = document(id);
  if (expected && *expected != before->version) {
    return unexpected(
        ErrorCode::kConflict,
        fmt::format("the twin of '{}' is at version {}, not {}: read it again and send what is still wanted",
                    machine.name, before->version, *expected));
  }
  auto after = apply_patch(context_.model, machine, before->document, patch);
  if (!after) return unexpected(after.error());
  if (after->text == before->document.text) return before;  // nothing new
  const Version change{.version = before->version + 1,
                       .time = context_.clock.now(),
                       .author = author,
                       .patch = std::string(patch),
                       .document = after->text};
  if (auto kept = store_.put(machine.name, change); !kept) return unexpected(kept.error());
  const std::shared_ptr<const Current> current = std::make_shared<Current>(Current{change.version, std::move(*after)});
  {
    MutexLock views_lock(views_mutex_);
    documents_[id.value] = current;
  }
  MutexLock wake_lock(mutex_);
  judge_now_ = true;
  wake_.notify_all();
  return current;
}

core::Result<std::vector<Version>> Twins::versions(core::MachineId machine, std::uint64_t before, std::size_t limit) {
  return store_.versions(context_.model.machine(machine).name, before, limit);
}

std::vector<Prediction> Twins::predictions(double within_days) const {
  std::vector<std::shared_ptr<const MachineView>> views;
  {
    MutexLock lock(views_mutex_);
    views = views_;
  }
  std::vector<Prediction> out;
  for (const auto& view : views) {
    Prediction worst{.machine = view->machine, .probability = -1, .component = {}};
    for (const ComponentView& one : view->components) {
      const double probability = failure_probability(one.life, one.health.value, options_.life, within_days);
      if (probability > worst.probability) worst = {view->machine, probability, one};
    }
    if (worst.probability >= 0) out.push_back(std::move(worst));
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Prediction& a, const Prediction& b) { return a.probability > b.probability; });
  return out;
}

// ---- alarms ----

void Twins::on_alarm(const alarms::Alarm& alarm) {
  MutexLock lock(alarms_mutex_);
  remember(alarm);
}

void Twins::remember(const alarms::Alarm& alarm) {
  const asset::Machine* machine = context_.model.find_machine(alarm.machine);
  if (machine == nullptr || alarms::category(alarm.condition) == alarms::Category::kDevice) return;
  auto& known = memories_[machine->id.value];
  const bool active = alarms::active(alarm.state);
  if (alarm.suppression != alarms::Suppression::kNone) {
    known.erase(alarm.condition);
    return;
  }
  // The list goes from new to old: what is known is newer.
  const auto [at, fresh] = known.try_emplace(alarm.condition);
  if (!fresh && at->second.raised > alarm.raised) return;
  const asset::Sensor* sensor = alarm.sensor.empty() ? nullptr : context_.model.find_sensor(alarm.sensor);
  at->second = {.priority = alarm.priority,
                .component = alarm.component,
                .sensor = sensor != nullptr ? sensor_key(*sensor) : std::string(),
                .raised = alarm.raised,
                .cleared = active ? 0 : std::max<core::TimeNs>(alarm.cleared, 1)};
}

// ---- maintenance ----

core::Status Twins::on_maintenance(const std::string& name, const std::string& component, core::TimeNs time,
                                   bool failed) {
  const asset::Machine* machine = context_.model.find_machine(name);
  if (machine == nullptr) return unexpected(ErrorCode::kNotFound, fmt::format("machine '{}' does not exist", name));
  std::vector<std::string> parts;
  for (const Part& part : nodes_[machine->id.value].parts) {
    if (component.empty() || part.name == component) parts.push_back(part.name);
  }
  if (parts.empty()) {
    std::vector<std::string_view> names;
    for (const asset::Component& one : machine->components) names.push_back(one.name);
    return unexpected(ErrorCode::kNotFound, fmt::format("machine '{}' has no component '{}'{}", machine->name,
                                                        component, core::did_you_mean(component, names)));
  }
  for (const std::string& part : parts) {
    const ComponentKey key{machine->name, part};
    core::TimeNs since = 0;
    {
      MutexLock lock(lives_mutex_);
      if (const auto at = in_service_.find(key); at != in_service_.end()) since = at->second;
    }
    if (failed) {
      if (auto settled = store_.settle(key, since, time); !settled) return unexpected(settled.error());
    }
    if (auto put = store_.put_in_service(key, time); !put) return put;
    MutexLock lock(lives_mutex_);
    in_service_[key] = time;
    lives_.erase(key);
    replaced_[machine->id.value].push_back({part, time});
  }
  MutexLock lock(mutex_);
  judge_now_ = update_now_ = true;
  wake_.notify_all();
  return {};
}

}  // namespace millwright::twin
