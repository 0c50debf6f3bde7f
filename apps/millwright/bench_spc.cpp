#include "bench_spc.hpp"

#include <algorithm>
#include <vector>

#include "bench_signal.hpp"
#include "detection/control_chart.hpp"
#include "thread_time.hpp"

namespace millwright::app {
namespace {

constexpr std::uint64_t kSeed = 7;
constexpr core::DurationNs kPeriod = 10 * core::kMillisecond;  // 100 Hz
constexpr std::uint64_t kTrainingBlocks = 50;

// Charts of many sensors, fed as a shard feeds them: a block of one after a block of another.
class Charts {
 public:
  explicit Charts(const SpcBenchOptions& options) : options_(options), signal_(kSeed), charts_(options.sensors) {
    chart_options_.subgroup_size = options.subgroup_size;
    chart_options_.training = core::kSecond;
    while (!charts_.front().trained() || round_ < kTrainingBlocks) feed();
  }

  void feed() {
    const std::uint64_t from = round_ * options_.block;
    for (std::uint32_t sensor = 0; sensor < options_.sensors; ++sensor) {
      for (std::uint32_t at = 0; at < options_.block; at += BenchSignal::kBlockMax) {
        const std::uint32_t count = std::min(options_.block - at, BenchSignal::kBlockMax);
        const auto start = static_cast<core::TimeNs>(from + at) * kPeriod;
        if (charts_[sensor].add(chart_options_, signal_.values(sensor, from + at, count), start, kPeriod)) ++events_;
      }
    }
    ++round_;
  }

 private:
  const SpcBenchOptions& options_;
  const BenchSignal signal_;
  std::vector<detection::ControlChart> charts_;
  detection::ChartOptions chart_options_;
  std::uint64_t round_ = 0;
  std::uint64_t events_ = 0;
};

}  // namespace

SpcBenchResult run_spc_bench(const SpcBenchOptions& options) {
  Charts charts(options);
  return {best_speed(std::uint64_t{options.sensors} * options.block, [&] { charts.feed(); })};
}

}  // namespace millwright::app
