#include "bench_forward.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include <fmt/format.h>
#include <sys/resource.h>

#include "bench_signal.hpp"
#include "bench_support.hpp"
#include "config/document.hpp"
#include "engine/engine.hpp"
#include "forwarding/outputs.hpp"
#include "io/clock.hpp"
#include "io/file_system.hpp"
#include "scratch_folder.hpp"

namespace millwright::app {
namespace {

using std::chrono::steady_clock;

constexpr std::uint64_t kSeed = 7;
constexpr core::DurationNs kPeriod = 10 * core::kMillisecond;  // of each sensor
constexpr auto kLook = std::chrono::milliseconds(5);
constexpr auto kPatience = std::chrono::seconds(60);  // without any progress

double process_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

core::Result<std::vector<forwarding::OutputOptions>> read_output(const std::string& yaml) {
  auto document = config::Document::parse("outputs: [" + yaml + "]", "--output");
  if (!document) return core::unexpected(document.error());
  config::Section root = document->root();
  auto outputs = forwarding::read_options(*document, root, "bench");
  root.finish();
  if (auto good = document->check(); !good) return core::unexpected(good.error());
  return outputs;
}

// All of it on disk, in order of time, as a plant's sensors give it.
std::uint64_t load(engine::Engine& engine, const ForwardOptions& options, core::TimeNs start) {
  const BenchSignal signal(kSeed);
  pipeline::Inlet inlet(engine.pipeline(), engine.sources().add("bench"));
  std::atomic<std::uint64_t> settled{0};
  std::uint64_t sequence = 0;
  std::uint64_t readings = 0;
  for (std::uint64_t from = 0; readings < options.readings; from += options.block) {
    const core::TimeNs at = start + static_cast<core::DurationNs>(from) * kPeriod;
    for (std::uint32_t i = 0; i < options.sensors; ++i) {
      const core::SensorId sensor(i);
      core::Block& block = inlet.batch_for(sensor).add(sensor, core::ValueType::kFloat32, options.block, at, kPeriod,
                                                       at + options.block * kPeriod);
      const auto values = signal.values(i, from, options.block);
      std::copy(values.begin(), values.end(), block.as<float>().begin());
    }
    readings += std::uint64_t{options.block} * options.sensors;
    inlet.submit(1, ++sequence, std::make_shared<CountedReceipt>(settled));
  }
  while (settled < sequence) std::this_thread::sleep_for(kLook);
  return readings;
}

core::Status send_all(forwarding::Outputs& outputs, std::uint64_t readings) {
  auto last = steady_clock::now();
  std::uint64_t before = 0;
  for (;;) {
    const forwarding::LaneStatus now = outputs.status().front();
    if (now.dead != 0 || now.lost != 0) {
      return core::unexpected(core::ErrorCode::kInvalid,
                              fmt::format("{} refused, {} lost: {}", now.dead, now.lost, now.last_error));
    }
    if (now.delivered >= readings) return {};
    if (now.delivered != before) last = steady_clock::now();
    before = now.delivered;
    if (steady_clock::now() - last > kPatience) {
      return core::unexpected(core::ErrorCode::kTimeout, "no progress: " + now.detail);
    }
    std::this_thread::sleep_for(kLook);
  }
}

}  // namespace

core::Result<ForwardResult> run_forward_bench(const ForwardOptions& options) {
  const auto outputs_options = read_output(options.output);
  if (!outputs_options) return core::unexpected(outputs_options.error());
  ScratchFolder scratch(options.directory);
  if (auto claimed = scratch.claim(); !claimed) return core::unexpected(claimed.error());
  const asset::Model model = bench_model(options.sensors, 100);
  io::RealClock clock;
  io::RealFileSystem files;
  engine::EngineOptions engine_options;
  engine_options.data_directory = options.directory;
  engine_options.detection.rules = {{.enabled = false}};
  auto engine = engine::Engine::open(model, clock, files, engine_options);
  if (!engine) return core::unexpected(engine.error());
  auto outputs = forwarding::Outputs::open(*outputs_options, options.directory + "/outputs",
                                           forwarding::OutputContext{.node = "bench",
                                                                     .model = model,
                                                                     .history = (*engine)->history(),
                                                                     .live = (*engine)->live(),
                                                                     .alarm_journal = (*engine)->alarm_journal(),
                                                                     .alarms = (*engine)->alarms(),
                                                                     .files = files,
                                                                     .clock = clock,
                                                                     .metrics = (*engine)->metrics()});
  if (!outputs) return core::unexpected(outputs.error());
  (*engine)->start();
  ForwardResult result;
  result.readings = load(**engine, options, core::floor_to(clock.now() - core::kHour, core::kSecond));
  const auto start = steady_clock::now();
  const double used = process_seconds();
  (*outputs)->start();
  const core::Status sent = send_all(**outputs, result.readings);
  result.seconds = std::chrono::duration<double>(steady_clock::now() - start).count();
  result.core_seconds = process_seconds() - used;
  result.receiver = (*outputs)->status().front().detail;
  (*outputs)->stop();
  (*engine)->stop();
  if (!sent) return core::unexpected(sent.error());
  return result;
}

}  // namespace millwright::app
