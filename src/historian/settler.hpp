// Settler: what waits in one shard for a record to be on disk: receipts, and where sources stand durably.
//
// Threads: saw(), recorded() from the shard; on_durable() from the commit thread or the shard; position() from any.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "core/block.hpp"
#include "core/mutex.hpp"
#include "historian/record.hpp"

namespace millwright::historian {

class Settler {
 public:
  using Receipts = std::vector<std::shared_ptr<core::Receipt>>;

  // The first batch of a source in this process; `recovered` is where it stood before.
  void saw(SourceKey source, pipeline::LanePosition recovered);
  // With record `sequence` all up to `lanes` is recorded, and `receipts` may settle.
  void recorded(journal::Sequence sequence, std::vector<Lane> lanes, Receipts receipts);
  void on_durable(journal::Sequence durable);
  // Where a source stands; nothing where it was not seen in this process.
  [[nodiscard]] std::optional<pipeline::LanePosition> position(SourceKey source) const;

 private:
  struct Waiting {
    journal::Sequence sequence;
    std::vector<Lane> lanes;
    Receipts receipts;
  };
  mutable core::Mutex mutex_;
  std::deque<Waiting> waiting_ GUARDED_BY(mutex_);  // in order
  std::map<SourceKey, pipeline::LanePosition> durable_ GUARDED_BY(mutex_);
};

}  // namespace millwright::historian
