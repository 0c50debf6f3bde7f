// bench forward: readings from a history on disk to a real receiver, through the feed, the lane and the transport that
// a plant's output has; what the process used of processor time for it.
#pragma once

#include <cstdint>
#include <string>

#include "core/result.hpp"

namespace millwright::app {

struct ForwardOptions {
  std::string output;  // one entry of `outputs`, as YAML: {kind: kafka, brokers: ["127.0.0.1:9092"]}
  std::uint32_t sensors = 1000;
  std::uint64_t readings = 10'000'000;
  std::uint32_t block = 100;
  std::string directory = "millwright-bench.tmp";
};

struct ForwardResult {
  std::uint64_t readings = 0;  // that the receiver has confirmed
  double seconds = 0;
  double core_seconds = 0;  // of this process, the receiver's client with its threads included
  std::string receiver;

  [[nodiscard]] double per_second() const { return static_cast<double>(readings) / seconds; }
  [[nodiscard]] double per_core_second() const { return static_cast<double>(readings) / core_seconds; }
};

core::Result<ForwardResult> run_forward_bench(const ForwardOptions& options);

}  // namespace millwright::app
