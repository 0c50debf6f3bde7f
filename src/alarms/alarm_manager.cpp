#include "alarms/alarm_manager.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "alarms/alarm_book.hpp"
#include "alarms/latency_window.hpp"
#include "alarms/record.hpp"
#include "alarms/replay.hpp"
#include "core/log.hpp"
#include "core/mutex.hpp"

namespace millwright::alarms {
namespace {

using core::ErrorCode;
using core::MutexLock;

constexpr std::size_t kClosedInCheckpoint = 1'000;
constexpr double kNsPerSecond = 1e9;
constexpr double kMsPerSecond = 1e3;

class Manager final : public AlarmManager {
 public:
  Manager(const asset::Model& model, journal::Journal& journal, const io::Clock& clock, core::Metrics& metrics,
          Replayed replayed)
      : model_(model),
        journal_(journal),
        clock_(clock),
        raised_total_(metrics.counter("millwright_alarms_raised_total", "Alarms that became active")),
        active_gauge_(metrics.gauge("millwright_alarms_active", "Alarms that are active now")),
        unsaved_gauge_(metrics.gauge("millwright_alarms_unsaved", "Changed alarms that wait for the alarm journal")),
        latency_seconds_(metrics.histogram(
            "millwright_alarm_latency_seconds", "From receiving the deciding reading to publishing the alarm",
            {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1})),
        book_(std::move(replayed.book)),
        next_id_(replayed.next_id),
        version_(replayed.version),
        delivered_(replayed.version) {
    active_gauge_.Set(static_cast<double>(book_.active_count()));
  }

  // After construction, since the journal calls back.
  void start() {
    journal_.on_new_segment([this] { checkpoint(); });
    close_orphans();
  }
  ~Manager() override { journal_.on_new_segment({}); }

  void add_listener(Listener listener) override {
    MutexLock lock(delivery_);
    listeners_.push_back(std::move(listener));
  }

  std::optional<Alarm> signal(const Signal& signal) override {
    std::optional<Alarm> changed;
    {
      MutexLock lock(mutex_);
      changed = signal.in_alarm ? raise(signal) : clear(signal);
      if (!changed) return changed;
      save(*changed);
    }
    deliver(*changed);
    return changed;
  }

  core::Result<Alarm> acknowledge(std::uint64_t id, const std::string& by, const std::string& comment) override {
    std::optional<Alarm> changed;
    {
      MutexLock lock(mutex_);
      auto acknowledged = acknowledged_alarm(id, by, comment);
      if (!acknowledged) return acknowledged;
      changed = std::move(*acknowledged);
      save(*changed);
    }
    deliver(*changed);
    return *changed;
  }

  [[nodiscard]] std::vector<Alarm> list(const Filter& filter) const override {
    MutexLock lock(mutex_);
    return book_.list(filter);
  }
  [[nodiscard]] std::size_t active_count() const override {
    MutexLock lock(mutex_);
    return book_.active_count();
  }
  [[nodiscard]] Latency latency() const override {
    std::vector<double> ms;
    {
      MutexLock lock(mutex_);
      ms = latency_.values();
    }
    return quantiles(std::move(ms));
  }

 private:
  std::optional<Alarm> raise(const Signal& signal) REQUIRES(mutex_) {
    const Alarm* open = book_.open(signal.condition);
    if (open != nullptr && active(open->state)) return std::nullopt;
    Alarm alarm = open != nullptr ? *open : Alarm{};
    if (open == nullptr) {
      alarm.id = next_id_++;
      alarm.condition = signal.condition;
    }
    alarm.state = State::kUnacknowledged;
    alarm.priority = signal.priority;
    name(alarm, signal);
    alarm.message = signal.message;
    alarm.value = signal.value;
    alarm.limit = signal.limit;
    alarm.published = clock_.now();
    alarm.raised = signal.source_time != 0 ? signal.source_time : alarm.published;
    alarm.cleared = 0;
    alarm.version = ++version_;
    raised_total_.Increment();
    if (signal.received != 0) {
      const double seconds =
          static_cast<double>(std::max<core::DurationNs>(alarm.published - signal.received, 0)) / kNsPerSecond;
      latency_seconds_.Observe(seconds);
      latency_.add(seconds * kMsPerSecond);
    }
    return alarm;
  }

  void name(Alarm& alarm, const Signal& signal) const {
    core::MachineId machine = signal.machine;
    alarm.component = signal.component;
    alarm.sensor.clear();
    alarm.machine.clear();
    if (signal.sensor.valid()) {
      const asset::Sensor& sensor = model_.sensor(signal.sensor);
      alarm.sensor = sensor.path;
      if (alarm.component.empty()) alarm.component = sensor.component;
      if (!machine.valid()) machine = sensor.machine;
    }
    if (machine.valid()) alarm.machine = model_.machine(machine).name;
  }

  std::optional<Alarm> clear(const Signal& signal) REQUIRES(mutex_) {
    const Alarm* open = book_.open(signal.condition);
    if (open == nullptr || !active(open->state)) return std::nullopt;
    return cleared_alarm(*open, signal.source_time);
  }

  Alarm cleared_alarm(Alarm alarm, core::TimeNs when) REQUIRES(mutex_) {
    alarm.state = alarm.state == State::kAcknowledged ? State::kNormal : State::kReturnedUnacknowledged;
    alarm.cleared = when != 0 ? when : clock_.now();
    alarm.version = ++version_;
    return alarm;
  }

  core::Result<Alarm> acknowledged_alarm(std::uint64_t id, const std::string& by, const std::string& comment)
      REQUIRES(mutex_) {
    const Alarm* known = book_.find(id);
    if (known == nullptr) {
      return core::unexpected(ErrorCode::kNotFound, fmt::format("there is no alarm {}, or no longer", id));
    }
    if (known->state == State::kAcknowledged || known->state == State::kNormal) {
      return core::unexpected(ErrorCode::kConflict,
                              fmt::format("alarm {} was acknowledged by {} at {} already", id, known->acknowledged_by,
                                          core::format_time(known->acknowledged)));
    }
    Alarm alarm = *known;
    alarm.state = active(alarm.state) ? State::kAcknowledged : State::kNormal;
    alarm.acknowledged = clock_.now();
    alarm.acknowledged_by = by;
    alarm.comment = comment;
    alarm.version = ++version_;
    return alarm;
  }

  // Into the book, and into the journal, or onto the list of what the journal still has to take.
  void save(const Alarm& alarm) REQUIRES(mutex_) {
    book_.put(alarm);
    unsaved_.insert(alarm.id);
    for (auto id = unsaved_.begin(); id != unsaved_.end(); id = unsaved_.erase(id)) {
      const Alarm* unsaved = book_.find(*id);
      if (unsaved == nullptr) continue;  // closed so long ago that it is forgotten
      const auto saved = journal_.append(kChangeRecord, encode(*unsaved));
      if (saved) continue;
      complain(saved.error());
      break;
    }
    active_gauge_.Set(static_cast<double>(book_.active_count()));
    unsaved_gauge_.Set(static_cast<double>(unsaved_.size()));
  }

  // Once a minute, however many alarms come.
  void complain(const core::Error& error) REQUIRES(mutex_) {
    const core::TimeNs now = clock_.monotonic();
    if (complained_ && now - *complained_ < core::kMinute) return;
    complained_ = now;
    core::logger("alarms")->error("changes are not saved and wait in memory: {}", error.message);
  }

  // Called by journal_.append(), so within save(), which holds the lock; the analysis cannot see that.
  void checkpoint() MILLWRIGHT_TSA(no_thread_safety_analysis) {
    CheckpointEnd end{.alarms = 0, .next_id = next_id_, .version = version_};
    for (const Alarm* alarm : book_.essence(kClosedInCheckpoint)) {
      if (!journal_.append(kCheckpointRecord, encode(*alarm))) return;
      ++end.alarms;
    }
    static_cast<void>(journal_.append(kCheckpointEndRecord, encode(end)));
  }

  // No detector will ever clear an alarm of a sensor or machine that is no longer in the model.
  void close_orphans() {
    MutexLock lock(mutex_);
    Filter all_active;
    all_active.active = true;
    all_active.limit = SIZE_MAX;
    for (const Alarm& alarm : book_.list(all_active)) {
      const bool sensor_gone = !alarm.sensor.empty() && model_.find_sensor(alarm.sensor) == nullptr;
      const bool machine_gone = !alarm.machine.empty() && model_.find_machine(alarm.machine) == nullptr;
      if (!sensor_gone && !machine_gone) continue;
      core::logger("alarms")->warn("alarm {} ({}) returned to normal: {} is no longer in the asset model", alarm.id,
                                   alarm.condition, sensor_gone ? alarm.sensor : alarm.machine);
      save(cleared_alarm(alarm, 0));
    }
    MutexLock delivery_lock(delivery_);
    delivered_ = version_;
  }

  // Each change is told by its own thread, and waits for the one before it.
  void deliver(const Alarm& alarm) EXCLUDES(mutex_, delivery_) {
    std::vector<Listener> listeners;
    {
      MutexLock lock(delivery_);
      while (delivered_ + 1 != alarm.version) turn_.wait(delivery_);
      listeners = listeners_;
    }
    for (const Listener& listener : listeners) listener(alarm);
    MutexLock lock(delivery_);
    delivered_ = alarm.version;
    turn_.notify_all();
  }

  const asset::Model& model_;
  journal::Journal& journal_;
  const io::Clock& clock_;
  core::Counter& raised_total_;
  core::Gauge& active_gauge_;
  core::Gauge& unsaved_gauge_;
  core::Histogram& latency_seconds_;

  mutable core::Mutex mutex_;
  AlarmBook book_ GUARDED_BY(mutex_);
  std::uint64_t next_id_ GUARDED_BY(mutex_);
  std::uint64_t version_ GUARDED_BY(mutex_);
  std::set<std::uint64_t> unsaved_ GUARDED_BY(mutex_);  // ids
  std::optional<core::TimeNs> complained_ GUARDED_BY(mutex_);
  LatencyWindow latency_ GUARDED_BY(mutex_);

  core::Mutex delivery_;
  core::Condition turn_;
  std::uint64_t delivered_ GUARDED_BY(delivery_);  // version of the last change that all listeners know
  std::vector<Listener> listeners_ GUARDED_BY(delivery_);
};

}  // namespace

Latency quantiles(std::vector<double> ms) {
  Latency latency;
  latency.count = ms.size();
  if (ms.empty()) return latency;
  const auto rank = [&](double share) {
    const auto at = static_cast<std::ptrdiff_t>(std::ceil(share * static_cast<double>(ms.size()))) - 1;
    std::nth_element(ms.begin(), ms.begin() + at, ms.end());
    return ms[static_cast<std::size_t>(at)];
  };
  latency.p50_ms = rank(0.50);
  latency.p99_ms = rank(0.99);
  return latency;
}

core::Result<std::unique_ptr<AlarmManager>> AlarmManager::open(const asset::Model& model, journal::Journal& journal,
                                                               const io::Clock& clock, core::Metrics& metrics) {
  auto replayed = replay(journal);
  if (!replayed) return core::unexpected(replayed.error().within("reading the alarms again"));
  auto manager = std::make_unique<Manager>(model, journal, clock, metrics, std::move(*replayed));
  manager->start();
  return std::unique_ptr<AlarmManager>(std::move(manager));
}

}  // namespace millwright::alarms
