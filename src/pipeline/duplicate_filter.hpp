// DuplicateFilter: drops a batch whose (source, epoch, sequence) has been taken before, as a source that never saw our
// acknowledgement sends it again. One lane per source, in order, so the last sequence says it all.
#pragma once

#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "core/ids.hpp"
#include "core/metrics.hpp"
#include "pipeline/stage.hpp"

namespace millwright::pipeline {

// The last batch of a source that is known to be taken.
struct LanePosition {
  std::uint64_t epoch = 0;
  std::uint64_t sequence = 0;
  [[nodiscard]] bool covers(std::uint64_t e, std::uint64_t s) const {
    return e < epoch || (e == epoch && s <= sequence);
  }
};

class DuplicateFilter final : public Stage {
 public:
  // `recovered` gives where a source stood before this process started, for this shard.
  DuplicateFilter(std::function<LanePosition(core::SourceId)> recovered, core::Metrics& metrics);
  // A duplicate is emptied, not taken off the way: the stage that makes readings durable settles its receipt in turn,
  // since what it repeats may still be on its way to the disk.
  void on_batch(core::BlockBatch& batch) override;

 private:
  std::function<LanePosition(core::SourceId)> recovered_;
  std::map<core::SourceId, LanePosition> lanes_;
  core::Counter& dropped_;
};

}  // namespace millwright::pipeline
