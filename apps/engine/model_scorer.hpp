// ModelScorer: one model on one machine: readings in, verdicts out. The active one signals alarms; a shadow is held
// against it and signals nothing.
//
// Threads: built by one, then owned by a shard; its ModelActivity is read by any. Units: as the model's.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alarms/alarm_manager.hpp"
#include "asset/model.hpp"
#include "core/block.hpp"
#include "core/result.hpp"
#include "detection/row_aligner.hpp"
#include "engine/machine_states.hpp"
#include "models/loaded_model.hpp"

namespace millwright::engine {

enum class ModelRole : std::uint8_t { kActive, kShadow };
inline constexpr std::size_t kModelRoles = 2;

// What a scorer has done, for others to read while it goes on.
struct ModelActivity {
  std::atomic<std::uint64_t> rows{0};
  std::atomic<std::uint64_t> alarm_rows{0};
  std::atomic<std::uint64_t> late{0};
  std::atomic<bool> in_alarm{false};
  std::atomic<double> score{0};
  std::atomic<core::TimeNs> last_row{0};
  // Of a shadow: rows that the active model has judged as well, and those of them where one of the two alarms alone.
  std::atomic<std::uint64_t> compared{0};
  std::atomic<std::uint64_t> different{0};
  std::atomic<core::TimeNs> last_different{0};
};

class ModelScorer {
 public:
  // kInvalid where the machine is of another type or lacks a sensor; says which.
  static core::Result<std::unique_ptr<ModelScorer>> make(const asset::Model& assets, const asset::Machine& machine,
                                                         std::shared_ptr<const models::LoadedModel> model,
                                                         alarms::Priority priority, core::DurationNs row_wait);
  ModelScorer(const ModelScorer&) = delete;
  ModelScorer& operator=(const ModelScorer&) = delete;

  [[nodiscard]] const models::LoadedModel& model() const { return *model_; }
  [[nodiscard]] std::shared_ptr<const ModelActivity> activity() const { return activity_; }

  // The rest is the shard's. Readings of one of the machine's sensors; others are left alone.
  void take(const core::Block& block);
  // Judges the rows that are ready. `alarms`: nullptr for a shadow; `rival`: whom a shadow is held against.
  // Gives the number of rows judged.
  std::uint64_t judge(const MachineStates& states, alarms::SignalSink* alarms, const ModelScorer* rival);
  // The same, for rows that have waited for longer than they may by the clock.
  std::uint64_t judge_overdue(core::TimeNs now, const MachineStates& states, alarms::SignalSink* alarms,
                              const ModelScorer* rival);
  // Ends its alarm: it judges no longer.
  void withdraw(alarms::SignalSink& alarms);

 private:
  // Where rows go while judge() runs.
  struct Run {
    const MachineStates* states = nullptr;
    alarms::SignalSink* alarms = nullptr;
    const ModelScorer* rival = nullptr;
    std::uint64_t judged = 0;
  };

  ModelScorer(const asset::Model& assets, const asset::Machine& machine,
              std::shared_ptr<const models::LoadedModel> model, std::vector<core::SensorId> sensors,
              alarms::Priority priority, core::DurationNs row_wait);
  void on_rows(core::TimeNs first, std::size_t rows, std::span<const double* const> columns);
  void judge_rows(std::int32_t state, core::TimeNs first, std::size_t rows, std::span<const double* const> columns);
  void on_verdict(core::TimeNs time, const detection::Verdict& verdict);
  void signal(core::TimeNs time, const detection::Verdict& verdict);
  [[nodiscard]] alarms::Signal quiet_signal(core::TimeNs time) const;
  [[nodiscard]] bool judges_in(std::int32_t state) const;
  // Whether it was in alarm at a time; nothing where it had not judged by then.
  [[nodiscard]] std::optional<bool> alarm_at(core::TimeNs time) const;

  const asset::Model& assets_;
  const asset::Machine& machine_;
  const std::shared_ptr<const models::LoadedModel> model_;
  const std::vector<core::SensorId> sensors_;  // in the model's order
  const alarms::Priority priority_;
  const core::DurationNs row_wait_;
  const std::string condition_;
  std::unique_ptr<detection::Detector> detector_;
  detection::RowAligner aligner_;
  std::vector<std::uint16_t> column_of_;  // by SensorId, from first_sensor_ on
  std::uint32_t first_sensor_ = 0;
  Run run_;
  bool started_ = false;  // the row before was judged as well
  core::TimeNs last_row_ = 0;
  core::TimeNs received_ = 0;                          // of the newest block
  std::optional<bool> told_;                           // what the alarms know
  std::deque<std::pair<core::TimeNs, bool>> changes_;  // of the verdict, the latest last
  std::vector<std::vector<double>> scaled_;
  std::shared_ptr<ModelActivity> activity_ = std::make_shared<ModelActivity>();
};

}  // namespace millwright::engine
