// Tables: a plant's data as DuckDB sees it. History is not copied: a table function hands it over as the query asks for
// it, only the columns that it names, only the sensors and times of the selection, several sensors at a time.
//
//   readings(time, sensor_id, sensor, value, value_int, quality, good, text)
//   readings_1s, readings_1m, readings_1h and history('15min'):
//     (start, sensor_id, sensor, count, bad_count, min, max, mean, first, last, sum)
//   sensors, machines: the asset model. docs/history.md has the columns.
//
// Threads: DuckDB's; what it is given (source, selection) outlives the database's use of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "core/mutex.hpp"
#include "core/result.hpp"
#include "history/database.hpp"
#include "history/source.hpp"

namespace millwright::history {

class Tables {
 public:
  // `progress` is told the sensors done and the rows handed over, from DuckDB's threads, one at a time.
  using Progress = std::function<void(double sensors, std::uint64_t rows)>;

  Tables(Source& source, const Selection& selection, Progress progress)
      : source_(source), selection_(selection), progress_(std::move(progress)) {}
  core::Status create(Database& database);

  [[nodiscard]] Source& source() { return source_; }
  [[nodiscard]] const Selection& selection() const { return selection_; }
  void told(bool sensor_done, std::uint64_t rows);

 private:
  core::Status create_assets(Database& database);

  Source& source_;
  const Selection& selection_;
  Progress progress_;
  std::atomic<std::uint64_t> sensors_done_{0};
  std::atomic<std::uint64_t> rows_{0};
  core::Mutex mutex_;
};

}  // namespace millwright::history
