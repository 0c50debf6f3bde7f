#include "bench_ingest.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <thread>

#include <fmt/format.h>
#include <sys/resource.h>

#include "bench_signal.hpp"
#include "bench_source.hpp"
#include "engine/engine.hpp"
#include "io/clock.hpp"
#include "io/file_system.hpp"
#include "scratch_folder.hpp"

namespace millwright::app {
namespace {

using std::chrono::steady_clock;

double seconds_since(steady_clock::time_point start) {
  return std::chrono::duration<double>(steady_clock::now() - start).count();
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void prepare(IngestOptions& options) {
  if (options.sensors == 0) {
    options.sensors = options.target_per_s > 0
                          ? static_cast<std::uint32_t>(std::clamp(options.target_per_s / options.rate_hz, 50.0, 1e6))
                          : 100'000;
  }
}

// Rounds of one block per sensor: first, unmeasured, until the charts have learnt; then for the time asked.
IngestResult measure(const IngestOptions& options, engine::Engine& engine, BenchSource& source) {
  for (int round = 0; round < BenchSource::kTrainingRounds; ++round) source.play_round(false);
  source.wait_until_durable();

  const std::uint64_t readings_before = source.durable();
  const auto bytes_before = engine.history().stats().bytes;
  const double cpu_before = cpu_seconds();
  const auto start = steady_clock::now();
  source.start_pacing(options.target_per_s);
  while (seconds_since(start) < options.seconds)
    source.play_round(true, [&] { return seconds_since(start) >= options.seconds; });
  source.wait_until_durable();

  IngestResult result;
  result.seconds = seconds_since(start);
  result.readings = source.durable() - readings_before;
  result.readings_per_s = static_cast<double>(result.readings) / result.seconds;
  result.cores_used = (cpu_seconds() - cpu_before) / result.seconds;
  result.bytes_per_reading = static_cast<double>(engine.history().stats().bytes - bytes_before) /
                             static_cast<double>(std::max<std::uint64_t>(result.readings, 1));
  const alarms::Latency latency = engine.alarms().latency();
  result.alarm_p50_ms = latency.p50_ms;
  result.alarm_p99_ms = latency.p99_ms;
  result.alarms = latency.count;
  return result;
}

}  // namespace

core::Result<IngestResult> run_ingest(IngestOptions& options) {
  prepare(options);
  ScratchFolder scratch(options.directory);
  if (auto claimed = scratch.claim(); !claimed) return core::unexpected(claimed.error());
  const asset::Model model = bench_model(options.sensors, options.rate_hz);
  io::RealClock clock;
  io::RealFileSystem files;
  engine::EngineOptions engine_options;
  engine_options.data_directory = options.directory;
  engine_options.shards = options.shards;
  engine_options.detection.rules = {{.subgroup_size = 5, .training = core::kSecond}};
  auto engine = engine::Engine::open(model, clock, files, engine_options);
  if (!engine) return core::unexpected(engine.error());
  (*engine)->start();
  auto source = make_bench_source(options, **engine, clock);
  if (!source) return core::unexpected(source.error());
  IngestResult result = measure(options, **engine, **source);
  source->reset();
  (*engine)->stop();
  return result;
}

}  // namespace millwright::app
