// LimitStore: the control limits that detection has learnt, kept through restarts, so that a fault which outlives a
// restart is not learnt as normal. One JSON file, written as a whole.
//
// Threads: put() from the shards; save() from one housekeeping thread; find() before the shards start.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "core/mutex.hpp"
#include "core/result.hpp"
#include "detection/xbar_r_chart.hpp"
#include "io/file_system.hpp"

namespace millwright::engine {

class LimitStore {
 public:
  // A missing file is an empty store; an unreadable one is put aside as <path>.bad with a warning.
  LimitStore(io::FileSystem& files, std::string path);

  // Limits learnt under other options do not fit and are not found.
  [[nodiscard]] std::optional<detection::XbarRLimits> find(const std::string& sensor_path,
                                                           const detection::XbarROptions& options) const;
  void put(const std::string& sensor_path, const detection::XbarROptions& options,
           const detection::XbarRLimits& limits);
  // Writes the file where something changed since the last call.
  core::Status save();

 private:
  struct Entry {
    std::uint32_t subgroup_size = 0;
    detection::XbarRLimits limits;
  };
  void load();

  io::FileSystem& files_;
  const std::string path_;
  mutable core::Mutex mutex_;
  std::map<std::string, Entry> entries_ GUARDED_BY(mutex_);
  bool changed_ GUARDED_BY(mutex_) = false;
};

}  // namespace millwright::engine
