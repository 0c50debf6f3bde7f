#include "bench_query.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include "bench_signal.hpp"
#include "bench_support.hpp"
#include "engine/engine.hpp"
#include "io/clock.hpp"
#include "io/file_system.hpp"
#include "io/random.hpp"
#include "scratch_folder.hpp"

namespace millwright::app {
namespace {

using core::Result;
using core::Status;
using core::TimeNs;
using std::chrono::steady_clock;

constexpr std::uint64_t kSeed = 7;
constexpr core::DurationNs kFine = 10 * core::kMillisecond;  // the last hour's period
constexpr std::uint32_t kBlock = 1000;
constexpr std::uint32_t kChartSensors = 10;
constexpr int kChartDays = 7;
constexpr std::int64_t kChartPoints = 1000;

double ms_since(steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(steady_clock::now() - start).count();
}

class QueryBench {
 public:
  QueryBench(const QueryOptions& options, engine::Engine& engine, TimeNs now)
      : options_(options),
        engine_(engine),
        signal_(kSeed),
        inlet_(engine.pipeline(), engine.sources().add("bench")),
        end_(core::floor_to(now, core::kHour)),
        fine_from_(end_ - core::kHour),
        from_(end_ - options.days * 24 * core::kHour) {}

  // 1 Hz over the days, 100 Hz in the last hour; in order of time, as it comes from a plant.
  Status load() {
    for (TimeNs at = from_; at < fine_from_; at += kBlock * core::kSecond) {
      const auto n = static_cast<std::uint32_t>(std::min<TimeNs>(kBlock, (fine_from_ - at) / core::kSecond));
      add_all(at, core::kSecond, n);
    }
    for (TimeNs at = fine_from_; at < end_; at += kBlock * kFine) {
      add_all(at, kFine, static_cast<std::uint32_t>(std::min<TimeNs>(kBlock, (end_ - at) / kFine)));
    }
    while (settled_ < sequence_) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return engine_.history().tidy();
  }

  Result<QueryTiming> time(std::string name, const std::function<Result<std::size_t>(core::SensorId)>& ask) {
    QueryTiming timing{.name = std::move(name), .rows = 0, .p50_ms = 0, .p99_ms = 0, .max_ms = 0};
    std::vector<double> all;
    for (int i = 0; i < options_.repeat; ++i) {
      const core::SensorId sensor(random_.below(options_.sensors));
      const auto start = steady_clock::now();
      const auto rows = ask(sensor);
      if (!rows) return core::unexpected(rows.error());
      all.push_back(ms_since(start));
      timing.rows = *rows;
    }
    std::sort(all.begin(), all.end());
    timing.p50_ms = all[all.size() / 2];
    timing.p99_ms = all[all.size() * 99 / 100];
    timing.max_ms = all.back();
    return timing;
  }

  Result<std::vector<QueryTiming>> ask_all() {
    const auto& history = engine_.history();
    const auto aggregates = [&](core::SensorId sensor, TimeNs from, core::DurationNs width) -> Result<std::size_t> {
      const auto rows = history.aggregates(sensor, {from, end_}, width, kRows, nullptr);
      return rows ? Result<std::size_t>(rows->size()) : Result<std::size_t>(core::unexpected(rows.error()));
    };
    const std::vector<std::pair<std::string, std::function<Result<std::size_t>(core::SensorId)>>> questions = {
        {"raw, 1 sensor, 1 h at 100 Hz",
         [&](core::SensorId sensor) -> Result<std::size_t> {
           const auto rows = history.raw(sensor, {fine_from_, end_}, kRows, nullptr);
           return rows ? Result<std::size_t>(rows->size()) : Result<std::size_t>(core::unexpected(rows.error()));
         }},
        {"1 min averages, 1 sensor, all days",
         [&](core::SensorId sensor) { return aggregates(sensor, from_, core::kMinute); }},
        {"1 h averages, 1 sensor, all days",
         [&](core::SensorId sensor) { return aggregates(sensor, from_, core::kHour); }},
        {"chart of 10 sensors, 7 days, 1,000 points",
         [&](core::SensorId sensor) -> Result<std::size_t> {
           const TimeNs from = std::max(from_, end_ - kChartDays * 24 * core::kHour);
           const core::DurationNs width = (end_ - from) / kChartPoints / core::kMinute * core::kMinute;
           std::size_t rows = 0;
           for (std::uint32_t i = 0; i < kChartSensors; ++i) {
             const core::SensorId one((sensor.value + i) % options_.sensors);
             const auto part = aggregates(one, from, std::max(width, core::kMinute));
             if (!part) return part;
             rows += *part;
           }
           return rows;
         }},
        {"last value before a moment",
         [&](core::SensorId sensor) -> Result<std::size_t> {
           const auto one = history.before(sensor, end_ - 12345 * core::kSecond);
           if (!one) return core::unexpected(one.error());
           return std::size_t{*one ? 1U : 0U};
         }},
    };
    std::vector<QueryTiming> timings;
    for (const auto& [name, ask] : questions) {
      auto timing = time(name, ask);
      if (!timing) return core::unexpected(timing.error());
      timings.push_back(std::move(*timing));
    }
    return timings;
  }

  [[nodiscard]] std::uint64_t readings() const { return readings_; }

 private:
  static constexpr std::size_t kRows = 10'000'000;

  void add_all(TimeNs at, core::DurationNs period, std::uint32_t n) {
    for (std::uint32_t sensor = 0; sensor < options_.sensors; ++sensor) {
      core::BlockBatch& batch = inlet_.batch_for(core::SensorId(sensor));
      core::Block& block = batch.add(core::SensorId(sensor), core::ValueType::kFloat32, n, at, period, at + n * period);
      const auto values = signal_.values(sensor, read_, n);
      std::copy(values.begin(), values.end(), block.as<float>().begin());
    }
    read_ += n;
    readings_ += std::uint64_t{n} * options_.sensors;
    inlet_.submit(1, ++sequence_, std::make_shared<CountedReceipt>(settled_));
  }

  const QueryOptions& options_;
  engine::Engine& engine_;
  const BenchSignal signal_;
  io::Random random_{kSeed};
  std::atomic<std::uint64_t> settled_{0};
  pipeline::Inlet inlet_;
  std::uint64_t sequence_ = 0;
  std::uint64_t read_ = 0;
  std::uint64_t readings_ = 0;
  const TimeNs end_;
  const TimeNs fine_from_;
  const TimeNs from_;
};

}  // namespace

core::Result<QueryResult> run_query_bench(const QueryOptions& options) {
  ScratchFolder scratch(options.directory);
  if (auto claimed = scratch.claim(); !claimed) return core::unexpected(claimed.error());
  const asset::Model model = bench_model(options.sensors, 100);
  io::RealClock clock;
  io::RealFileSystem files;
  engine::EngineOptions engine_options;
  engine_options.data_directory = options.directory;
  engine_options.history.disk_quota_bytes = 0;
  engine_options.detection.rules = {{.enabled = false}};
  auto engine = engine::Engine::open(model, clock, files, engine_options);
  if (!engine) return core::unexpected(engine.error());
  (*engine)->start();
  QueryBench bench(options, **engine, clock.now());
  QueryResult result;
  const auto start = steady_clock::now();
  if (auto loaded = bench.load(); !loaded) return core::unexpected(loaded.error());
  result.load_seconds = ms_since(start) / 1000;
  result.readings = bench.readings();
  result.bytes_per_reading =
      static_cast<double>((*engine)->history().stats().disk_bytes) / static_cast<double>(result.readings);
  auto timings = bench.ask_all();
  if (!timings) return core::unexpected(timings.error());
  result.timings = std::move(*timings);
  (*engine)->stop();
  return result;
}

}  // namespace millwright::app
