// Stage: one step on a reading's way inside a shard. A shard calls its stages one after the other, for every batch.
//
// Threads: all calls come from the shard's own thread. A stage may change blocks in place (values, quality) or remove
// blocks from the batch; it never keeps a pointer into it. It never blocks, save to push back on its source.
#pragma once

#include "core/block.hpp"
#include "core/time.hpp"

namespace millwright::pipeline {

class Stage {
 public:
  virtual ~Stage() = default;
  virtual void on_batch(core::BlockBatch& batch) = 0;
  // About every 100 ms, also when nothing arrives. `now` is UTC.
  virtual void on_tick(core::TimeNs now) { static_cast<void>(now); }
  // Once, after the last batch, before the thread ends.
  virtual void on_stop() {}
};

}  // namespace millwright::pipeline
