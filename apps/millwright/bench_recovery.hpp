// The recovery benchmark: how long a history takes to open that a crash left with so much journal, none of it sealed.
#pragma once

#include <cstdint>
#include <string>

#include "core/result.hpp"

namespace millwright::app {

struct RecoveryOptions {
  std::uint32_t sensors = 10'000;
  std::uint64_t journal_bytes = 1ULL << 30;
  int repeat = 5;
  std::string directory = "millwright-bench.tmp";
};

struct RecoveryResult {
  std::uint64_t readings = 0;
  std::uint64_t journal_bytes = 0;
  double p50_s = 0;  // until every reading can be asked for and the next can be recorded
  double max_s = 0;
};

core::Result<RecoveryResult> run_recovery_bench(const RecoveryOptions& options);

}  // namespace millwright::app
