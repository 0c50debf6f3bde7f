// ModelStage: judges the machines of its shard by the models that are put on them: readings become rows on the model's
// grid, a row is scored while the machine is in an operating state that the model knows, and a change is signalled to
// the alarms, with the component of the sensor that has contributed most.
//
// A model is changed without a pause: put() leaves the new scorer, built elsewhere, in a mailbox; the shard takes it
// between two batches and leaves the old one for collect(), which frees it in the caller's thread.
//
// A row waits until every sensor has come to its time, `row_wait` at most: counted in source time while readings come,
// and by the clock once they stay away. What comes later is counted and left out.
//
// Threads: on_batch and on_tick are the shard's; put() and collect() any other's. Errors: none; a reading that is bad
// counts as missing.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "alarms/alarm_manager.hpp"
#include "asset/model.hpp"
#include "core/metrics.hpp"
#include "core/mutex.hpp"
#include "engine/machine_states.hpp"
#include "engine/model_scorer.hpp"
#include "pipeline/pipeline.hpp"
#include "pipeline/stage.hpp"

namespace millwright::engine {

class ModelStage final : public pipeline::Stage {
 public:
  ModelStage(const asset::Model& model, core::DurationNs settle, alarms::SignalSink& alarms, core::Metrics& metrics);

  // Puts `scorer` in a role on its machine, or takes away what is there where it is empty.
  void put(core::MachineId machine, ModelRole role, std::unique_ptr<ModelScorer> scorer);
  // Frees what was replaced.
  void collect();

  void on_batch(core::BlockBatch& batch) override;
  void on_tick(core::TimeNs now) override;

 private:
  struct Change {
    core::MachineId machine;
    ModelRole role = ModelRole::kActive;
    std::unique_ptr<ModelScorer> scorer;
  };
  struct Place {
    std::unique_ptr<ModelScorer> scorers[kModelRoles];
    bool touched = false;
  };

  void take_changes();
  void apply(Change& change);
  void finish_touched();

  const asset::Model& model_;
  alarms::SignalSink& alarms_;
  core::Counter& rows_;
  MachineStates states_;
  std::vector<std::unique_ptr<Place>> places_;  // by MachineId; nothing where no model is
  std::vector<core::MachineId> touched_;        // by this batch
  std::vector<core::MachineId> judged_;         // machines with a place

  std::atomic<bool> mail_{false};
  core::Mutex mutex_;
  std::vector<Change> changes_ GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<ModelScorer>> retired_ GUARDED_BY(mutex_);
};

}  // namespace millwright::engine
