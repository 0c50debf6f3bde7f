#include "connectors/burst_lane.hpp"

#include <algorithm>
#include <chrono>

#include "core/assert.hpp"

namespace millwright::connectors {

using core::MutexLock;

class BurstLane::FrameReceipt final : public core::Receipt {
 public:
  FrameReceipt(std::shared_ptr<BurstLane> lane, std::uint64_t epoch, std::uint64_t sequence)
      : lane_(std::move(lane)), epoch_(epoch), sequence_(sequence) {}
  void settle() override { lane_->settle(epoch_, sequence_); }

 private:
  std::shared_ptr<BurstLane> lane_;
  std::uint64_t epoch_;
  std::uint64_t sequence_;
};

BurstLane::BurstLane(core::SourceId source, pipeline::LanePosition recovered)
    : source_(source), position_(recovered), accepted_(recovered.sequence) {}

bool BurstLane::take(std::uint64_t connection, const std::atomic<bool>& give_up, std::function<void()> evict,
                     std::function<void()> wake) {
  MutexLock lock(mutex_);
  asking_ = connection;
  while (owner_ != 0 && asking_ == connection && !give_up) {
    if (evict_) evict_();
    changed_.wait_for(mutex_, std::chrono::milliseconds(50));
  }
  if (owner_ != 0 || asking_ != connection || give_up) {
    changed_.notify_all();
    return false;
  }
  owner_ = connection;
  evict_ = std::move(evict);
  wake_ = std::move(wake);
  return true;
}

void BurstLane::leave(std::uint64_t connection) {
  MutexLock lock(mutex_);
  if (owner_ != connection) return;
  owner_ = 0;
  evict_ = nullptr;
  wake_ = nullptr;
  changed_.notify_all();
}

bool BurstLane::begin(std::uint64_t epoch, std::uint64_t oldest) {
  MutexLock lock(mutex_);
  if (epoch < position_.epoch) return false;
  if (epoch > position_.epoch) {
    position_ = {epoch, 0};
    accepted_ = 0;
    dropped_ = 0;
    pending_.clear();
  }
  accepted_ = std::max(accepted_, oldest - 1);
  if (pending_.empty()) position_.sequence = accepted_;
  return true;
}

BurstLane::Verdict BurstLane::judge(std::uint64_t sequence) const {
  MutexLock lock(mutex_);
  if (sequence <= accepted_) return Verdict::kRepeat;
  return sequence == accepted_ + 1 ? Verdict::kNew : Verdict::kGap;
}

std::shared_ptr<core::Receipt> BurstLane::expect(std::uint64_t sequence) {
  MutexLock lock(mutex_);
  ASSERT(sequence > accepted_, "a burst frame handed over twice");
  accepted_ = sequence;
  pending_.push_back({sequence, false});
  return std::make_shared<FrameReceipt>(shared_from_this(), position_.epoch, sequence);
}

void BurstLane::settle(std::uint64_t epoch, std::uint64_t sequence) {
  MutexLock lock(mutex_);
  if (epoch != position_.epoch) return;
  const auto found = std::lower_bound(pending_.begin(), pending_.end(), sequence,
                                      [](const Pending& pending, std::uint64_t s) { return pending.sequence < s; });
  ASSERT(found != pending_.end() && found->sequence == sequence, "a receipt settled twice");
  found->settled = true;
  if (found != pending_.begin()) return;
  while (!pending_.empty() && pending_.front().settled) {
    position_.sequence = pending_.front().sequence;
    pending_.pop_front();
  }
  // What the sender gave up after the last frame that came is no reason to wait.
  if (pending_.empty()) position_.sequence = accepted_;
  if (wake_) wake_();
}

pipeline::LanePosition BurstLane::position() const {
  MutexLock lock(mutex_);
  return position_;
}

std::uint64_t BurstLane::last_accepted() const {
  MutexLock lock(mutex_);
  return accepted_;
}

std::uint64_t BurstLane::note_dropped(std::uint64_t total) {
  MutexLock lock(mutex_);
  const std::uint64_t more = total > dropped_ ? total - dropped_ : 0;
  dropped_ = std::max(dropped_, total);
  return more;
}

}  // namespace millwright::connectors
