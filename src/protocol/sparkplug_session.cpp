#include "protocol/sparkplug_session.hpp"

namespace millwright::protocol::sparkplug {
namespace {

constexpr std::string_view kBirthSequence = "bdSeq";
constexpr std::uint8_t kHalf = 128;  // further ahead than this is behind

std::optional<std::uint64_t> birth_sequence(const Payload& payload) {
  for (const Metric& metric : payload.metrics) {
    if (metric.name != kBirthSequence) continue;
    if (const auto* number = std::get_if<std::uint64_t>(&metric.value)) return *number;
  }
  return std::nullopt;
}

}  // namespace

bool Session::take(const Topic& topic, std::string_view bytes, core::TimeNs now, core::TimeNs received) {
  const auto payload = decode(bytes);
  if (!payload) return false;
  if (topic.type == MessageType::kNCmd || topic.type == MessageType::kDCmd) return true;  // a host's, not a node's
  if (topic.type == MessageType::kNDeath) return take_death(*payload), true;
  if (!payload->sequence || *payload->sequence > UINT8_MAX) return false;
  const auto sequence = static_cast<std::uint8_t>(*payload->sequence);
  if (topic.type == MessageType::kNBirth) {
    take_birth(*payload, received);
    expected_ = static_cast<std::uint8_t>(sequence + 1);
    return true;
  }
  if (!alive_) {
    ++dropped_;
    want_rebirth(now);
    return true;
  }
  if (sequence != expected_) {
    const auto ahead = static_cast<std::uint8_t>(sequence - expected_);
    if (ahead >= kHalf || held_.size() >= kHeldMax) {
      ++dropped_;  // of before the gap was given up, or twice
      return true;
    }
    if (held_.empty()) gap_since_ = now;
    held_.try_emplace(sequence, Held{topic.type, std::string(topic.device), std::string(bytes), received});
    return true;
  }
  take_in_order(topic.type, topic.device, *payload, now, received);
  release(now);
  return true;
}

void Session::take_birth(const Payload& payload, core::TimeNs received) {
  alive_ = true;
  birth_ = birth_sequence(payload);
  asked_.reset();
  held_.clear();
  // A birth of the node is the end of what its devices were, until their own.
  for (auto& [name, device] : devices_) {
    if (!name.empty() && device.alive) events_.dead(name);
    device = {};
  }
  Device& node = devices_[""];
  node.alive = true;
  learn(node, payload);
  give("", node, payload, received);
}

// A will of an older session may come after the birth of the next.
void Session::take_death(const Payload& payload) {
  if (!alive_ || (birth_ && birth_sequence(payload) != birth_)) return;
  forget();
  events_.dead("");
}

void Session::take_in_order(MessageType type, std::string_view name, const Payload& payload, core::TimeNs now,
                            core::TimeNs received) {
  ++expected_;
  if (type == MessageType::kDBirth) {
    Device& device = devices_[std::string(name)];
    device = {};
    device.alive = true;
    learn(device, payload);
    return give(name, device, payload, received);
  }
  const auto found = devices_.find(name);
  if (type == MessageType::kDDeath) {
    if (found == devices_.end() || !found->second.alive) return;
    found->second.alive = false;
    return events_.dead(name);
  }
  if (found == devices_.end() || !found->second.alive) {
    ++dropped_;
    return want_rebirth(now);
  }
  give(name, found->second, payload, received);
}

void Session::learn(Device& device, const Payload& payload) {
  for (const Metric& metric : payload.metrics) {
    if (metric.name.empty()) continue;
    device.types.emplace(metric.name, metric.type);
    if (metric.alias && device.aliases.size() < kAliasesMax) {
      device.aliases[*metric.alias] = {std::string(metric.name), metric.type};
    }
  }
}

void Session::give(std::string_view name, Device& device, const Payload& payload, core::TimeNs received) {
  const core::TimeNs time = payload.time.value_or(received);
  for (const Metric& metric : payload.metrics) {
    std::string_view metric_name = metric.name;
    DataType type = metric.type;
    if (metric_name.empty()) {
      const auto known = metric.alias ? device.aliases.find(*metric.alias) : device.aliases.end();
      if (known == device.aliases.end()) {
        ++dropped_;
        continue;
      }
      metric_name = known->second.name;
      if (type == DataType::kUnknown) type = known->second.type;
    } else if (type == DataType::kUnknown) {
      const auto known = device.types.find(std::string(metric_name));
      if (known != device.types.end()) type = known->second;
    }
    events_.update({name, metric_name, type, metric, metric.time.value_or(time)});
  }
}

void Session::release(core::TimeNs now) {
  for (auto next = held_.find(expected_); next != held_.end(); next = held_.find(expected_)) {
    const Held held = std::move(next->second);
    held_.erase(next);
    gap_since_ = now;
    if (const auto payload = decode(held.payload)) {
      take_in_order(held.type, held.device, *payload, now, held.received);
    }
  }
}

void Session::tick(core::TimeNs now) {
  if (held_.empty() || now - gap_since_ < options_.reorder) return;
  // What waited is of no use without what is missing: a birth or death may be among that.
  dropped_ += held_.size();
  forget();
  events_.dead("");
  want_rebirth(now);
}

void Session::forget() {
  alive_ = false;
  held_.clear();
  for (auto& [name, device] : devices_) device.alive = false;
}

void Session::want_rebirth(core::TimeNs now) {
  if (asked_ && now - *asked_ < options_.rebirth_every) return;
  asked_ = now;
  events_.ask_rebirth();
}

}  // namespace millwright::protocol::sparkplug
