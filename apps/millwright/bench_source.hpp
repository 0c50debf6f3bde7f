// Where the ingest benchmark's readings come from: a thread's memory straight into the pipeline, or the same as a burst
// stream, or as line protocol over HTTP, through loopback TCP and the connector for it. All stamp readings with the
// time of their block's arrival, and shift one sensor in kFaultEvery for a few blocks, so that alarms are raised all
// the time.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "bench_ingest.hpp"
#include "bench_signal.hpp"
#include "connectors/connector.hpp"
#include "engine/engine.hpp"
#include "io/clock.hpp"

namespace millwright::app {

class BenchSource {
 public:
  static constexpr int kTrainingRounds = 4;             // blocks a sensor until its chart has learnt
  static constexpr std::uint32_t kFaultEvery = 100;     // one sensor in so many is at fault in a round
  static constexpr std::uint32_t kIrregularEvery = 33;  // one sensor in so many reads at irregular times
  static constexpr std::uint32_t kUncertainEvery = 40;  // one sensor in so many has some uncertain readings in a block

  BenchSource(const IngestOptions& options, io::Clock& clock);
  virtual ~BenchSource() = default;

  // One block of every sensor, unless `enough` says so in between.
  void play_round(bool faults, const std::function<bool()>& enough = {});
  void start_pacing(double target_per_s);
  void wait_until_durable() const;
  // Readings known to be on disk.
  [[nodiscard]] virtual std::uint64_t durable() const = 0;

 protected:
  // A few hundred sensors' blocks go together, as from one edge node.
  static constexpr std::uint32_t kSensorsPerBatch = 250;

  struct Part {
    std::uint32_t sensor = 0;
    core::TimeNs start = 0;
    core::DurationNs period = 0;
    std::span<const float> values;
    float offset = 0;
    std::span<const core::TimeNs> times;        // empty: regular
    std::span<const core::QualityRun> quality;  // empty: all good
    [[nodiscard]] core::TimeNs time(std::size_t i) const {
      return times.empty() ? start + period * static_cast<core::DurationNs>(i) : times[i];
    }
  };
  virtual void begin_batch() = 0;
  virtual void add(const Part& part) = 0;
  virtual void end_batch() = 0;

  io::Clock& clock_;

 private:
  void pace(std::uint64_t readings);
  void make_irregular(Part& part);

  const std::uint32_t sensors_;
  const std::uint32_t block_;
  const core::DurationNs period_;
  const BenchSignal signal_;
  std::vector<core::DurationNs> jitter_;              // of irregular sensors
  std::array<core::QualityRun, 2> uncertain_;         // of a block with uncertain readings
  std::vector<std::vector<core::TimeNs>> irregular_;  // times of the batch being made
  std::size_t irregular_used_ = 0;
  std::uint64_t round_ = 0;
  core::TimeNs first_time_;
  std::uint64_t handed_over_ = 0;
  double target_per_s_ = 0;
  std::uint64_t paced_ = 0;
  std::chrono::steady_clock::time_point pacing_start_;
};

// What the connectors under test work with.
connectors::ConnectorContext bench_context(engine::Engine& engine, io::Network& network, io::Clock& clock);

core::Result<std::unique_ptr<BenchSource>> make_bench_source(const IngestOptions& options, engine::Engine& engine,
                                                             io::Clock& clock);

}  // namespace millwright::app
