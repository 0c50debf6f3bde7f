#include "engine/model_stage.hpp"

#include <algorithm>
#include <utility>

namespace millwright::engine {
namespace {

constexpr auto kActive = static_cast<std::size_t>(ModelRole::kActive);
constexpr auto kShadow = static_cast<std::size_t>(ModelRole::kShadow);

}  // namespace

ModelStage::ModelStage(const asset::Model& model, core::DurationNs settle, alarms::SignalSink& alarms,
                       core::Metrics& metrics)
    : model_(model),
      alarms_(alarms),
      rows_(metrics.counter("millwright_model_rows_total", "Rows judged by models, shadows included")),
      states_(model, settle),
      places_(model.machines().size()) {}

void ModelStage::put(core::MachineId machine, ModelRole role, std::unique_ptr<ModelScorer> scorer) {
  core::MutexLock lock(mutex_);
  changes_.push_back({machine, role, std::move(scorer)});
  mail_.store(true, std::memory_order_release);
}

void ModelStage::collect() {
  std::vector<std::unique_ptr<ModelScorer>> retired;
  core::MutexLock lock(mutex_);
  retired.swap(retired_);
}

void ModelStage::take_changes() {
  if (!mail_.load(std::memory_order_acquire)) return;
  std::vector<Change> changes;
  {
    core::MutexLock lock(mutex_);
    changes.swap(changes_);
    mail_.store(false, std::memory_order_release);
  }
  for (Change& change : changes) apply(change);  // leaves in it what was replaced
  core::MutexLock lock(mutex_);
  for (Change& change : changes) {
    if (change.scorer) retired_.push_back(std::move(change.scorer));
  }
}

void ModelStage::apply(Change& change) {
  auto& place = places_[change.machine.value];
  if (!place) {
    place = std::make_unique<Place>();
    judged_.push_back(change.machine);
  }
  auto& there = place->scorers[static_cast<std::size_t>(change.role)];
  std::swap(there, change.scorer);
  if (change.scorer && change.role == ModelRole::kActive) change.scorer->withdraw(alarms_);
}

void ModelStage::on_batch(core::BlockBatch& batch) {
  take_changes();
  if (batch.purpose != core::BatchPurpose::kReadings) return;
  for (const core::Block& block : batch.blocks) {
    states_.take(block);
    if (judged_.empty()) continue;
    const core::MachineId machine = model_.sensor(block.sensor).machine;
    Place* place = places_[machine.value].get();
    if (place == nullptr) continue;
    for (auto& scorer : place->scorers) {
      if (scorer) scorer->take(block);
    }
    if (!std::exchange(place->touched, true)) touched_.push_back(machine);
  }
  finish_touched();
}

void ModelStage::finish_touched() {
  std::uint64_t rows = 0;
  for (const core::MachineId machine : touched_) {
    Place& place = *places_[machine.value];
    place.touched = false;
    if (place.scorers[kActive]) rows += place.scorers[kActive]->judge(states_, &alarms_, nullptr);
    if (place.scorers[kShadow]) rows += place.scorers[kShadow]->judge(states_, nullptr, place.scorers[kActive].get());
  }
  touched_.clear();
  if (rows != 0) rows_.Increment(static_cast<double>(rows));
}

void ModelStage::on_tick(core::TimeNs now) {
  take_changes();
  std::uint64_t rows = 0;
  for (const core::MachineId machine : judged_) {
    Place& place = *places_[machine.value];
    if (place.scorers[kActive]) rows += place.scorers[kActive]->judge_overdue(now, states_, &alarms_, nullptr);
    if (place.scorers[kShadow]) {
      rows += place.scorers[kShadow]->judge_overdue(now, states_, nullptr, place.scorers[kActive].get());
    }
  }
  if (rows != 0) rows_.Increment(static_cast<double>(rows));
}

}  // namespace millwright::engine
