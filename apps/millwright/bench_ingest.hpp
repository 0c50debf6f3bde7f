// The ingest benchmark: an engine as `millwright run` has it, on a folder of its own, and a source of readings.
#pragma once

#include <cstdint>
#include <string>

#include "core/result.hpp"

namespace millwright::app {

enum class IngestSource { kMemory, kTcp, kLine };

struct IngestOptions {
  IngestSource source = IngestSource::kMemory;
  bool tls = false;  // of kTcp
  int seconds = 10;
  double target_per_s = 0;    // 0: as fast as it goes
  std::uint32_t sensors = 0;  // 0: 100,000, or target_per_s / rate_hz
  double rate_hz = 100;
  std::uint32_t block = 100;  // readings
  std::size_t shards = 0;     // 0: as a node has them by default
  std::string directory = "millwright-bench.tmp";
};

struct IngestResult {
  double readings_per_s = 0;  // durable ones over the time from the first hand-over to the last commit
  double bytes_per_reading = 0;
  double alarm_p50_ms = 0;  // received → published
  double alarm_p99_ms = 0;
  std::uint64_t alarms = 0;
  std::uint64_t readings = 0;
  double seconds = 0;
  double cores_used = 0;
};

core::Result<IngestResult> run_ingest(IngestOptions& options);

}  // namespace millwright::app
