// ModelManager: which model judges which machine: takes bundles in, builds scorers beside the running ones, swaps them
// in the shards, and keeps all of it through restarts. See models/service.hpp for what it does and refuses.
//
// Threads: models::Service's functions from any; add_stage() and restore() before the shards start; tick() from
// housekeeping. Scorers are built and freed in the callers' threads, never in a shard.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "alarms/alarm.hpp"
#include "asset/model.hpp"
#include "config/document.hpp"
#include "core/metrics.hpp"
#include "core/mutex.hpp"
#include "engine/model_stage.hpp"
#include "io/file_system.hpp"
#include "models/registry.hpp"
#include "models/service.hpp"
#include "pipeline/pipeline.hpp"

namespace millwright::engine {

struct ModelOptions {
  models::Trust trust;
  alarms::Priority priority = alarms::Priority::kMedium;
  core::DurationNs row_wait = core::kSecond;
};
// Reads the `detection.models` section; key files are meant from `directory`.
ModelOptions read_models(config::Section section, const std::string& directory, io::FileSystem& files);

class ModelManager final : public models::Service {
 public:
  static core::Result<std::unique_ptr<ModelManager>> open(const asset::Model& assets,
                                                          const pipeline::Pipeline& pipeline, io::FileSystem& files,
                                                          const std::string& directory, ModelOptions options,
                                                          core::Metrics& metrics);
  void add_stage(ModelStage& stage) { stages_.push_back(&stage); }  // of each shard, in order
  // Puts every machine's models where they were. What can no longer be used is told by find() and in the log.
  void restore();
  // Frees what shards have let go, and counts.
  void tick();

  core::Result<models::ModelInfo> add(std::string_view file) override;
  [[nodiscard]] std::vector<models::ModelInfo> list() const override;
  core::Result<std::vector<models::MachineModel>> deploy(std::string_view machine, std::string_view model,
                                                         models::Mode mode) override;
  core::Result<models::MachineModel> rollback(std::string_view machine) override;
  [[nodiscard]] core::Result<models::MachineModel> find(std::string_view machine) const override;

 private:
  using ModelPointer = models::Registry::ModelPointer;
  using ScorerPointer = std::unique_ptr<ModelScorer>;

  // What is in a role on a machine.
  struct Seat {
    std::string model = {};
    std::string problem = {};
    std::shared_ptr<const ModelActivity> activity = {};  // empty where there is a problem
    std::uint64_t compared = 0;                          // as far as metrics have counted it
    std::uint64_t different = 0;
  };
  using Seats = std::array<std::optional<Seat>, kModelRoles>;
  // A change of one machine that is ready to be made.
  struct Step {
    const asset::Machine* machine = nullptr;
    models::Deployment deployment;  // from then on
    std::array<ScorerPointer, kModelRoles> scorers;
    std::array<bool, kModelRoles> changed{};
  };

  ModelManager(const asset::Model& assets, const pipeline::Pipeline& pipeline, models::Registry registry,
               ModelOptions options, core::Metrics& metrics);
  [[nodiscard]] core::Result<const asset::Machine*> find_machine(std::string_view name) const;
  [[nodiscard]] models::Deployment deployment_of(const asset::Machine& machine) const REQUIRES(mutex_);
  // The usable model that a reference means.
  [[nodiscard]] core::Result<ModelPointer> load(const models::ModelReference& reference) const REQUIRES(mutex_);
  [[nodiscard]] core::Result<ScorerPointer> make_scorer(const asset::Machine& machine, ModelPointer model) const;
  core::Result<Step> plan(const asset::Machine& machine, const ModelPointer& model, models::Mode mode) const
      REQUIRES(mutex_);
  // On disk first, then in the shards.
  core::Status carry_out(std::vector<Step> steps) REQUIRES(mutex_);
  void put(const asset::Machine& machine, ModelRole role, ScorerPointer scorer) REQUIRES(mutex_);
  void restore(const asset::Machine& machine, ModelRole role, const models::ModelReference& reference,
               std::map<std::string, core::Result<ModelPointer>>& loaded) REQUIRES(mutex_);
  void remember(const ModelPointer& model) REQUIRES(mutex_);
  [[nodiscard]] models::MachineModel describe(const asset::Machine& machine) const REQUIRES(mutex_);

  const asset::Model& assets_;
  const pipeline::Pipeline& pipeline_;
  const ModelOptions options_;
  core::Metrics& metrics_;
  std::vector<ModelStage*> stages_;
  mutable core::Mutex mutex_;  // held through an order, which may take long
  models::Registry registry_ GUARDED_BY(mutex_);
  std::map<std::string, models::ModelInfo> known_ GUARDED_BY(mutex_);  // by id
  mutable core::Mutex seats_mutex_;
  std::map<std::uint32_t, Seats> seats_ GUARDED_BY(seats_mutex_);  // by MachineId
};

}  // namespace millwright::engine
