#include "protocol/sparkplug_session.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "protocol/sparkplug_structure.hpp"

namespace millwright::protocol::sparkplug {

core::Status Session::take(const Topic& topic, std::string_view bytes, core::TimeNs now, core::TimeNs received) {
  if (topic.type == MessageType::kNCmd || topic.type == MessageType::kDCmd) return {};  // a host's, not a node's
  const auto payload = decode(bytes, options_.unpacked_bytes_max);
  if (!payload) {
    pass_over(topic, bytes);
    return core::unexpected(payload.error());
  }
  if (topic.type == MessageType::kNDeath) {
    take_death(*payload, now);
    return {};
  }
  if (!payload->sequence || *payload->sequence > UINT8_MAX) {
    return core::unexpected(core::ErrorCode::kInvalid, "no sequence number from 0 to 255");
  }
  const auto sequence = static_cast<std::uint8_t>(*payload->sequence);
  const bool in_order = alive_ && sequence == expected_;
  const bool again = repeats(sequence, bytes);
  if (again && !in_order && topic.type != MessageType::kNBirth) {
    ++repeated_;
  } else if (topic.type == MessageType::kNBirth) {
    take_birth(*payload, now, received);
    expected_ = static_cast<std::uint8_t>(sequence + 1);
  } else if (!alive_) {
    if (topic.type == MessageType::kNData || topic.type == MessageType::kDData) {
      take_data(topic.device, *payload, now, received);
    }
    want_rebirth(now);
  } else if (in_order) {
    take_in_order(topic.type, topic.device, *payload, now, received);
    release(now);
  } else {
    hold(topic, sequence, bytes, now, received);
  }
  return {};
}

// What cannot be read has come all the same: it leaves no gap. What is compressed need not say its number outside.
void Session::pass_over(const Topic& topic, std::string_view bytes) {
  if (!alive_ || topic.type == MessageType::kNDeath || topic.type == MessageType::kNBirth) return;
  const Envelope envelope = envelope_of(bytes);
  const bool next = envelope.sequence ? envelope.sequence == expected_ : envelope.compressed && held_.empty();
  if (next) ++expected_;
}

// Byte for byte the last one of this number; two that say when they were sent are never the same.
bool Session::repeats(std::uint8_t sequence, std::string_view payload) {
  const std::size_t hash = std::hash<std::string_view>()(payload);
  return std::exchange(seen_[sequence], hash) == hash;
}

void Session::take_birth(const Payload& payload, core::TimeNs now, core::TimeNs received) {
  take_held(now);  // of what was before
  alive_ = true;
  birth_ = birth_sequence(payload);
  waiting_ = false;  // but when it was asked still counts: what it is asked for may be what its births do not say
  // What its devices were ends here; they are to follow.
  for (auto& [name, device] : devices_) {
    const bool was_alive = std::exchange(device.alive, false);
    if (was_alive && !name.empty()) device.awaited = now + options_.reorder;
  }
  give_birth("", payload, received);
}

// A will of an older session may come after the birth of the next.
void Session::take_death(const Payload& payload, core::TimeNs now) {
  const auto number = birth_sequence(payload);
  if (!alive_ || (birth_ && number && number != birth_)) return;
  end_life(now);
  waiting_ = false;
  events_.dead("");
}

void Session::take_in_order(MessageType type, std::string_view name, const Payload& payload, core::TimeNs now,
                            core::TimeNs received) {
  ++expected_;
  if (type == MessageType::kDBirth) return give_birth(name, payload, received);
  if (type != MessageType::kDDeath) return take_data(name, payload, now, received);
  const auto found = devices_.find(name);
  if (found == devices_.end() || !(found->second.alive || found->second.awaited)) return;
  found->second.alive = false;
  found->second.awaited.reset();
  events_.dead(name);
}

void Session::give_birth(std::string_view name, const Payload& payload, core::TimeNs received) {
  Device& device = devices_[std::string(name)];
  device = {};
  device.alive = true;
  learn(device, payload);
  events_.born(name, payload);
  const core::TimeNs time = payload.time.value_or(received);
  for (const Metric& metric : payload.metrics) {
    if (metric.name.empty()) continue;
    events_.update({name, metric.name, metric.type, metric, metric.time.value_or(time), true});
  }
}

void Session::learn(Device& device, const Payload& payload) {
  for (const Metric& metric : payload.metrics) {
    if (metric.name.empty() || device.types.size() >= kAliasesMax) continue;
    device.types.emplace(metric.name, metric.type);
    if (metric.alias) device.aliases[*metric.alias] = {std::string(metric.name), metric.type};
    if (metric.content != Metric::Content::kTemplate) continue;
    static_cast<void>(for_each_part(metric.name, metric, metric.type, [&](const Part& part) {
      if (device.parts.size() < kAliasesMax) device.parts.emplace(part.name, part.type);
    }));
  }
}

void Session::take_data(std::string_view name, const Payload& payload, core::TimeNs now, core::TimeNs received) {
  static const Device kUnborn;
  const auto found = devices_.find(name);
  const bool born = alive_ && found != devices_.end() && found->second.alive;
  const Device& device = born ? found->second : kUnborn;
  const core::TimeNs time = payload.time.value_or(received);
  bool unknown = !born;
  for (const Metric& metric : payload.metrics) {
    std::string_view metric_name = metric.name;
    DataType type = metric.type;
    if (metric_name.empty()) {
      const auto known = metric.alias ? device.aliases.find(*metric.alias) : device.aliases.end();
      if (known != device.aliases.end()) metric_name = known->second.name;
      if (known != device.aliases.end() && type == DataType::kUnknown) type = known->second.type;
    } else if (type == DataType::kUnknown) {
      const auto known = device.types.find(std::string(metric_name));
      if (known != device.types.end()) type = known->second;
    }
    if (metric_name.empty() || type == DataType::kUnknown) {
      ++dropped_;
      unknown = true;
      continue;
    }
    events_.update({name, metric_name, type, metric, metric.time.value_or(time), false, !born});
  }
  if (unknown) want_rebirth(now);
}

// ---- order ----------------------------------------------------------------------------------------------------------

void Session::hold(const Topic& topic, std::uint8_t sequence, std::string_view payload, core::TimeNs now,
                   core::TimeNs received) {
  if (held_.empty()) gap_since_ = now;
  held_bytes_ += payload.size();
  Held held{topic.type, std::string(topic.device), std::string(payload), received};
  const bool placed = held_.try_emplace(sequence, std::move(held)).second;
  if (placed && held_.size() < kHeldMax && held_bytes_ < kHeldBytesMax) return;
  give_up_gap(now);
  if (placed) return;
  // The numbers have come round.
  if (const auto read = decode(payload, options_.unpacked_bytes_max))
    take_in_order(topic.type, topic.device, *read, now, received);
  expected_ = static_cast<std::uint8_t>(sequence + 1);
}

void Session::release(core::TimeNs now) {
  for (auto next = held_.find(expected_); next != held_.end(); next = held_.find(expected_)) {
    const Held held = std::move(next->second);
    held_.erase(next);
    held_bytes_ -= held.payload.size();
    gap_since_ = now;
    if (const auto payload = decode(held.payload, options_.unpacked_bytes_max)) {
      take_in_order(held.type, held.device, *payload, now, held.received);
    }
  }
}

// A birth or death may be among what is missing, so the node is asked; what waited is true all the same.
void Session::give_up_gap(core::TimeNs now) {
  take_held(now);
  want_rebirth(now);
}

void Session::take_held(core::TimeNs now) {
  while (!held_.empty()) {
    const auto ahead = [this](const auto& one) { return static_cast<std::uint8_t>(one.first - expected_); };
    const auto next =
        std::min_element(held_.begin(), held_.end(), [&](const auto& a, const auto& b) { return ahead(a) < ahead(b); });
    missing_ += ahead(*next);
    expected_ = next->first;
    release(now);
  }
  held_bytes_ = 0;
}

void Session::tick(core::TimeNs now) {
  for (auto& [name, device] : devices_) {
    if (!device.awaited || now < *device.awaited) continue;
    device.awaited.reset();
    events_.dead(name);
  }
  if (!held_.empty() && now - gap_since_ >= options_.reorder) give_up_gap(now);
  if (waiting_ && now - *asked_ >= pause_) ask(now);
}

void Session::forget(core::TimeNs now) {
  end_life(now);
  asked_.reset();
  troubled_.reset();
  pause_ = 0;
  waiting_ = false;
}

void Session::end_life(core::TimeNs now) {
  take_held(now);
  alive_ = false;
  for (auto& [name, device] : devices_) {
    device.alive = false;
    device.awaited.reset();
  }
}

void Session::want_rebirth(core::TimeNs now) {
  if (troubled_ && now - *troubled_ >= std::max(kCalm, pause_)) asked_.reset();
  troubled_ = now;
  waiting_ = asked_ && now - *asked_ < pause_;
  if (!waiting_) ask(now);
}

void Session::ask(core::TimeNs now) {
  const core::DurationNs longest = std::max(kRebirthPauseMax, options_.rebirth_every);
  pause_ = asked_ ? std::min(pause_ * 2, longest) : options_.rebirth_every;
  asked_ = now;
  waiting_ = false;
  events_.ask_rebirth();
}

std::optional<DataType> Session::type_of(std::string_view device, const std::string& metric) const {
  const auto found = devices_.find(device);
  if (!alive_ || found == devices_.end() || !found->second.alive) return std::nullopt;
  const auto type = found->second.types.find(metric);
  return type != found->second.types.end() ? std::optional(type->second) : std::nullopt;
}

DataType Session::type_of_part(std::string_view device, const std::string& part) const {
  const auto found = devices_.find(device);
  if (found == devices_.end()) return DataType::kUnknown;
  const auto type = found->second.parts.find(part);
  return type != found->second.parts.end() ? type->second : DataType::kUnknown;
}

}  // namespace millwright::protocol::sparkplug
