#include "alarms/alarm_manager.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "alarms/alarm_book.hpp"
#include "alarms/delays.hpp"
#include "alarms/latency_window.hpp"
#include "alarms/record.hpp"
#include "alarms/replay.hpp"
#include "alarms/trim.hpp"
#include "core/log.hpp"
#include "core/mutex.hpp"

namespace millwright::alarms {
namespace {

using core::ErrorCode;
using core::MutexLock;

constexpr std::size_t kClosedInCheckpoint = 1'000;
constexpr core::DurationNs kTrimEvery = core::kHour;
constexpr double kNsPerSecond = 1e9;
constexpr double kMsPerSecond = 1e3;

class Manager final : public AlarmManager {
 public:
  Manager(const asset::Model& model, journal::Journal& journal, const io::Clock& clock, AlarmOptions options,
          core::Metrics& metrics, Replayed replayed)
      : model_(model),
        journal_(journal),
        clock_(clock),
        options_(std::move(options)),
        raised_total_(metrics.counter("millwright_alarms_raised_total", "Alarms that became active")),
        active_gauge_(metrics.gauge("millwright_alarms_active", "Alarms that are active now")),
        unsaved_gauge_(metrics.gauge("millwright_alarms_unsaved", "Changed alarms that wait for the alarm journal")),
        latency_seconds_(metrics.histogram(
            "millwright_alarm_latency_seconds", "From receiving the deciding reading to publishing the alarm",
            {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1})),
        flood_gauge_(metrics.gauge("millwright_alarms_flood", "1 in an alarm flood (ISA-18.2), else 0")),
        book_(std::move(replayed.book)),
        controls_(std::move(replayed.controls)),
        next_id_(replayed.next_id),
        version_(replayed.version),
        delivered_(replayed.version) {
    active_gauge_.Set(static_cast<double>(book_.active_count()));
  }

  // After construction, since the journal calls back.
  void start() {
    journal_.on_new_segment([this] { checkpoint(); });
    remember();
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
      changed = take(signal);
    }
    if (changed) deliver(*changed);
    return changed;
  }

  void tick() override {
    std::vector<Alarm> changed;
    {
      MutexLock lock(mutex_);
      for (Signal& due : delays_.due(clock_.monotonic())) {
        due.received = 0;  // the delay is no latency
        if (const auto alarm = due.in_alarm ? raise(due) : clear(due)) changed.push_back(saved(*alarm));
      }
      const core::TimeNs now = clock_.now();
      for (Control& over : controls_.expired(now)) {
        over.released = true;
        if (auto done = put(over, changed); !done) complain(done.error());
      }
      note_flood(now);
    }
    for (const Alarm& alarm : changed) deliver(alarm);
    keep_journal_short();
  }

  core::Result<Alarm> acknowledge(std::uint64_t id, const std::string& by, const std::string& comment) override {
    return change(id, [&](Alarm& alarm) -> core::Status {
      if (!needs_acknowledgement(alarm.state)) {
        return core::unexpected(ErrorCode::kConflict,
                                fmt::format("alarm {} was acknowledged by {} at {} already", id, alarm.acknowledged_by,
                                            core::format_time(alarm.acknowledged)));
      }
      alarm.state = alarm.state == State::kUnacknowledged          ? State::kAcknowledged
                    : alarm.state == State::kLatchedUnacknowledged ? State::kLatchedAcknowledged
                                                                   : State::kNormal;
      alarm.acknowledged = clock_.now();
      alarm.acknowledged_by = by;
      alarm.comment = comment;
      return {};
    });
  }

  core::Result<Alarm> reset(std::uint64_t id, const std::string& by, const std::string& comment) override {
    return change(id, [&](Alarm& alarm) -> core::Status {
      if (alarm.state != State::kLatchedAcknowledged) {
        return core::unexpected(ErrorCode::kConflict,
                                fmt::format("alarm {} is {}: only a latched alarm that has returned and was "
                                            "acknowledged can be reset",
                                            id, to_string(alarm.state)));
      }
      alarm.state = State::kNormal;
      alarm.acknowledged_by = by;
      if (!comment.empty()) alarm.comment = comment;
      return {};
    });
  }

  core::Result<Alarm> comment(std::uint64_t id, const std::string& by, const std::string& comment) override {
    return change(id, [&](Alarm& alarm) -> core::Status {
      if (by.empty()) return core::unexpected(ErrorCode::kInvalid, "by: say who comments on it");
      alarm.comment = comment;
      return {};
    });
  }

  core::Result<Control> suppress(Control control) override {
    if (auto good = check(control); !good) return core::unexpected(good.error());
    std::vector<Alarm> changed;
    {
      MutexLock lock(mutex_);
      control.id = next_id_++;
      control.since = clock_.now();
      control.released = false;
      if (auto done = put(control, changed); !done) return core::unexpected(done.error());
    }
    for (const Alarm& alarm : changed) deliver(alarm);
    return control;
  }

  core::Result<Control> release(std::uint64_t id, const std::string& by, const std::string& comment) override {
    std::vector<Alarm> changed;
    Control control;
    {
      MutexLock lock(mutex_);
      const Control* known = controls_.find(id);
      if (known == nullptr) {
        return core::unexpected(ErrorCode::kNotFound, fmt::format("there is no control {}, or no longer", id));
      }
      control = *known;
      control.released = true;
      control.by = by;
      control.comment = comment;
      if (auto done = put(control, changed); !done) return core::unexpected(done.error());
    }
    for (const Alarm& alarm : changed) deliver(alarm);
    return control;
  }

  [[nodiscard]] std::vector<Control> controls() const override {
    MutexLock lock(mutex_);
    return controls_.all();
  }

  [[nodiscard]] core::DurationNs shelve_max() const override { return options_.shelve_max; }

  [[nodiscard]] Performance performance(core::DurationNs period) const override {
    MutexLock lock(mutex_);
    const core::TimeNs now = clock_.now();
    Performance all = log_.over(std::clamp(period, kFloodWindow, kPeriodMax), now);
    for (const Alarm& alarm : book_.open_like("**")) {
      if (alarm.suppression != Suppression::kNone) ++all.suppressed;
      if (!annunciated(alarm)) continue;
      ++all.active;
      if (now - alarm.published > kStaleAge) all.stale.push_back(alarm.condition);
    }
    return all;
  }

  [[nodiscard]] core::Result<Alarm> find(std::uint64_t id) const override {
    MutexLock lock(mutex_);
    const Alarm* known = book_.find(id);
    if (known == nullptr) return unknown(id);
    return *known;
  }
  [[nodiscard]] std::vector<Alarm> list(const Filter& filter) const override {
    MutexLock lock(mutex_);
    return book_.list(filter);
  }
  [[nodiscard]] std::size_t active_count() const override {
    MutexLock lock(mutex_);
    return book_.active_count();
  }
  [[nodiscard]] std::uint64_t version() const override {
    MutexLock lock(mutex_);
    return version_;
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
  // ---- signals ----

  std::optional<Alarm> take(const Signal& signal) REQUIRES(mutex_) {
    delays_.take_back(signal.condition, !signal.in_alarm);
    const Alarm* open = book_.open(signal.condition);
    if (signal.in_alarm == (open != nullptr && active(open->state))) return std::nullopt;  // nothing new
    if (delays_.waits(signal.condition)) return std::nullopt;
    const Handling handling = handling_of(options_, signal.condition);
    const core::DurationNs delay = signal.in_alarm ? handling.on_delay : handling.off_delay;
    if (delay > 0 && (signal.in_alarm || open != nullptr)) {
      delays_.wait(signal, clock_.monotonic() + delay);
      return std::nullopt;
    }
    auto changed = signal.in_alarm ? raise(signal) : clear(signal);
    if (changed) save(*changed);
    return changed;
  }

  std::optional<Alarm> raise(const Signal& signal) REQUIRES(mutex_) {
    const Alarm* open = book_.open(signal.condition);
    if (open != nullptr && active(open->state)) return std::nullopt;
    const Handling handling = handling_of(options_, signal.condition);
    Alarm alarm = open != nullptr ? *open : Alarm{};
    if (open == nullptr) {
      alarm.id = next_id_++;
      alarm.condition = signal.condition;
    } else {
      ++alarm.raises;
    }
    ask_again(alarm);
    alarm.priority = handling.priority.value_or(signal.priority);
    name(alarm, signal);
    alarm.message = signal.message;
    alarm.value = signal.value;
    alarm.limit = signal.limit;
    alarm.published = clock_.now();
    alarm.raised = signal.source_time != 0 ? signal.source_time : alarm.published;
    alarm.cleared = 0;
    alarm.version = ++version_;
    note_control(alarm);
    if (annunciated(alarm)) relate(alarm, handling.group);
    count_raise(alarm, signal);
    return alarm;
  }

  // Somebody is to see it, whoever has seen it before.
  static void ask_again(Alarm& alarm) {
    alarm.state = State::kUnacknowledged;
    alarm.acknowledged = 0;
    alarm.acknowledged_by.clear();
    alarm.comment.clear();
  }

  void count_raise(const Alarm& alarm, const Signal& signal) REQUIRES(mutex_) {
    raised_total_.Increment();
    if (annunciated(alarm)) {
      log_.add(alarm.condition, alarm.priority, alarm.published);
      note_flood(alarm.published);
    }
    if (signal.received == 0) return;
    const double seconds =
        static_cast<double>(std::max<core::DurationNs>(alarm.published - signal.received, 0)) / kNsPerSecond;
    latency_seconds_.Observe(seconds);
    latency_.add(seconds * kMsPerSecond);
  }

  void note_flood(core::TimeNs now) REQUIRES(mutex_) {
    const bool flood = log_.update_flood(now);
    if (flood && !flood_) {
      core::logger("alarms")->warn("an alarm flood begins: more than {} alarms in 10 minutes", kFloodBegins);
    } else if (flood_ && !flood) {
      core::logger("alarms")->warn("the alarm flood is over: fewer than {} alarms in 10 minutes", kFloodEnds);
    }
    flood_ = flood;
    flood_gauge_.Set(flood ? 1 : 0);
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

  // Which alarm came first: in its group, and on its machine.
  void relate(Alarm& alarm, const std::string& group) REQUIRES(mutex_) {
    alarm.first_out = false;
    alarm.consequence_of = 0;
    const auto is_open = [&](std::uint64_t id) {
      const Alarm* known = book_.find(id);
      return known != nullptr && known->state != State::kNormal && id != alarm.id;
    };
    if (!group.empty()) {
      std::uint64_t& first = first_of_group_[alarm.machine + "\n" + group];
      alarm.first_out = !is_open(first);
      if (alarm.first_out) first = alarm.id;
    }
    if (alarm.machine.empty()) return;
    std::uint64_t& root = root_of_machine_[alarm.machine];
    const Alarm* before = book_.find(root);
    const bool follows = before != nullptr && root != alarm.id && annunciated(*before) &&
                         alarm.published - before->published <= options_.consequence_window;
    if (follows) {
      alarm.consequence_of = root;
    } else {
      root = alarm.id;
    }
  }

  std::optional<Alarm> clear(const Signal& signal) REQUIRES(mutex_) {
    const Alarm* open = book_.open(signal.condition);
    if (open == nullptr || !active(open->state)) return std::nullopt;
    return cleared_alarm(*open, signal.source_time);
  }

  Alarm cleared_alarm(Alarm alarm, core::TimeNs when) REQUIRES(mutex_) {
    const bool acknowledged = alarm.state == State::kAcknowledged;
    if (handling_of(options_, alarm.condition).latching) {
      alarm.state = acknowledged ? State::kLatchedAcknowledged : State::kLatchedUnacknowledged;
    } else {
      // Nobody was shown a suppressed one, so nobody has to acknowledge it.
      const bool unseen = alarm.suppression != Suppression::kNone;
      alarm.state = acknowledged || unseen ? State::kNormal : State::kReturnedUnacknowledged;
    }
    alarm.cleared = when != 0 ? when : clock_.now();
    alarm.version = ++version_;
    return alarm;
  }

  // ---- what people do ----

  static core::Unexpected unknown(std::uint64_t id) {
    return core::unexpected(ErrorCode::kNotFound, fmt::format("there is no alarm {}, or no longer", id));
  }

  template <typename Change>
  core::Result<Alarm> change(std::uint64_t id, const Change& step) {
    Alarm alarm;
    {
      MutexLock lock(mutex_);
      const Alarm* known = book_.find(id);
      if (known == nullptr) return unknown(id);
      alarm = *known;
      if (auto done = step(alarm); !done) return core::unexpected(done.error());
      alarm.version = ++version_;
      save(alarm);
    }
    deliver(alarm);
    return alarm;
  }

  core::Status check(const Control& control) const {
    if (control.kind == Suppression::kNone || control.match.empty()) {
      return core::unexpected(ErrorCode::kInvalid, "say what to suppress, and how");
    }
    if (control.by.empty()) return core::unexpected(ErrorCode::kInvalid, "by: say who suppresses it");
    const core::TimeNs now = clock_.now();
    if (control.until != 0 && control.until <= now) {
      return core::unexpected(ErrorCode::kInvalid, "the end of the suppression is over already");
    }
    if (control.kind != Suppression::kShelved) return {};
    if (control.until != 0 && control.until - now <= options_.shelve_max) return {};
    return core::unexpected(ErrorCode::kInvalid,
                            fmt::format("an alarm is shelved for {} at most (alarms.shelve_max); to take it away for "
                                        "longer, take it out of service",
                                        core::format_duration(options_.shelve_max)));
  }

  // Into the journal and the book; and what it means for the alarms that are open. One that the journal does not take
  // does not count: a restart would forget it.
  core::Status put(const Control& control, std::vector<Alarm>& changed) REQUIRES(mutex_) {
    if (auto kept = journal_.append(kControlRecord, encode(control)); !kept) return core::unexpected(kept.error());
    controls_.put(control);
    for (Alarm& alarm : book_.open_like(control.match)) {
      const Suppression before = alarm.suppression;
      const core::TimeNs until_before = alarm.suppressed_until;
      note_control(alarm);
      if (alarm.suppression == before && alarm.suppressed_until == until_before) continue;
      if (before != Suppression::kNone && annunciated(alarm)) {
        ask_again(alarm);
        alarm.published = clock_.now();
        log_.add(alarm.condition, alarm.priority, alarm.published);
      }
      alarm.version = ++version_;
      changed.push_back(saved(alarm));
    }
    return {};
  }

  void note_control(Alarm& alarm) const REQUIRES(mutex_) {
    const Control* control = controls_.effect(alarm.condition);
    alarm.suppression = control != nullptr ? control->kind : Suppression::kNone;
    alarm.suppressed_until = control != nullptr ? control->until : 0;
  }

  // ---- keeping ----

  const Alarm& saved(const Alarm& alarm) REQUIRES(mutex_) {
    save(alarm);
    return alarm;
  }

  // Groups and raises of the run before, as far as its occurrences tell.
  void remember() {
    MutexLock lock(mutex_);
    Filter all;
    all.limit = SIZE_MAX;
    auto known = book_.list(all);
    std::sort(known.begin(), known.end(), [](const Alarm& a, const Alarm& b) { return a.published < b.published; });
    for (const Alarm& alarm : known) {
      if (alarm.suppression == Suppression::kNone) log_.add(alarm.condition, alarm.priority, alarm.published);
      if (alarm.state == State::kNormal) continue;
      const std::string group = handling_of(options_, alarm.condition).group;
      if (alarm.first_out && !group.empty()) first_of_group_[alarm.machine + "\n" + group] = alarm.id;
      if (!alarm.machine.empty() && alarm.consequence_of == 0) root_of_machine_[alarm.machine] = alarm.id;
    }
  }

  // Into the book, and into the journal, or onto the list of what the journal still has to take: of each alarm its last
  // change, in order of version, which whoever follows the journal relies on.
  void save(const Alarm& alarm) REQUIRES(mutex_) {
    book_.put(alarm);
    std::erase_if(unsaved_, [&](const auto& waits) { return waits.second == alarm.id; });
    unsaved_.emplace(alarm.version, alarm.id);
    for (auto next = unsaved_.begin(); next != unsaved_.end(); next = unsaved_.erase(next)) {
      const Alarm* unsaved = book_.find(next->second);
      if (unsaved == nullptr) continue;  // closed so long ago that it is forgotten
      const auto saved = journal_.append(kChangeRecord, encode(*unsaved));
      if (saved) continue;
      complain(saved.error());
      break;
    }
    active_gauge_.Set(static_cast<double>(book_.active_count()));
    unsaved_gauge_.Set(static_cast<double>(unsaved_.size()));
  }

  void keep_journal_short() EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      const core::TimeNs now = clock_.monotonic();
      if (trimmed_ && now - *trimmed_ < kTrimEvery) return;
      trimmed_ = now;
    }
    const auto removed = trim(journal_, options_.retention);
    if (!removed) {
      core::logger("alarms")->warn("the alarm journal was not trimmed: {}", removed.error().message);
    } else if (*removed > 0) {
      core::logger("alarms")->info("{} segments of the alarm journal were too old or too many", *removed);
    }
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
    for (const Control& control : controls_.all()) {
      if (!journal_.append(kControlRecord, encode(control))) return;
    }
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
  const AlarmOptions options_;
  core::Counter& raised_total_;
  core::Gauge& active_gauge_;
  core::Gauge& unsaved_gauge_;
  core::Histogram& latency_seconds_;
  core::Gauge& flood_gauge_;

  mutable core::Mutex mutex_;
  AlarmBook book_ GUARDED_BY(mutex_);
  ControlBook controls_ GUARDED_BY(mutex_);
  Delays delays_ GUARDED_BY(mutex_);
  RaiseLog log_ GUARDED_BY(mutex_);
  bool flood_ GUARDED_BY(mutex_) = false;
  std::unordered_map<std::string, std::uint64_t> first_of_group_ GUARDED_BY(mutex_);   // by machine and group: its id
  std::unordered_map<std::string, std::uint64_t> root_of_machine_ GUARDED_BY(mutex_);  // that others follow from
  std::uint64_t next_id_ GUARDED_BY(mutex_);
  std::uint64_t version_ GUARDED_BY(mutex_);
  std::map<std::uint64_t, std::uint64_t> unsaved_ GUARDED_BY(mutex_);  // version, id
  std::optional<core::TimeNs> complained_ GUARDED_BY(mutex_);
  std::optional<core::TimeNs> trimmed_ GUARDED_BY(mutex_);
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
                                                               const io::Clock& clock, AlarmOptions options,
                                                               core::Metrics& metrics) {
  auto replayed = replay(journal);
  if (!replayed) return core::unexpected(replayed.error().within("reading the alarms again"));
  auto manager = std::make_unique<Manager>(model, journal, clock, std::move(options), metrics, std::move(*replayed));
  manager->start();
  return std::unique_ptr<AlarmManager>(std::move(manager));
}

}  // namespace millwright::alarms
