// The OPC UA server's benchmark: many sensors, read in batches over loopback, then monitored. What counts is the
// processor time of the server's thread, so that neither the client nor what else runs on the machine takes part.
#pragma once

#include <cstdint>
#include <string>

#include "core/result.hpp"

namespace millwright::app {

struct OpcUaBenchOptions {
  std::uint32_t sensors = 100'000;
  std::uint32_t batch = 1'000;  // values a Read
  std::uint32_t items = 50'000;
  double seconds = 5;  // of reading, and of monitoring
  std::string nodesets;
};

struct OpcUaBenchResult {
  double build_s = 0;  // the address space
  double bytes_per_sensor = 0;
  double values_per_s = 0;       // as the client saw it
  double values_per_core_s = 0;  // per second of the server thread's processor time
  double items_s = 0;            // making the monitored items
  double bytes_per_item = 0;
  double items_cores = 0;  // processors that sampling them every second takes, a tenth of the values changing
  std::uint64_t notifications = 0;
};

core::Result<OpcUaBenchResult> run_opcua_bench(const OpcUaBenchOptions& options);

}  // namespace millwright::app
