// Query: readings and aggregates of one series, from column files and journals of all shards, in order, each once.
//
// Aggregates come from the coarsest roll-up that answers exactly: hours in the middle, minutes, seconds and readings
// towards the ends; what is not sealed yet is added from the journal. Seconds of slow sensors are made of their
// readings. Threads: any; each query has its own Query object. Errors: those of reading. Damage costs what it hit and
// is logged.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "core/result.hpp"
#include "historian/codec.hpp"
#include "historian/column_reader.hpp"
#include "historian/historian.hpp"
#include "historian/shelf.hpp"

namespace millwright::historian {

class Query {
 public:
  // Takes `time_limit` from now on at most, and then ends with kTimeout.
  Query(const std::vector<Shelf>& shelves, SeriesKey key, core::ValueType type, core::DurationNs time_limit);

  // All readings of [from, end), in order. `end` is `to`, or earlier where there are more than `enough`: then there are
  // at most `enough`, unless all of them are of one time.
  struct Part {
    std::vector<Reading> readings;
    core::TimeNs end = 0;
  };
  core::Result<Part> collect(core::TimeNs from, core::TimeNs to, std::size_t enough);

  // Down-sampled; at most `limit` intervals, `next` as in Historian.
  core::Result<std::vector<Aggregate>> aggregates(Range range, const Intervals& intervals, std::size_t limit,
                                                  std::optional<core::TimeNs>* next);

  // The last reading before `time` that is neither bad nor of a time that is not believed; nothing: there is none.
  core::Result<std::optional<Reading>> before(core::TimeNs time);

 private:
  // Where readings are looked for.
  enum From : unsigned { kJournal = 1, kRaw = 2, kSlow = 4, kColumns = kRaw | kSlow, kAll = kJournal | kColumns };
  struct Place {
    Extent times;
    ShardLog* log = nullptr;  // of a run in a journal, else of a block in a column file
    TimeIndex::Run run;
    ColumnReader::Place block;
  };
  void look();
  [[nodiscard]] bool moved() const;
  [[nodiscard]] core::Status in_time() const;
  core::Result<std::vector<Place>> places(From from_where, core::TimeNs from, core::TimeNs to);
  core::Result<Part> read(From from_where, core::TimeNs from, core::TimeNs to, std::size_t enough);
  core::Status read_run(const Place& place, core::TimeNs from, core::TimeNs to, std::vector<Reading>& readings);
  template <typename Step>
  auto steadily(Step&& step);

  core::Result<Extent> extent();
  core::Result<core::TimeNs> next_time(Tier tier, core::TimeNs from, core::TimeNs to);
  core::Result<core::TimeNs> add_step(Tier tier, Range range);
  core::Result<core::TimeNs> read_fresh(Tier tier, core::TimeNs from, core::TimeNs to);
  core::Status add_rows(Tier tier, core::TimeNs from, core::TimeNs to);
  core::Status add_tier(Tier tier, core::TimeNs from, core::TimeNs to);
  void add_readings(std::span<const Reading> readings);
  core::Status join(std::span<const Reading> readings, Tier tier, std::vector<RollupRow>& rows);
  core::Result<bool> make_anew(std::span<const Reading> readings, Tier tier, RollupRow& row);
  core::Result<std::vector<Reading>> with_fresh(From from_where, core::TimeNs from, core::TimeNs to);
  void add(const Aggregate& part);

  const std::vector<Shelf>& shelves_;
  const SeriesKey key_;
  const core::ValueType type_;
  const core::DurationNs time_limit_;
  const std::chrono::steady_clock::time_point end_;
  std::vector<std::shared_ptr<const ColumnSet>> sets_;
  Intervals spacing_ = 0;  // of the intervals being made
  std::vector<Aggregate> intervals_;
  std::vector<Reading> fresh_;  // what is not sealed yet, of the step being made; in order
  Decoder decoder_;
  DecodedBlock block_;
  ColumnReader reader_;
  SeriesRun run_;
};

}  // namespace millwright::historian
