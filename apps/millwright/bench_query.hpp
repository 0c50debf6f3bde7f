// The query benchmark: a month of history on a folder of its own, sealed as a plant's is, and the questions that
// screens ask of it, each asked of many sensors in turn.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/result.hpp"

namespace millwright::app {

struct QueryOptions {
  std::uint32_t sensors = 50;
  int days = 30;
  int repeat = 50;  // of each query
  std::string directory = "millwright-bench.tmp";
};

struct QueryTiming {
  std::string name;
  std::uint64_t rows = 0;  // of one answer
  double p50_ms = 0;
  double p99_ms = 0;
  double max_ms = 0;
};

struct QueryResult {
  std::uint64_t readings = 0;
  double bytes_per_reading = 0;  // on disk, roll-ups included
  double load_seconds = 0;
  std::vector<QueryTiming> timings;
};

core::Result<QueryResult> run_query_bench(const QueryOptions& options);

}  // namespace millwright::app
