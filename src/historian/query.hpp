// Query: readings of one series from the journals of all shards, in order of time, each once.
//
// Threads: any; each query has its own Query object. Errors: those of reading the journals.
#pragma once

#include <memory>
#include <vector>

#include "core/result.hpp"
#include "historian/codec.hpp"
#include "historian/historian.hpp"
#include "historian/shard_log.hpp"

namespace millwright::historian {

class Query {
 public:
  Query(const std::vector<std::unique_ptr<ShardLog>>& logs, SeriesKey key, core::ValueType type);

  // All readings of [from, end), in order. `end` is `to`, or earlier where there are more than `enough`: then there are
  // at most `enough`, unless all of them are of one time.
  struct Part {
    std::vector<Reading> readings;
    core::TimeNs end = 0;
  };
  core::Result<Part> collect(core::TimeNs from, core::TimeNs to, std::size_t enough);

  // Down-sampled in intervals of `width`; at most `limit`, `next` as in Historian.
  core::Result<std::vector<Aggregate>> aggregates(Range range, core::DurationNs width, std::size_t limit,
                                                  std::optional<core::TimeNs>* next);

 private:
  struct Place {
    ShardLog* log;
    TimeIndex::Run run;
  };
  core::Status read_run(const Place& place, core::TimeNs from, core::TimeNs to, std::vector<Reading>& readings);
  void take(core::TimeNs from, core::TimeNs to, std::vector<Reading>& readings) const;

  const std::vector<std::unique_ptr<ShardLog>>& logs_;
  SeriesKey key_;
  core::ValueType type_;
  Decoder decoder_;
  DecodedBlock block_;
};

}  // namespace millwright::historian
