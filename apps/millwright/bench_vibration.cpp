#include "bench_vibration.hpp"

#include <cmath>
#include <numbers>
#include <vector>

#include <fmt/format.h>

#include "asset/load.hpp"
#include "config/document.hpp"
#include "engine/feature_stage.hpp"
#include "io/random.hpp"
#include "thread_time.hpp"

namespace millwright::app {
namespace {

constexpr double kShaftHz = 24.7;

class NoAlarms final : public alarms::SignalSink {
 public:
  std::optional<alarms::Alarm> signal(const alarms::Signal&) override { return std::nullopt; }
};

// A machine with all features that there are, as a plant file.
std::string plant_text(const VibrationBenchOptions& options) {
  std::string sensors;
  for (std::uint32_t i = 0; i < options.sensors; ++i) {
    sensors += fmt::format(
        "{}{{name: v{}, type: float32, unit: m/s2, rate_hz: {}, features: {{compute: [rms, peak, peak-to-peak, "
        "crest-factor, kurtosis, skewness, velocity-rms], bands: [{{low: 10, high: 100}}, {{low: 100, high: {}}}], "
        "orders: [1, 2, 3], bearing: [bpfo, bpfi, bsf, ftf], zone: {{group: 2, foundation: rigid}}, speed: {}, window: "
        "{}ms}}}}",
        i == 0 ? "" : ", ", i, options.rate_hz, options.rate_hz / 2, kShaftHz * 60, options.window_ms);
  }
  return "assets: {enterprise: e, streams: {default: c}, sites: [{name: s, areas: [{name: a, lines: [{name: l, cells: "
         "[{name: c, machines: [{name: m, components: [{name: p, bearing: {balls: 9, ball_diameter: 7.94, "
         "pitch_diameter: 39.04}, sensors: [" +
         sensors + "]}]}]}]}]}]}]}\n";
}

core::Result<asset::Model> make_model(const VibrationBenchOptions& options) {
  auto document = config::Document::parse(plant_text(options), "bench");
  if (!document) return core::unexpected(document.error());
  asset::Model model = asset::load(*document, document->root().section("assets"), {"c"}, {});
  if (auto good = document->check(); !good) return core::unexpected(good.error());
  return model;
}

// Feeds a second of all sensors at a time, as a shard would.
class Feeder {
 public:
  Feeder(const VibrationBenchOptions& options, const asset::Model& model, engine::FeatureStage& stage)
      : options_(options), model_(model), stage_(stage), signal_(options.rate_hz + options.block) {
    io::Random random(7);
    for (std::size_t i = 0; i < signal_.size(); ++i) {
      const double t = static_cast<double>(i) / options.rate_hz;
      signal_[i] = static_cast<float>(std::sin(2 * std::numbers::pi * kShaftHz * t) + 0.3 * random.normal());
    }
  }

  void feed() {
    const core::DurationNs period = core::kSecond / options_.rate_hz;
    for (std::uint32_t at = 0; at < options_.rate_hz; at += options_.block) {
      const std::uint32_t count = std::min(options_.block, options_.rate_hz - at);
      batch_.clear();
      for (const asset::Sensor& sensor : model_.sensors()) {
        if (sensor.feature) break;  // they come last
        core::Block& block = batch_.add(sensor.id, sensor.type, count, time_, period, time_);
        std::copy_n(signal_.data() + at, count, block.as<float>().data());
      }
      stage_.on_batch(batch_);
      time_ += count * period;
    }
  }

 private:
  const VibrationBenchOptions& options_;
  const asset::Model& model_;
  engine::FeatureStage& stage_;
  std::vector<float> signal_;
  core::BlockBatch batch_;
  core::TimeNs time_ = 1'000'000 * core::kSecond;
};

}  // namespace

core::Result<VibrationBenchResult> run_vibration_bench(const VibrationBenchOptions& options) {
  const auto model = make_model(options);
  if (!model) return core::unexpected(model.error());
  core::Metrics metrics;
  const std::vector<core::MachineId> machine_of(model->sensors().size(), core::MachineId(0));
  const pipeline::Pipeline pipeline(
      {}, machine_of, [] { return core::TimeNs{0}; }, metrics);
  NoAlarms alarms;
  engine::FeatureStage stage(*model, pipeline, 0, 0, alarms, metrics);
  Feeder feeder(options, *model, stage);
  const double readings_per_s = best_speed(std::uint64_t{options.sensors} * options.rate_hz, [&] { feeder.feed(); });
  const double share = 100.0 * options.rate_hz / readings_per_s;
  return VibrationBenchResult{.features = static_cast<std::uint32_t>(model->sensors().size()) / options.sensors - 1,
                              .us_per_window = 1e6 * options.rate_hz * options.window_ms / 1000 / readings_per_s,
                              .core_per_100_sensors = share};
}

}  // namespace millwright::app
