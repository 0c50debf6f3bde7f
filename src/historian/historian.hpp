// Historian: keeps every reading. Shards encode and append to a journal each; history is answered from the journals.
//
// Threads: recorder() stages run in their shards; query() and the rest from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "asset/model.hpp"
#include "config/document.hpp"
#include "core/metrics.hpp"
#include "core/result.hpp"
#include "io/clock.hpp"
#include "io/file_system.hpp"
#include "journal/group_commit.hpp"
#include "journal/journal.hpp"
#include "pipeline/duplicate_filter.hpp"
#include "pipeline/live_table.hpp"
#include "pipeline/pipeline.hpp"

namespace millwright::historian {

struct HistorianOptions {
  std::string directory;                              // <data_dir>/history
  core::DurationNs raw_retention = 72 * core::kHour;  // age of a journal segment; 0 = for ever
  std::uint64_t disk_quota_bytes = 20ULL << 30;       // 0 = none
  journal::Options journal;
};
// Reads the `historian` section (directory comes from the node).
HistorianOptions read_options(config::Section section);

// One reading as history gives it back: the value's own bits.
struct Reading {
  core::TimeNs time = 0;
  std::uint64_t bits = 0;
  core::Quality quality;
};
// An interval's readings down-sampled; statistics over good and uncertain readings, in the sensor's units.
struct Aggregate {
  core::TimeNs start = 0;
  std::uint64_t count = 0;
  std::uint64_t bad_count = 0;
  double min = 0;
  double max = 0;
  double sum = 0;
  double first = 0;
  double last = 0;
};

struct Range {
  core::TimeNs from = 0;  // inclusive
  core::TimeNs to = 0;    // exclusive
};

class Historian {
 public:
  // Opens the catalogue and one journal per shard, recovers them, and puts each sensor's last reading into `live`.
  static core::Result<std::unique_ptr<Historian>> open(const asset::Model& model, const pipeline::Pipeline& pipeline,
                                                       pipeline::Sources& sources, pipeline::LiveTable& live,
                                                       io::FileSystem& files, const io::Clock& clock,
                                                       HistorianOptions options, core::Metrics& metrics);
  virtual ~Historian() = default;

  // The stage that encodes and appends; receipts settle once their batch is durable. One per shard.
  virtual std::unique_ptr<pipeline::Stage> recorder(std::size_t shard) = 0;
  // Adds the journals to the node's group commit.
  virtual void join(journal::GroupCommit& commit) = 0;

  // Before the pipeline is stopped: from now on a full disk holds no shard back; what does not fit is lost and counted.
  virtual void stop_waiting() = 0;

  // Where a source stood when the process started, for a shard's duplicate filter.
  [[nodiscard]] virtual pipeline::LanePosition recovered(core::SourceId source, std::size_t shard) const = 0;
  // Where a source stands now, durably, in all shards: what a reconnecting sender need not send again.
  [[nodiscard]] virtual pipeline::LanePosition durable(core::SourceId source) const = 0;

  // In order of time, each reading once, at most `limit` (1 to 10 million). Where there is more, `next` is set to the
  // time to go on from, else to nothing; an answer never ends between two readings of one time, so it is longer where
  // more than `limit` different readings have the same one. What is committed only: up to 0.2 s behind the live table.
  virtual core::Result<std::vector<Reading>> raw(core::SensorId sensor, Range range, std::size_t limit,
                                                 std::optional<core::TimeNs>* next) const = 0;
  // Intervals with at least one reading, in order. `width` e.g. 1 s, 1 min, 1 h.
  virtual core::Result<std::vector<Aggregate>> aggregates(core::SensorId sensor, Range range, core::DurationNs width,
                                                          std::size_t limit,
                                                          std::optional<core::TimeNs>* next) const = 0;

  // Deletes what retention and quota no longer allow. Called every minute or so by the owner.
  virtual void enforce_retention() = 0;

  struct Stats {
    std::uint64_t readings = 0;    // recorded since the process started
    std::uint64_t bytes = 0;       // appended for them
    std::uint64_t disk_bytes = 0;  // all journals
    bool disk_full = false;
  };
  [[nodiscard]] virtual Stats stats() const = 0;
};

}  // namespace millwright::historian
