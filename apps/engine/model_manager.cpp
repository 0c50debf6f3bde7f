#include "engine/model_manager.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/log.hpp"
#include "core/text.hpp"

namespace millwright::engine {
namespace {

using core::ErrorCode;
using core::MutexLock;
using core::Result;
using core::unexpected;
using models::Deployment;
using models::MachineModel;
using models::Mode;
using models::ModelInfo;
using models::ModelReference;

constexpr std::array<std::string_view, 4> kPriorities{"low", "medium", "high", "critical"};
constexpr std::array kRoles{ModelRole::kActive, ModelRole::kShadow};

std::size_t index(ModelRole role) {
  return static_cast<std::size_t>(role);
}

ModelReference reference_to(const models::LoadedModel& model) {
  return {model.bundle().id(), model.sha256()};
}

models::Activity describe_seat(const std::string& model, const std::string& problem, const ModelActivity* activity) {
  models::Activity out{.model = model, .problem = problem};
  if (activity == nullptr) return out;
  out.rows = activity->rows;
  out.alarm_rows = activity->alarm_rows;
  out.late = activity->late;
  out.in_alarm = activity->in_alarm;
  out.score = activity->score;
  out.last_row = activity->last_row;
  return out;
}

}  // namespace

ModelOptions read_models(config::Section section, const std::string& directory, io::FileSystem& files) {
  ModelOptions out;
  out.trust.allow_unsigned = section.boolean("allow_unsigned", false);
  for (const std::string& name : section.texts("trusted_keys")) {
    const std::string path = name.starts_with('/') ? name : directory + "/" + name;
    const auto bytes = io::read_file(files, path);
    if (!bytes) {
      section.problem("trusted_keys", bytes.error().message);
      continue;
    }
    auto key = models::PublicKey::read({reinterpret_cast<const char*>(bytes->data()), bytes->size()}, path);
    if (key) {
      out.trust.keys.push_back(std::move(*key));
    } else {
      section.problem("trusted_keys", key.error().message);
    }
  }
  out.priority =
      static_cast<alarms::Priority>(section.choice("priority", kPriorities, static_cast<std::size_t>(out.priority)));
  out.row_wait = section.duration("row_wait", {.fallback = out.row_wait, .high = core::kHour});
  section.finish();
  return out;
}

Result<std::unique_ptr<ModelManager>> ModelManager::open(const asset::Model& assets, const pipeline::Pipeline& pipeline,
                                                         io::FileSystem& files, const std::string& directory,
                                                         ModelOptions options, core::Metrics& metrics) {
  auto registry = models::Registry::open(files, directory, options.trust);
  if (!registry) return unexpected(registry.error());
  return std::unique_ptr<ModelManager>(
      new ModelManager(assets, pipeline, std::move(*registry), std::move(options), metrics));
}

ModelManager::ModelManager(const asset::Model& assets, const pipeline::Pipeline& pipeline, models::Registry registry,
                           ModelOptions options, core::Metrics& metrics)
    : assets_(assets),
      pipeline_(pipeline),
      options_(std::move(options)),
      metrics_(metrics),
      registry_(std::move(registry)) {}

void ModelManager::restore() {
  MutexLock lock(mutex_);
  std::map<std::string, Result<ModelPointer>> loaded;
  for (const std::string& id : registry_.list()) {
    const auto& model = loaded.emplace(id, registry_.load(id)).first->second;
    if (model) {
      remember(*model);
    } else {
      known_[id] = {.id = id, .sha256 = {}, .key = {}, .problem = model.error().message, .bundle = {}};
    }
  }
  for (const auto& [path, deployment] : registry_.deployments()) {
    const asset::Machine* machine = assets_.find_machine(path);
    if (machine == nullptr) {
      core::logger("models")->warn("{}: the plant has no such machine now; its models are kept for when it is back",
                                   path);
      continue;
    }
    restore(*machine, ModelRole::kActive, deployment.active, loaded);
    restore(*machine, ModelRole::kShadow, deployment.shadow, loaded);
  }
}

void ModelManager::restore(const asset::Machine& machine, ModelRole role, const ModelReference& reference,
                           std::map<std::string, Result<ModelPointer>>& loaded) {
  if (reference.id.empty()) return;
  const auto model = loaded.find(reference.id);
  Result<ScorerPointer> scorer = [&]() -> Result<ScorerPointer> {
    if (model == loaded.end()) return unexpected(ErrorCode::kNotFound, reference.id + " is gone from the registry");
    if (!model->second) return unexpected(model->second.error());
    if ((*model->second)->sha256() != reference.sha256) {
      return unexpected(ErrorCode::kInvalid,
                        reference.id + " is not the bundle that was put here: its SHA-256 differs");
    }
    return make_scorer(machine, *model->second);
  }();
  if (scorer) {
    put(machine, role, std::move(*scorer));
    return;
  }
  core::logger("models")->error("{}: no model judges it: {}", machine.path, scorer.error().message);
  MutexLock lock(seats_mutex_);
  seats_[machine.id.value][index(role)] = Seat{.model = reference.id, .problem = scorer.error().message};
}

void ModelManager::remember(const ModelPointer& model) {
  ModelInfo info{.id = model->bundle().id(),
                 .sha256 = model->sha256(),
                 .key = model->key(),
                 .problem = {},
                 .bundle = model->bundle()};
  info.bundle.test = {};
  info.bundle.regimes.clear();
  known_[info.id] = std::move(info);
}

void ModelManager::tick() {
  for (ModelStage* stage : stages_) stage->collect();
  MutexLock lock(seats_mutex_);
  for (auto& [machine, seats] : seats_) {
    auto& shadow = seats[index(ModelRole::kShadow)];
    if (!shadow || !shadow->activity) continue;
    const auto count = [&](std::uint64_t& counted, std::uint64_t now, const char* name, const char* help) {
      if (now == counted) return;
      metrics_.counter(name, help, {{"model", shadow->model}}).Increment(static_cast<double>(now - counted));
      counted = now;
    };
    count(shadow->compared, shadow->activity->compared, "millwright_model_shadow_rows_total",
          "Rows that a shadow and the active model have both judged");
    count(shadow->different, shadow->activity->different, "millwright_model_shadow_disagreements_total",
          "Rows of which one of a shadow and the active model alarms and the other does not");
  }
}

Result<const asset::Machine*> ModelManager::find_machine(std::string_view name) const {
  if (const asset::Machine* machine = assets_.find_machine(name)) return machine;
  std::vector<std::string_view> names;
  for (const asset::Machine& machine : assets_.machines()) names.push_back(machine.name);
  return unexpected(ErrorCode::kNotFound,
                    fmt::format("machine '{}' does not exist{}", name, core::did_you_mean(name, names)));
}

Deployment ModelManager::deployment_of(const asset::Machine& machine) const {
  const auto found = registry_.deployments().find(machine.path);
  return found == registry_.deployments().end() ? Deployment() : found->second;
}

Result<ModelManager::ModelPointer> ModelManager::load(const ModelReference& reference) const {
  auto model = registry_.load(reference.id);
  if (model && !reference.sha256.empty() && (*model)->sha256() != reference.sha256) {
    return unexpected(ErrorCode::kInvalid, reference.id + " is not the bundle that it was: its SHA-256 differs");
  }
  return model;
}

Result<ModelManager::ScorerPointer> ModelManager::make_scorer(const asset::Machine& machine, ModelPointer model) const {
  return ModelScorer::make(assets_, machine, std::move(model), options_.priority, options_.row_wait);
}

Result<ModelInfo> ModelManager::add(std::string_view file) {
  MutexLock lock(mutex_);
  const auto model = registry_.add(file);
  if (!model) return unexpected(model.error());
  remember(*model);
  return known_.at((*model)->bundle().id());
}

std::vector<ModelInfo> ModelManager::list() const {
  MutexLock lock(mutex_);
  std::vector<ModelInfo> out;
  for (const auto& [id, info] : known_) {
    out.push_back(info);
    for (const asset::Machine& machine : assets_.machines()) {
      const Deployment deployment = deployment_of(machine);
      if (deployment.active.id == id) out.back().active_on.push_back(machine.name);
      if (deployment.shadow.id == id) out.back().shadow_on.push_back(machine.name);
    }
  }
  return out;
}

Result<ModelManager::Step> ModelManager::plan(const asset::Machine& machine, const ModelPointer& model,
                                              Mode mode) const {
  Step step{.machine = &machine, .deployment = deployment_of(machine), .scorers = {}, .changed = {}};
  Deployment& to = step.deployment;
  auto& [active_changed, shadow_changed] = step.changed;
  if (mode == Mode::kNone) {
    if (!to.active.id.empty()) to.previous = to.active;
    to.active = {};
    to.shadow = {};
    active_changed = shadow_changed = true;
    return step;
  }
  const ModelReference reference = reference_to(*model);
  if (mode == Mode::kShadow && to.active == reference) {
    return unexpected(ErrorCode::kConflict,
                      fmt::format("{} is active on {} already; a shadow is another model", reference.id, machine.name));
  }
  auto scorer = make_scorer(machine, model);
  if (!scorer) return unexpected(scorer.error());
  if (mode == Mode::kShadow) {
    to.shadow = reference;
    shadow_changed = true;
    step.scorers[index(ModelRole::kShadow)] = std::move(*scorer);
    return step;
  }
  if (to.active != reference && !to.active.id.empty()) to.previous = to.active;
  to.active = reference;
  active_changed = true;
  step.scorers[index(ModelRole::kActive)] = std::move(*scorer);
  if (to.shadow == reference) {
    to.shadow = {};
    shadow_changed = true;
  }
  return step;
}

core::Status ModelManager::carry_out(std::vector<Step> steps) {
  models::Deployments deployments = registry_.deployments();
  for (const Step& step : steps) deployments[step.machine->path] = step.deployment;
  if (auto saved = registry_.save(std::move(deployments)); !saved) return saved;
  for (Step& step : steps) {
    for (const ModelRole role : kRoles) {
      if (step.changed[index(role)]) put(*step.machine, role, std::move(step.scorers[index(role)]));
    }
  }
  return {};
}

void ModelManager::put(const asset::Machine& machine, ModelRole role, ScorerPointer scorer) {
  std::optional<Seat> seat;
  if (scorer) seat = Seat{.model = scorer->model().bundle().id(), .problem = {}, .activity = scorer->activity()};
  {
    MutexLock lock(seats_mutex_);
    seats_[machine.id.value][index(role)] = std::move(seat);
  }
  stages_[pipeline_.shard_of(machine.sensors.front())]->put(machine.id, role, std::move(scorer));
}

Result<std::vector<MachineModel>> ModelManager::deploy(std::string_view name, std::string_view id, Mode mode) {
  MutexLock lock(mutex_);
  std::vector<const asset::Machine*> machines;
  if (!name.empty()) {
    const auto machine = find_machine(name);
    if (!machine) return unexpected(machine.error());
    machines.push_back(*machine);
  }
  ModelPointer model;
  if (mode != Mode::kNone) {
    auto loaded = load({std::string(id), ""});
    if (!loaded) return unexpected(loaded.error());
    model = std::move(*loaded);
  }
  if (name.empty()) {
    if (!model) return unexpected(ErrorCode::kInvalid, "say which machine no model is to judge");
    const std::string& type = model->bundle().machine_type;
    for (const asset::Machine& one : assets_.machines()) {
      if (one.type == type) machines.push_back(&one);
    }
    if (machines.empty()) return unexpected(ErrorCode::kInvalid, "the plant has no machine of type '" + type + "'");
  }
  std::vector<Step> steps;
  for (const asset::Machine* machine : machines) {
    if (machine->sensors.empty()) return unexpected(ErrorCode::kInvalid, machine->name + " has no sensors");
    auto step = plan(*machine, model, mode);
    if (!step) return unexpected(step.error());
    steps.push_back(std::move(*step));
  }
  if (auto done = carry_out(std::move(steps)); !done) return unexpected(done.error());
  std::vector<MachineModel> out;
  for (const asset::Machine* machine : machines) out.push_back(describe(*machine));
  core::logger("models")->info("{}: {}{}",
                               name.empty() ? fmt::format("{} machines", machines.size()) : machines[0]->name,
                               mode == Mode::kNone ? "no model judges it now" : id,
                               mode == Mode::kActive   ? " judges"
                               : mode == Mode::kShadow ? " is a shadow"
                                                       : "");
  return out;
}

Result<MachineModel> ModelManager::rollback(std::string_view name) {
  MutexLock lock(mutex_);
  const auto machine = find_machine(name);
  if (!machine) return unexpected(machine.error());
  const Deployment before = deployment_of(**machine);
  if (before.previous.id.empty()) {
    return unexpected(ErrorCode::kConflict, fmt::format("{} has no previous model to go back to", (*machine)->name));
  }
  const auto model = load(before.previous);
  if (!model) return unexpected(model.error());
  auto step = plan(**machine, *model, Mode::kActive);
  if (!step) return unexpected(step.error());
  step->deployment.previous = before.active;
  std::vector<Step> steps;
  steps.push_back(std::move(*step));
  if (auto done = carry_out(std::move(steps)); !done) return unexpected(done.error());
  core::logger("models")->info("{}: {} judges again", (*machine)->name, before.previous.id);
  return describe(**machine);
}

Result<MachineModel> ModelManager::find(std::string_view name) const {
  MutexLock lock(mutex_);
  const auto machine = find_machine(name);
  if (!machine) return unexpected(machine.error());
  return describe(**machine);
}

MachineModel ModelManager::describe(const asset::Machine& machine) const {
  MachineModel out;
  out.machine = machine.name;
  out.previous = deployment_of(machine).previous.id;
  MutexLock lock(seats_mutex_);
  const auto found = seats_.find(machine.id.value);
  if (found == seats_.end()) return out;
  const auto& [active, shadow] = found->second;
  if (active) out.active = describe_seat(active->model, active->problem, active->activity.get());
  if (shadow) {
    out.shadow = describe_seat(shadow->model, shadow->problem, shadow->activity.get());
    if (shadow->activity) {
      out.disagreement = {.rows = shadow->activity->compared,
                          .different = shadow->activity->different,
                          .last = shadow->activity->last_different};
    }
  }
  return out;
}

}  // namespace millwright::engine
