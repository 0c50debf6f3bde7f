#include "bench_models.hpp"

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include <fmt/format.h>

#include "detection/multivariate_detector.hpp"
#include "engine/model_stage.hpp"
#include "models/loaded_model.hpp"
#include "thread_time.hpp"

namespace millwright::app {
namespace {

using core::SensorId;

constexpr std::size_t kCauses = 10;
constexpr std::size_t kTrainingRows = 2000;

class NoAlarms final : public alarms::SignalSink {
 public:
  std::optional<alarms::Alarm> signal(const alarms::Signal& /*signal*/) override { return std::nullopt; }
};

asset::Model make_assets(const ModelsBench& options) {
  std::vector<asset::Machine> machines;
  std::vector<asset::Sensor> sensors;
  for (std::uint32_t m = 0; m < options.machines; ++m) {
    asset::Machine machine;
    machine.id = core::MachineId(m);
    machine.name = fmt::format("m{}", m);
    machine.path = "a/b/c/d/e/" + machine.name;
    machine.type = "bench";
    for (std::uint32_t s = 0; s < options.sensors; ++s) {
      asset::Sensor sensor;
      sensor.id = SensorId(sensors.size());
      sensor.machine = machine.id;
      sensor.name = fmt::format("s{}", s);
      sensor.path = machine.path + "/" + sensor.name;
      sensor.type = core::ValueType::kFloat32;
      machine.sensors.push_back(sensor.id);
      sensors.push_back(std::move(sensor));
    }
    machines.push_back(std::move(machine));
  }
  return {std::move(machines), std::move(sensors)};
}

// Normal rows: sensors that a few hidden causes move, with noise of their own.
detection::Matrix make_rows(const ModelsBench& options) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  detection::Matrix mixing(kCauses, options.sensors);
  for (std::size_t k = 0; k < kCauses; ++k) {
    for (double& v : mixing.row(k)) v = normal(random);
  }
  detection::Matrix rows(kTrainingRows, options.sensors);
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    for (double& v : rows.row(i)) v = 50 + 0.3 * normal(random);
    for (std::size_t k = 0; k < kCauses; ++k) {
      const double cause = normal(random);
      for (std::size_t j = 0; j < options.sensors; ++j) rows(i, j) += cause * mixing(k, j);
    }
  }
  return rows;
}

core::Result<std::shared_ptr<const models::LoadedModel>> make_model(const ModelsBench& options,
                                                                    const detection::Matrix& rows) {
  models::Bundle bundle;
  bundle.name = "bench";
  bundle.version = "1";
  bundle.kind = "pca";
  bundle.machine_type = "bench";
  for (std::uint32_t s = 0; s < options.sensors; ++s) bundle.sensors.push_back(fmt::format("s{}", s));
  bundle.grid.period = core::kSecond / options.rate;
  detection::DetectorOptions detector;
  detector.models = {{.kind = detection::ModelKind::kPca, .components = kCauses}};
  detector.limit = {.source = detection::LimitSource::kTraining, .false_alarms = 0.001, .factor = 1.5};
  detector.alarm = {.raise = 5, .of = 8, .hold = 5};
  const auto learnt = detection::MultivariateDetector::fit(detector, bundle.sensors, rows);
  if (!learnt) return core::unexpected(learnt.error());
  bundle.learnt = learnt->learnt();
  bundle.test = {.rows = rows.slice(0, 4), .states = std::vector<std::int32_t>(4, 1), .scores = {}};
  bundle.test.scores = models::score_test_rows(bundle, **models::make_detector(bundle));
  return models::LoadedModel::load(models::seal(models::to_payload(bundle), nullptr),
                                   {.keys = {}, .allow_unsigned = true});
}

// All sensors of some machines, as one frame brings them.
void fill(core::BlockBatch& batch, const ModelsBench& options, const detection::Matrix& rows, std::uint32_t machine,
          core::TimeNs start) {
  batch.clear();
  const core::DurationNs period = core::kSecond / options.rate;
  const auto at = static_cast<std::size_t>(start / period) + machine * 7;
  for (std::uint32_t s = 0; s < options.sensors; ++s) {
    core::Block& block = batch.add(SensorId(std::size_t{machine} * options.sensors + s), core::ValueType::kFloat32,
                                   options.block, start, period, start);
    const auto values = block.as<float>();
    for (std::uint32_t i = 0; i < options.block; ++i) {
      values[i] = static_cast<float>(rows((at + i) % rows.rows(), s));
    }
  }
}

using Model = std::shared_ptr<const models::LoadedModel>;

core::Result<std::unique_ptr<engine::ModelScorer>> make_scorer(const asset::Model& assets,
                                                               const asset::Machine& machine, const Model& model) {
  return engine::ModelScorer::make(assets, machine, model, alarms::Priority::kMedium, core::kSecond);
}

// Feeds a stage second by second.
class Feeder {
 public:
  Feeder(const ModelsBench& options, const detection::Matrix& rows, engine::ModelStage& stage)
      : options_(options), rows_(rows), stage_(stage) {}

  struct Used {
    double all_s = 0;
    double longest_ms = 0;
  };
  Used play_second() {
    Used used;
    const core::DurationNs step = options_.block * core::kSecond / options_.rate;
    const core::TimeNs end = now_ + core::kSecond;
    for (; now_ < end; now_ += step) {
      for (std::uint32_t machine = 0; machine < options_.machines; ++machine) {
        fill(batch_, options_, rows_, machine, now_);
        const double before = thread_seconds();
        stage_.on_batch(batch_);
        const double took = thread_seconds() - before;
        used.all_s += took;
        used.longest_ms = std::max(used.longest_ms, 1e3 * took);
      }
    }
    return used;
  }

 private:
  const ModelsBench& options_;
  const detection::Matrix& rows_;
  engine::ModelStage& stage_;
  core::BlockBatch batch_;
  core::TimeNs now_ = 1000 * core::kSecond;
};

// Plays until another thread has put a new model on every machine.
void replace_all(const asset::Model& assets, const Model& model, engine::ModelStage& stage, Feeder& feeder,
                 ModelsBenchResult& result) {
  std::atomic<bool> done{false};
  std::thread deployment([&] {
    for (const asset::Machine& machine : assets.machines()) {
      auto scorer = make_scorer(assets, machine, model);
      ASSERT(scorer, "what was put once is put again");
      stage.put(machine.id, engine::ModelRole::kActive, std::move(*scorer));
      stage.collect();
      ++result.replaced;
    }
    done = true;
  });
  while (!done) {
    const double longest = feeder.play_second().longest_ms;
    result.longest_while_replaced_ms = std::max(result.longest_while_replaced_ms, longest);
  }
  deployment.join();
}

}  // namespace

core::Result<ModelsBenchResult> run_models(const ModelsBench& options) {
  const asset::Model assets = make_assets(options);
  const detection::Matrix rows = make_rows(options);
  const auto model = make_model(options, rows);
  if (!model) return core::unexpected(model.error());
  core::Metrics metrics;
  NoAlarms alarms;
  engine::ModelStage stage(assets, core::kSecond, alarms, metrics);
  std::vector<std::shared_ptr<const engine::ModelActivity>> activities;
  for (const asset::Machine& machine : assets.machines()) {
    auto scorer = make_scorer(assets, machine, *model);
    if (!scorer) return core::unexpected(scorer.error());
    activities.push_back((*scorer)->activity());
    stage.put(machine.id, engine::ModelRole::kActive, std::move(*scorer));
  }

  ModelsBenchResult result;
  result.core_share = 1e9;
  Feeder feeder(options, rows, stage);
  for (std::uint32_t second = 0; second < options.seconds; ++second) {
    const Feeder::Used used = feeder.play_second();
    result.core_share = std::min(result.core_share, used.all_s);
    result.longest_ms = std::max(result.longest_ms, used.longest_ms);
  }
  for (const auto& activity : activities) result.rows += activity->rows;
  result.ns_per_row = 1e9 * result.core_share / (static_cast<double>(options.machines) * options.rate);
  replace_all(assets, *model, stage, feeder, result);
  return result;
}

}  // namespace millwright::app
