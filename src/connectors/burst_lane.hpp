// BurstLane: where one source of a burst server stands: which frames were handed to the pipeline, and up to which all
// of it is durable. It outlives connections, so that a frame sent again is known even before it is durable.
//
// One connection has the lane at a time. A newer one asks the older to leave and waits until it has, so that frames
// reach the pipeline in order.
//
// Threads: all of it from any thread. `evict` and `wake` are called with the lane locked: they must not block or call
// back.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "core/block.hpp"
#include "core/ids.hpp"
#include "core/mutex.hpp"
#include "pipeline/duplicate_filter.hpp"

namespace millwright::connectors {

class BurstLane : public std::enable_shared_from_this<BurstLane> {
 public:
  // `recovered`: where the source stood before this process.
  BurstLane(core::SourceId source, pipeline::LanePosition recovered);

  // Takes the lane for a connection. False where `give_up` became true or a newer connection asked meanwhile.
  // `evict` is called when a newer one asks, `wake` when the durable position moved.
  bool take(std::uint64_t connection, const std::atomic<bool>& give_up, std::function<void()> evict,
            std::function<void()> wake) EXCLUDES(mutex_);
  void leave(std::uint64_t connection) EXCLUDES(mutex_);

  // A sender's hello. False: its epoch is older than position().epoch. What lies below `oldest` will never come.
  bool begin(std::uint64_t epoch, std::uint64_t oldest) EXCLUDES(mutex_);

  enum class Verdict { kNew, kRepeat, kGap };
  [[nodiscard]] Verdict judge(std::uint64_t sequence) const EXCLUDES(mutex_);
  // The receipt for a frame that goes to the pipeline now. Sequences rise.
  std::shared_ptr<core::Receipt> expect(std::uint64_t sequence) EXCLUDES(mutex_);

  // Of the present epoch: up to this sequence all is durable.
  [[nodiscard]] pipeline::LanePosition position() const EXCLUDES(mutex_);
  [[nodiscard]] std::uint64_t last_accepted() const EXCLUDES(mutex_);
  [[nodiscard]] core::SourceId source() const { return source_; }

  // The sender's own count of readings it gave up; gives what is new of it.
  std::uint64_t note_dropped(std::uint64_t total) EXCLUDES(mutex_);

 private:
  class FrameReceipt;
  void settle(std::uint64_t epoch, std::uint64_t sequence) EXCLUDES(mutex_);

  const core::SourceId source_;
  mutable core::Mutex mutex_;
  core::Condition changed_;
  std::uint64_t owner_ GUARDED_BY(mutex_) = 0;   // 0: nobody
  std::uint64_t asking_ GUARDED_BY(mutex_) = 0;  // the newest that asked
  std::function<void()> evict_ GUARDED_BY(mutex_);
  std::function<void()> wake_ GUARDED_BY(mutex_);
  pipeline::LanePosition position_ GUARDED_BY(mutex_);
  std::uint64_t accepted_ GUARDED_BY(mutex_) = 0;  // the last sequence handed to the pipeline, or given up
  struct Pending {
    std::uint64_t sequence = 0;
    bool settled = false;
  };
  std::deque<Pending> pending_ GUARDED_BY(mutex_);  // handed over and not durable up to here; sequences rise
  std::uint64_t dropped_ GUARDED_BY(mutex_) = 0;
};

}  // namespace millwright::connectors
