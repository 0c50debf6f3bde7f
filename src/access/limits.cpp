#include "access/limits.hpp"

#include <algorithm>

namespace millwright::access {

LoginGuard::Tries& LoginGuard::Table::at(const std::string& who) {
  if (const auto found = by_who.find(who); found != by_who.end()) {
    order.splice(order.begin(), order, found->second);
    return order.front();
  }
  if (order.size() >= kTriedMax) {
    by_who.erase(order.back().who);
    order.pop_back();
  }
  order.push_front({.who = who});
  by_who[who] = order.begin();
  return order.front();
}

void LoginGuard::count(Tries& tries, int free, core::TimeNs now) {
  // After a day without a try the slate is clean.
  if (now - tries.last > 24 * core::kHour) tries.wrong = 0;
  tries.last = now;
  ++tries.wrong;
  if (tries.wrong < free) return;
  const int doubled = std::min(tries.wrong - free, 20);
  tries.next = now + std::min(kLongest, core::kSecond << doubled);
}

core::DurationNs LoginGuard::begin(const std::string& name, const std::string& address) {
  core::MutexLock lock(mutex_);
  const core::TimeNs now = clock_.monotonic();
  Tries& by_name = names_.at(name);
  Tries& by_address = addresses_.at(address);
  const core::DurationNs wait = std::max(by_name.next, by_address.next) - now;
  if (wait > 0) return wait;
  count(by_name, kFree, now);
  count(by_address, kFreeOfAddress, now);
  return 0;
}

void LoginGuard::passed(const std::string& name, const std::string& address) {
  core::MutexLock lock(mutex_);
  Tries& by_name = names_.at(name);
  by_name.wrong = 0;
  by_name.next = 0;
  Tries& by_address = addresses_.at(address);
  by_address.wrong = std::max(0, by_address.wrong - 1);  // this try was none
  if (by_address.wrong < kFreeOfAddress) by_address.next = 0;
}

void ReadLimiter::forget_full(Shard& shard, core::TimeNs now) {
  // A bucket that would be full by now says no more than none.
  std::erase_if(shard.buckets, [&](const auto& entry) { return now - entry.second.filled > core::kSecond; });
}

std::optional<core::DurationNs> ReadLimiter::take(std::string_view principal, double cost) {
  if (per_second_ <= 0) return std::nullopt;
  const std::string who(principal);
  Shard& shard = shards_[std::hash<std::string>{}(who) % shards_.size()];
  const core::TimeNs now = clock_.monotonic();
  core::MutexLock lock(shard.mutex);
  if (shard.buckets.size() >= kPrincipalsMax / shards_.size()) forget_full(shard, now);
  const auto [at, fresh] = shard.buckets.try_emplace(who, Bucket{per_second_, now});
  Bucket& bucket = at->second;
  const double gained = static_cast<double>(now - bucket.filled) * 1e-9 * per_second_;
  bucket.tokens = std::min(per_second_, bucket.tokens + std::max(0.0, gained));
  bucket.filled = now;
  const double needed = std::min(cost, per_second_);  // a dear read must be possible at all
  if (bucket.tokens >= needed) {
    bucket.tokens -= needed;
    return std::nullopt;
  }
  return static_cast<core::DurationNs>((needed - bucket.tokens) / per_second_ * 1e9) + 1;
}

}  // namespace millwright::access
