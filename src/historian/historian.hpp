// Historian: keeps every reading. Shards encode and append to a journal each; history is answered from the journals.
//
// Threads: recorder() stages run in their shards; queries and the rest from any thread.
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
#include "core/texts.hpp"
#include "historian/aggregate.hpp"
#include "io/clock.hpp"
#include "io/file_system.hpp"
#include "journal/group_commit.hpp"
#include "journal/journal.hpp"
#include "pipeline/duplicate_filter.hpp"
#include "pipeline/live_table.hpp"
#include "pipeline/pipeline.hpp"

namespace millwright::historian {

// How long each tier is kept, by the history's own age (time that it has seen to pass); 0: for ever.
struct Retention {
  core::DurationNs raw = 7 * 24 * core::kHour;
  core::DurationNs seconds = 3 * 365 * 24 * core::kHour;  // roll-ups of 1 s
  core::DurationNs minutes = 0;
  core::DurationNs hours = 0;
};
// Sensors whose path matches the glob are kept apart: by a retention of their own, and perhaps not every reading.
struct KeepingRule {
  std::string match;
  Retention keep;
  // Of real numbers, in the sensor's unit: sealed readings that a straight line between those kept passes within so
  // much of are left out (swinging door). 0: all are kept. Roll-ups are of all readings.
  double compression_deviation = 0;
};

struct HistorianOptions {
  std::string directory;  // <data_dir>/history
  Retention retention;
  std::vector<KeepingRule> rules;                          // the last that matches a sensor counts
  std::uint64_t disk_quota_bytes = 20ULL << 30;            // 0 = none
  std::uint64_t unsent_quota_bytes = 8ULL << 30;           // of sealed journal that followers have yet to read
  core::DurationNs query_time_limit = 30 * core::kSecond;  // of one call; beyond it ends with kTimeout
  journal::Options journal{.segment_bytes = 0};            // 0: as the number of sensors asks for
};
// Reads the `historian` section (directory comes from the node).
HistorianOptions read_options(config::Section section);

// One reading as history gives it back: the value's own bits.
struct Reading {
  core::TimeNs time = 0;
  std::uint64_t bits = 0;
  core::Quality quality;
};
struct Range {
  core::TimeNs from = 0;  // inclusive
  core::TimeNs to = 0;    // exclusive
};

class Follower;

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
  // The dictionary of readings of text.
  [[nodiscard]] virtual core::Texts& texts() const = 0;
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
  // Intervals with at least one reading, in order. Quickest where they are made of whole seconds, minutes or hours.
  virtual core::Result<std::vector<Aggregate>> aggregates(core::SensorId sensor, Range range,
                                                          const Intervals& intervals, std::size_t limit,
                                                          std::optional<core::TimeNs>* next) const = 0;

  // The last reading before `time` that is not bad; nothing: there is none.
  virtual core::Result<std::optional<Reading>> before(core::SensorId sensor, core::TimeNs time) const = 0;

  // For one who brings elsewhere what is recorded. Before start(), so that nothing goes that it has yet to read.
  [[nodiscard]] virtual std::unique_ptr<Follower> follow() const = 0;

  // Starts the thread that seals closed journal segments into column files, merges those, and deletes what retention
  // and quota no longer allow. It ends with the historian.
  virtual void start() = 0;
  // The same at once and to the end, in the caller's thread: all closed segments are sealed, all is merged.
  virtual core::Status tidy() = 0;

  struct Stats {
    std::uint64_t readings = 0;        // recorded since the process started
    std::uint64_t bytes = 0;           // appended for them
    std::uint64_t disk_bytes = 0;      // all of the history
    std::uint64_t unsealed_bytes = 0;  // of those, in journals
    bool disk_full = false;
  };
  [[nodiscard]] virtual Stats stats() const = 0;
};

}  // namespace millwright::historian
