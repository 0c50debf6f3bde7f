// Life models in a running plant: a remaining-life model (prognostics/rul_model.hpp) put on a component of a machine
// type, and its follower, which makes cycles of a machine's history: the means of each sensor over windows of one
// length, counted from when the component came into service. A window in which most sensors said nothing is no cycle.
//
// Threads: a Follower has one owner; a loaded model belongs to one thread. Errors: kInvalid and kNotFound where a model
// does not fit the machine, those of history and of the model. Limits: kCyclesMax cycles of a life are looked at.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "asset/model.hpp"
#include "config/document.hpp"
#include "historian/historian.hpp"
#include "io/file_system.hpp"
#include "prognostics/rul_model.hpp"
#include "twin/life.hpp"

namespace millwright::twin {

struct LifeModelRule {
  std::string file = {};          // of `millwright rul train`
  std::string machine_type = {};  // "": any
  std::string match = "**";       // glob over machine paths
  std::string component = {};
  core::DurationNs cycle = core::kHour;
  std::map<std::string, std::string> columns = {};  // the model's column → "component/sensor"; absent: the same name
};
// A row of `twin.life_models`; files are meant from `directory`.
LifeModelRule read_life_model_rule(config::Section section, const std::string& directory);

bool applies(const LifeModelRule& rule, const asset::Machine& machine);

// A file's model, checked.
core::Result<std::shared_ptr<const prognostics::RulModel>> load_life_model(io::FileSystem& files,
                                                                           const std::string& path);

// How far the latest cycles are from those that the model was learnt from.
struct Drift {
  std::string column;      // the one that is out most often; "": none is
  double share = 0;        // of its latest values that are out of the model's range
  std::size_t cycles = 0;  // looked at
  [[nodiscard]] bool drifted() const { return cycles >= kCyclesLeast && share > kShareMost; }

  static constexpr std::size_t kCycles = 100;
  static constexpr std::size_t kCyclesLeast = 20;
  static constexpr double kShareMost = 0.2;  // 2 % are out by the range's own making
};

class Follower {
 public:
  static constexpr std::size_t kCyclesMax = 20'000;

  static core::Result<Follower> make(const asset::Model& assets, const asset::Machine& machine,
                                     const LifeModelRule& rule, std::shared_ptr<const prognostics::RulModel> model);

  // Cycles that are complete by `now`, from `since` on, are read; another `since` begins anew. Nothing: no cycle yet.
  core::Result<std::optional<Life>> update(const historian::Historian& history, core::TimeNs since, core::TimeNs now);
  [[nodiscard]] const Drift& drift() const { return drift_; }
  [[nodiscard]] std::size_t cycles() const { return run_.cycles.size(); }

 private:
  Follower(const LifeModelRule& rule, std::shared_ptr<const prognostics::RulModel> model)
      : cycle_(rule.cycle), model_(std::move(model)) {}
  core::Status read_cycles(const historian::Historian& history, core::TimeNs now);
  void add_cycle(core::TimeNs start, const std::vector<double>& row);
  void watch();

  core::DurationNs cycle_;
  std::shared_ptr<const prognostics::RulModel> model_;
  std::vector<core::SensorId> sensors_;  // of the model's settings, then of its sensors
  core::TimeNs since_ = 0;
  core::TimeNs next_ = 0;         // start of the first window not yet read
  core::TimeNs first_ = 0;        // start of the first cycle
  core::TimeNs last_ = 0;         // end of the last one
  double count_ = 0;              // of cycles so far, also of those let go
  std::vector<double> settings_;  // of the last cycle
  prognostics::Run run_;
  Drift drift_;
};

}  // namespace millwright::twin
