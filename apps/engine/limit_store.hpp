// LimitStore: the control limits that detection has learnt, kept through restarts, so that a fault which outlives a
// restart is not learnt as normal. One JSON file, written as a whole (docs/format/control-limits.md).
//
// Threads: all of it from any thread; the shards put() once a chart has learnt, one housekeeping thread calls save().
// put() and erase() only take note: a shard never waits for the file to be put together, which takes long for many.
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/mutex.hpp"
#include "core/result.hpp"
#include "detection/control_chart.hpp"
#include "io/file_system.hpp"

namespace millwright::engine {

// A chart, wherever it runs.
struct LimitKey {
  std::string sensor;  // path
  detection::ChartKind chart = detection::ChartKind::kXbarR;
  std::string state;  // of the machine

  auto operator<=>(const LimitKey&) const = default;
};

class LimitStore {
 public:
  // A missing file is an empty store; an unreadable one is put aside as <path>.bad with a warning.
  LimitStore(io::FileSystem& files, std::string path);

  // Limits learnt of other subgroups do not fit and are not found.
  [[nodiscard]] std::optional<detection::ChartLimits> find(const LimitKey& key, std::uint32_t subgroup_size) const;
  void put(const LimitKey& key, std::uint32_t subgroup_size, const detection::ChartLimits& limits);
  void erase(const LimitKey& key);
  // Writes the file where something changed since the last call.
  core::Status save();

 private:
  struct Entry {
    std::uint32_t subgroup_size = 0;
    detection::ChartLimits limits;
  };
  using Entries = std::map<LimitKey, Entry>;
  using Change = std::pair<LimitKey, std::optional<Entry>>;  // nothing: erased
  void note(Change change);
  void take_notes() const REQUIRES(mutex_);
  void load();
  static Entries parse(const std::vector<std::byte>& bytes);  // throws what the library throws
  [[nodiscard]] std::string text() const REQUIRES(mutex_);

  io::FileSystem& files_;
  const std::string path_;
  mutable core::Mutex mutex_;
  mutable Entries entries_ GUARDED_BY(mutex_);
  mutable bool changed_ GUARDED_BY(mutex_) = false;
  mutable core::Mutex notes_mutex_;  // never held for long; after mutex_ where both are
  mutable std::vector<Change> notes_ GUARDED_BY(notes_mutex_);
};

}  // namespace millwright::engine
