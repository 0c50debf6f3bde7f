// LiveTable: the latest reading of every sensor and its last full second. Written by the shards, read by anybody
// (OPC UA server, API, connectors) without stopping them.
//
// Threads: one writer per sensor (its shard); any number of readers. A read is consistent within one sensor (seqlock,
// as in H. Boehm, "Can seqlocks get along with programming language memory models?", 2012).
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>

#include "core/block.hpp"
#include "core/ids.hpp"
#include "core/quality.hpp"
#include "core/time.hpp"

namespace millwright::pipeline {

// One second of one sensor, of good and uncertain readings; min … last are NaN where count is 0.
struct Rollup {
  core::TimeNs start = 0;  // of the second; 0: none yet
  std::uint64_t count = 0;
  std::uint64_t bad_count = 0;
  double min = 0;
  double max = 0;
  double sum = 0;
  double sum_squares = 0;
  double first = 0;
  double last = 0;
  [[nodiscard]] double mean() const { return count != 0 ? sum / static_cast<double>(count) : 0; }
};

struct LiveValue {
  core::ValueType type = core::ValueType::kFloat64;
  core::Quality quality = core::kBadWaitingForInitialData;
  core::TimeNs source_time = 0;
  core::TimeNs received = 0;
  std::uint64_t bits = 0;      // the value's own bytes, zero-extended
  std::uint64_t readings = 0;  // since the process started

  template <typename T>
  [[nodiscard]] T as() const {
    T value{};
    std::memcpy(&value, &bits, sizeof(T));
    return value;
  }
  [[nodiscard]] double as_double() const { return core::as_double(type, bits); }
};

class LiveTable {
 public:
  explicit LiveTable(std::size_t sensors);
  ~LiveTable();

  void write(core::SensorId sensor, const LiveValue& value);
  void write_rollup(core::SensorId sensor, const Rollup& rollup);
  [[nodiscard]] LiveValue read(core::SensorId sensor) const;
  [[nodiscard]] Rollup rollup(core::SensorId sensor) const;
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Entry;
  std::size_t size_;
  std::unique_ptr<Entry[]> entries_;
};

}  // namespace millwright::pipeline
