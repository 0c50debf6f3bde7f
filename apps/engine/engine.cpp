#include "engine/engine.hpp"

#include <algorithm>

#include "core/log.hpp"
#include "engine/feature_stage.hpp"
#include "engine/health_stage.hpp"
#include "engine/state_suppression.hpp"
#include "pipeline/calibrate.hpp"
#include "pipeline/duplicate_filter.hpp"
#include "pipeline/live_stage.hpp"

namespace millwright::engine {
namespace {

using core::MutexLock;

constexpr std::uint64_t kAlarmStream = 0x6D77616C61726D73;  // "mwalarms"
constexpr core::DurationNs kAlarmCommit = 20 * core::kMillisecond;
constexpr auto kHousekeeping = std::chrono::milliseconds(100);
constexpr int kLimitsEvery = 50;  // turns of housekeeping
constexpr unsigned kShardsMax = 8;

journal::Options alarm_journal_options() {
  journal::Options options;
  // A segment begins with all open alarms: long ones, that a flood is not written over and over.
  options.segment_bytes = 32 * 1024 * 1024;
  options.may_use_reserve = true;
  return options;
}

std::vector<pipeline::SensorScale> scales(const asset::Model& model) {
  std::vector<pipeline::SensorScale> scales(model.sensors().size());
  for (const asset::Sensor& sensor : model.sensors()) {
    pipeline::SensorScale& scale = scales[sensor.id.value];
    scale.coefficients = sensor.calibration.coefficients;
    if (sensor.range) scale.range = {sensor.range->low, sensor.range->high};
  }
  return scales;
}

// Each shard has a journal of its own to commit: beyond some, more of them cost more than they give.
std::size_t shard_count(std::size_t wanted) {
  return wanted != 0 ? wanted : std::clamp(std::thread::hardware_concurrency(), 1U, kShardsMax);
}

}  // namespace

core::Result<std::unique_ptr<Engine>> Engine::open(const asset::Model& model, io::Clock& clock, io::FileSystem& files,
                                                   EngineOptions options) {
  if (auto made = files.make_directories(options.data_directory); !made) {
    return core::unexpected(made.error().within("node.data_dir"));
  }
  auto lock = io::DirectoryLock::acquire(options.data_directory);
  if (!lock) return core::unexpected(lock.error());
  std::unique_ptr<Engine> engine(new Engine(model, clock, files, std::move(options), std::move(*lock)));
  if (auto ready = engine->set_up(); !ready) return core::unexpected(ready.error());
  return engine;
}

Engine::Engine(const asset::Model& model, io::Clock& clock, io::FileSystem& files, EngineOptions options,
               io::DirectoryLock lock)
    : model_(model),
      clock_(clock),
      files_(files),
      options_(std::move(options)),
      lock_(std::move(lock)),
      live_(model.sensors().size()),
      limits_(files, options_.data_directory + "/control-limits.json") {}

Engine::~Engine() {
  stop();
}

core::Status Engine::set_up() {
  const std::string alarm_directory = options_.data_directory + "/alarms";
  if (auto made = files_.make_directories(alarm_directory); !made) return made;
  auto journal = journal::Journal::open(files_, clock_, alarm_directory, kAlarmStream, alarm_journal_options());
  if (!journal) return core::unexpected(journal.error().within("alarms"));
  alarm_journal_ = std::move(*journal);
  auto alarms = alarms::AlarmManager::open(model_, *alarm_journal_, clock_, options_.alarms, metrics_);
  if (!alarms) return core::unexpected(alarms.error().within("alarms"));
  alarms_ = std::move(*alarms);

  StateSuppression::release_leftovers(model_, options_.alarms.suppress_by_state, *alarms_);

  std::vector<core::MachineId> machine_of;
  machine_of.reserve(model_.sensors().size());
  for (const asset::Sensor& sensor : model_.sensors()) machine_of.push_back(sensor.machine);
  pipeline_ = std::make_unique<pipeline::Pipeline>(
      pipeline::PipelineOptions{.shards = shard_count(options_.shards)}, machine_of, [this] { return clock_.now(); },
      metrics_);

  options_.history.directory = options_.data_directory + "/history";
  auto historian =
      historian::Historian::open(model_, *pipeline_, sources_, live_, files_, clock_, options_.history, metrics_);
  if (!historian) return core::unexpected(historian.error().within("history"));
  historian_ = std::move(*historian);

  auto models =
      ModelManager::open(model_, *pipeline_, files_, options_.data_directory + "/models", options_.models, metrics_);
  if (!models) return core::unexpected(models.error().within("models"));
  models_ = std::move(*models);

  for (std::size_t shard = 0; shard < pipeline_->shards(); ++shard) {
    const auto recovered = [this, shard](core::SourceId source) { return historian_->recovered(source, shard); };
    pipeline_->add_stage(shard, std::make_unique<pipeline::DuplicateFilter>(recovered, metrics_));
    pipeline_->add_stage(shard, std::make_unique<pipeline::Calibrate>(scales(model_)));
    if (!options_.alarms.suppress_by_state.empty()) {
      pipeline_->add_stage(shard,
                           std::make_unique<StateSuppression>(model_, options_.alarms.suppress_by_state, *alarms_));
    }
    pipeline_->add_stage(
        shard, std::make_unique<HealthStage>(model_, *pipeline_, shard, options_.detection, *alarms_, metrics_));
    pipeline_->add_stage(shard, std::make_unique<FeatureStage>(model_, *pipeline_, shard, options_.detection.settle,
                                                               *alarms_, metrics_));
    auto detection =
        std::make_unique<DetectStage>(model_, *pipeline_, shard, options_.detection, limits_, *alarms_, metrics_);
    detection_.push_back(detection.get());
    pipeline_->add_stage(shard, std::move(detection));
    auto model_stage = std::make_unique<ModelStage>(model_, options_.detection.settle, *alarms_, metrics_);
    models_->add_stage(*model_stage);
    pipeline_->add_stage(shard, std::move(model_stage));
    pipeline_->add_stage(shard, std::make_unique<pipeline::LiveStage>(live_));
    pipeline_->add_stage(shard, historian_->recorder(shard));
  }

  models_->restore();

  commit_ = std::make_unique<journal::GroupCommit>(options_.commit_interval, metrics_);
  historian_->join(*commit_);
  alarm_commit_ = std::make_unique<journal::GroupCommit>(std::min(options_.commit_interval, kAlarmCommit), metrics_);
  alarm_commit_->add(*alarm_journal_, [this](journal::Sequence) {
    if (alarms_durable_) alarms_durable_();
  });
  return {};
}

void Engine::start() {
  commit_->start();
  alarm_commit_->start();
  historian_->start();
  pipeline_->start();
  housekeeping_ = std::thread([this] { keep_house(); });
}

void Engine::begin_stop() {
  if (historian_ && historian_->stats().disk_full) historian_->stop_waiting();
}

void Engine::stop() {
  {
    MutexLock lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
    wake_.notify_all();
  }
  if (housekeeping_.joinable()) housekeeping_.join();
  begin_stop();
  if (pipeline_) pipeline_->stop();
  if (commit_) commit_->stop();
  if (alarm_commit_) alarm_commit_->stop();
  save_limits();
}

bool Engine::wait_for_housekeeping() {
  MutexLock lock(mutex_);
  if (!stopping_) wake_.wait_for(mutex_, kHousekeeping);
  return !stopping_;
}

void Engine::keep_house() {
  for (int turn = 1; wait_for_housekeeping(); ++turn) {
    alarms_->tick();
    models_->tick();
    if (turn % kLimitsEvery == 0) save_limits();
  }
}

void Engine::save_limits() {
  if (auto saved = limits_.save(); !saved) {
    core::logger("detection")->warn("control limits not saved: {}", saved.error().message);
  }
}

DetectStage* Engine::detection_of(core::MachineId machine) const {
  const auto& sensors = model_.machine(machine).sensors;
  return sensors.empty() ? nullptr : detection_[pipeline_->shard_of(sensors.front())];
}

std::vector<ChartView> Engine::charts(core::MachineId machine) const {
  const DetectStage* detection = detection_of(machine);
  return detection != nullptr ? detection->charts(machine) : std::vector<ChartView>();
}

std::size_t Engine::relearn(const RelearnRequest& request) {
  DetectStage* detection = detection_of(request.machine);
  return detection != nullptr ? detection->relearn(request) : 0;
}

core::Status Engine::health() const {
  if (historian_->stats().disk_full) {
    return core::unexpected(core::ErrorCode::kFull, "the disk under " + options_.data_directory +
                                                        " is full: free space or lower historian.disk_quota");
  }
  return {};
}

}  // namespace millwright::engine
