// Twins: the digital twins of a plant's machines: what people say of each (document.hpp), whether it does what is
// desired, how well its components are and why, how long they last. What it reports is the live table itself, so a
// reading is in its twin as soon as it is there.
//
//   auto twins = twin::Twins::open(options, {…});
//   alarms.add_listener([&](const alarms::Alarm& alarm) { twins->on_alarm(alarm); });
//   twins->add_listener([&](const twin::MachineView& view) { … });       // before start()
//   twins->start();
//
// Threads: two of its own: one judges health every health_period, one updates remaining lives every life_period and
// keeps what is to be kept. on_alarm() and view() from any, without waiting; patch(), versions(), on_maintenance() from
// any that may wait for the disk. Listeners are called in twins' own threads, and must not block for long. Errors:
// kNotFound, kInvalid with the member that does not fit, kConflict against another version, the database's.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "alarms/alarm_manager.hpp"
#include "asset/model.hpp"
#include "core/metrics.hpp"
#include "core/mutex.hpp"
#include "core/texts.hpp"
#include "database/database.hpp"
#include "historian/historian.hpp"
#include "io/clock.hpp"
#include "io/file_system.hpp"
#include "models/service.hpp"
#include "pipeline/live_table.hpp"
#include "twin/document.hpp"
#include "twin/health.hpp"
#include "twin/life_models.hpp"
#include "twin/options.hpp"
#include "twin/store.hpp"

namespace millwright::twin {

inline constexpr double kLookaheadDays = 30;  // of failure probabilities, where nobody asks for another

struct ComponentView {
  std::string name;  // "": the machine itself
  Health health;
  Life life;
  double failure_probability = 0;  // within kLookaheadDays
  core::TimeNs in_service = 0;     // 0: since before anybody counted
  // Of a remaining-life model: its file, how far what it is given has drifted, how its predictions came out, and why it
  // does not predict.
  std::string model;
  core::TimeNs predicted = 0;
  std::size_t cycles = 0;
  Drift drift;
  std::optional<Outcome> outcome;
  std::string problem;
};

// A desired value against what is reported.
struct Deviation {
  enum class State : std::uint8_t { kMet, kDiffers, kUnknown };  // unknown: no reading that can be believed
  State state = State::kUnknown;
  core::TimeNs since = 0;  // of the state
  bool alarmed = false;
};
std::string_view to_string(Deviation::State state);

struct MachineView {
  core::MachineId machine;
  core::TimeNs time = 0;
  double health = 100;
  std::uint64_t version = 0;  // of its document
  std::vector<ComponentView> components;
  std::map<std::string, Deviation> desired;  // by the sensor's key
};

// What may fail within a time, likeliest first: a machine's likeliest component speaks for it.
struct Prediction {
  core::MachineId machine;
  double probability = 0;
  ComponentView component;
};

struct Context {
  const asset::Model& model;
  const pipeline::LiveTable& live;
  const historian::Historian& history;
  alarms::AlarmManager& alarms;
  const models::Service& models;
  database::Database& database;
  io::FileSystem& files;
  const io::Clock& clock;
  core::Metrics& metrics;
};

class Twins {
 public:
  using Listener = std::function<void(const MachineView&)>;

  static core::Result<std::unique_ptr<Twins>> open(Options options, Context context);
  ~Twins();  // stops

  // Called when a machine's health, lives, desired values or document change enough to tell.
  void add_listener(Listener listener) { listeners_.push_back(std::move(listener)); }
  void start();
  void stop();
  void on_alarm(const alarms::Alarm& alarm);

  [[nodiscard]] std::shared_ptr<const MachineView> view(core::MachineId machine) const;
  struct Current {
    std::uint64_t version = 0;  // 0: nobody has said anything
    Document document;
  };
  [[nodiscard]] std::shared_ptr<const Current> document(core::MachineId machine) const;
  // `expected`: the version that the patch was made for; kConflict where it is another one.
  core::Result<std::shared_ptr<const Current>> patch(core::MachineId machine, std::string_view patch,
                                                     std::optional<std::uint64_t> expected, const std::string& author);
  core::Result<std::vector<Version>> versions(core::MachineId machine, std::uint64_t before, std::size_t limit);
  [[nodiscard]] std::vector<Prediction> predictions(double within_days) const;
  // Of the threshold and the rate of failures.
  [[nodiscard]] const LifeRule& life_rule() const { return options_.life; }

  // A component ("" for all of the machine) was replaced or made as new: its life begins again. `failed`: it had, so
  // that what was predicted can be held against it.
  core::Status on_maintenance(const std::string& machine, const std::string& component, core::TimeNs time, bool failed);

  // One turn of each thread, for tests and before start().
  void judge();
  void update_lives();

 private:
  // An alarm that counts, active or not long over.
  struct Memory {
    alarms::Priority priority = alarms::Priority::kLow;
    std::string component;
    std::string sensor;  // key
    core::TimeNs raised = 0;
    core::TimeNs cleared = 0;  // 0: active
  };
  struct Watched {
    const asset::Sensor* sensor = nullptr;
    Envelope envelope;
    core::TimeNs since = 0;  // outside; 0: within
  };
  struct Part {
    std::string name;
    std::vector<core::SensorId> sensors;
    std::vector<Watched> watched;
    std::vector<core::SensorId> zones;
    HealthTrack track;
    Life trend;
  };
  struct Node {
    const asset::Machine* machine = nullptr;
    const asset::Sensor* state = nullptr;
    std::vector<Part> parts;  // the machine itself first
    std::map<std::string, Deviation> desired;
    std::map<std::string, core::SensorId> alarmed;  // desired values whose alarm may be active
  };
  // What the life thread finds for a component with a model.
  struct ModelLife {
    std::optional<Life> life;
    std::string model;
    core::TimeNs time = 0;
    std::size_t cycles = 0;
    Drift drift;
    std::optional<Outcome> outcome;
    std::string problem;
  };
  struct Followed {
    ComponentKey component;
    std::string file;
    std::optional<Follower> follower;
    std::string problem;
    core::TimeNs kept = 0;
  };
  struct Replaced {
    std::string component;
    core::TimeNs time = 0;
  };

  Twins(Options options, Context context);
  core::Status set_up();
  core::Status restore();
  void make_nodes();
  void make_followers();
  void remember(const alarms::Alarm& alarm) REQUIRES(alarms_mutex_);

  // The judging thread.
  void run_judge();
  void judge(Node& node, core::TimeNs now);
  void apply_replaced(Node& node);
  [[nodiscard]] std::vector<Memory> memories(const Node& node, core::TimeNs now);
  ComponentView judge_part(Node& node, Part& part, const std::vector<Memory>& alarms, const std::string& state,
                           core::TimeNs now);
  void add_envelope_reasons(Part& part, const std::string& state, core::TimeNs now, std::vector<Reason>& out) const;
  void add_zone_reasons(const Part& part, std::vector<Reason>& out) const;
  void add_model_reason(const Node& node, std::vector<Reason>& out) const;
  void follow_track(const Node& node, Part& part, double health, core::TimeNs now);
  void compare_desired(Node& node, const Current& current, core::TimeNs now);
  Deviation::State compare(const Desired& desired) const;
  void signal(const Node& node, const std::string& key, const Desired* desired, const Deviation& deviation,
              core::SensorId sensor);
  void publish(const Node& node, MachineView view);
  [[nodiscard]] std::string state_of(const Node& node) const;

  // The life thread.
  void run_lives();
  void update(Followed& followed, core::TimeNs now, std::vector<Store::LifeRow>& rows);
  void keep_health(core::TimeNs now);
  // False: twins stop. Earlier where `woken` (judge_now_ or update_now_) is set.
  bool wait(core::DurationNs period, bool Twins::*woken) EXCLUDES(mutex_);

  const Options options_;
  const Context context_;
  Store store_;
  core::Gauge& worst_gauge_;
  std::vector<Listener> listeners_;

  core::Mutex turn_mutex_;  // one turn of judge() at a time
  std::vector<Node> nodes_;

  core::Mutex lives_turn_mutex_;
  std::vector<Followed> followed_;
  std::map<ComponentKey, HealthPoint> stored_health_;  // the last one kept

  mutable core::Mutex views_mutex_;
  std::vector<std::shared_ptr<const MachineView>> views_ GUARDED_BY(views_mutex_);
  std::vector<std::shared_ptr<const Current>> documents_ GUARDED_BY(views_mutex_);

  core::Mutex patch_mutex_;  // one change at a time, through the disk

  core::Mutex alarms_mutex_;
  std::vector<std::map<std::string, Memory>> memories_ GUARDED_BY(alarms_mutex_);  // by machine and condition

  mutable core::Mutex lives_mutex_;
  std::map<ComponentKey, core::TimeNs> in_service_ GUARDED_BY(lives_mutex_);
  std::map<ComponentKey, ModelLife> lives_ GUARDED_BY(lives_mutex_);
  std::vector<Store::HealthRow> hours_ GUARDED_BY(lives_mutex_);  // to be kept
  std::map<std::uint32_t, std::vector<Replaced>> replaced_ GUARDED_BY(lives_mutex_);

  core::Mutex mutex_;
  core::Condition wake_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool judge_now_ GUARDED_BY(mutex_) = false;
  bool update_now_ GUARDED_BY(mutex_) = false;
  std::thread judge_thread_;
  std::thread life_thread_;
};

}  // namespace millwright::twin
