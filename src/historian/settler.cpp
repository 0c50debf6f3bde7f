#include "historian/settler.hpp"

namespace millwright::historian {

using core::MutexLock;

void Settler::saw(SourceKey source, pipeline::LanePosition recovered) {
  MutexLock lock(mutex_);
  durable_.emplace(source, recovered);
}

void Settler::recorded(journal::Sequence sequence, std::vector<Lane> lanes, Receipts receipts) {
  if (lanes.empty() && receipts.empty()) return;
  MutexLock lock(mutex_);
  waiting_.push_back({sequence, std::move(lanes), std::move(receipts)});
}

void Settler::on_durable(journal::Sequence durable) {
  Receipts settled;
  {
    MutexLock lock(mutex_);
    while (!waiting_.empty() && waiting_.front().sequence <= durable) {
      Waiting& first = waiting_.front();
      for (const Lane& lane : first.lanes) durable_[lane.source] = lane.position;
      for (auto& receipt : first.receipts) settled.push_back(std::move(receipt));
      waiting_.pop_front();
    }
  }
  for (const auto& receipt : settled) receipt->settle();
}

std::optional<pipeline::LanePosition> Settler::position(SourceKey source) const {
  MutexLock lock(mutex_);
  const auto found = durable_.find(source);
  return found != durable_.end() ? std::optional(found->second) : std::nullopt;
}

}  // namespace millwright::historian
