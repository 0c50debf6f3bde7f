#include "bench_recovery.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "bench_signal.hpp"
#include "bench_support.hpp"
#include "historian/historian.hpp"
#include "io/clock.hpp"
#include "io/file_system.hpp"
#include "scratch_folder.hpp"

namespace millwright::app {
namespace {

using core::Status;
using std::chrono::steady_clock;

constexpr std::uint64_t kSeed = 7;
constexpr double kRateHz = 100;
constexpr std::uint32_t kBlock = 100;
constexpr core::DurationNs kPeriod = 10 * core::kMillisecond;

// A history without the engine around it: whose upkeep never starts, so that nothing is sealed.
struct Node {
  Node(const asset::Model& model, io::Clock& clock)
      : live(model.sensors().size()),
        pipeline(
            {.shards = 1}, machines_of(model), [&clock] { return clock.now(); }, metrics) {}
  ~Node() { pipeline.stop(); }

  static std::vector<core::MachineId> machines_of(const asset::Model& model) {
    std::vector<core::MachineId> machines;
    for (const asset::Sensor& sensor : model.sensors()) machines.push_back(sensor.machine);
    return machines;
  }
  Status open(const asset::Model& model, io::Clock& clock, io::FileSystem& files, const std::string& directory) {
    historian::HistorianOptions options;
    options.directory = directory + "/history";
    options.disk_quota_bytes = 0;
    auto opened = historian::Historian::open(model, pipeline, sources, live, files, clock, options, metrics);
    if (!opened) return core::unexpected(opened.error());
    history = std::move(*opened);
    return {};
  }

  core::Metrics metrics;
  pipeline::Sources sources;
  pipeline::LiveTable live;
  pipeline::Pipeline pipeline;
  std::unique_ptr<historian::Historian> history;
};

// Gives the readings.
core::Result<std::uint64_t> fill(const RecoveryOptions& options, const asset::Model& model, io::Clock& clock,
                                 io::FileSystem& files) {
  Node node(model, clock);
  if (auto opened = node.open(model, clock, files, options.directory); !opened) return core::unexpected(opened.error());
  journal::GroupCommit commit(100 * core::kMillisecond, node.metrics);
  node.pipeline.add_stage(0, node.history->recorder(0));
  node.history->join(commit);
  commit.start();
  node.pipeline.start();
  const BenchSignal signal(kSeed);
  std::atomic<std::uint64_t> settled{0};
  std::uint64_t sequence = 0;
  {
    pipeline::Inlet inlet(node.pipeline, node.sources.add("bench"));
    core::TimeNs at = clock.now() - core::kHour;
    for (std::uint64_t read = 0; node.history->stats().bytes < options.journal_bytes; read += kBlock) {
      for (std::uint32_t sensor = 0; sensor < options.sensors; ++sensor) {
        core::BlockBatch& batch = inlet.batch_for(core::SensorId(sensor));
        core::Block& block = batch.add(core::SensorId(sensor), core::ValueType::kFloat32, kBlock, at, kPeriod, at);
        const auto values = signal.values(sensor, read, kBlock);
        std::copy(values.begin(), values.end(), block.as<float>().begin());
      }
      at += kBlock * kPeriod;
      inlet.submit(1, ++sequence, std::make_shared<CountedReceipt>(settled));
    }
    while (settled < sequence) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  node.pipeline.stop();
  commit.stop();
  return sequence * kBlock * options.sensors;
}

}  // namespace

core::Result<RecoveryResult> run_recovery_bench(const RecoveryOptions& options) {
  ScratchFolder scratch(options.directory);
  if (auto claimed = scratch.claim(); !claimed) return core::unexpected(claimed.error());
  const asset::Model model = bench_model(options.sensors, kRateHz);
  io::RealClock clock;
  io::RealFileSystem files;
  RecoveryResult result;
  const auto readings = fill(options, model, clock, files);
  if (!readings) return core::unexpected(readings.error());
  result.readings = *readings;
  std::vector<double> all;
  for (int i = 0; i < options.repeat; ++i) {
    Node node(model, clock);
    const auto start = steady_clock::now();
    if (auto opened = node.open(model, clock, files, options.directory); !opened) {
      return core::unexpected(opened.error());
    }
    all.push_back(std::chrono::duration<double>(steady_clock::now() - start).count());
    result.journal_bytes = node.history->stats().unsealed_bytes;
    if (node.live.read(core::SensorId(options.sensors - 1)).source_time == 0) {
      return core::unexpected(core::ErrorCode::kCorrupt, "the last reading of a sensor was not recovered");
    }
  }
  std::sort(all.begin(), all.end());
  result.p50_s = all[all.size() / 2];
  result.max_s = all.back();
  return result;
}

}  // namespace millwright::app
