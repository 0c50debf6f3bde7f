#include "protocol/sparkplug_edge.hpp"

#include <algorithm>
#include <utility>

#include "core/assert.hpp"

namespace millwright::protocol::sparkplug {
namespace {

constexpr std::uint64_t kBirthsMax = 256;  // bdSeq counts around

Value view(const EdgeValue& value) {
  return std::visit([](const auto& one) -> Value { return one; }, value);
}

Metric birth_metric(std::uint64_t number) {
  return {.name = kBirthSequence, .type = DataType::kUInt64, .value = number};
}

}  // namespace

EdgeNode::EdgeNode(Name name, std::vector<EdgeDevice> devices, std::uint64_t birth_sequence)
    : name_(std::move(name)), birth_sequence_(birth_sequence % kBirthsMax) {
  for (EdgeDevice& device : devices) {
    for (EdgeMetric& metric : device.metrics) {
      metrics_.push_back({.device = devices_.size(), .metric = std::move(metric), .value = {}, .time = {}});
    }
    devices_.push_back(std::move(device.name));
  }
}

EdgeMessage EdgeNode::will(core::TimeNs now) {
  if (std::exchange(begun_, true)) birth_sequence_ = (birth_sequence_ + 1) % kBirthsMax;
  Payload death{.time = now, .sequence = {}, .metrics = {birth_metric(birth_sequence_)}};
  return {to_string({.group = name_.group, .type = MessageType::kNDeath, .node = name_.node}), encode(death)};
}

std::vector<EdgeMessage> EdgeNode::births(core::TimeNs now) {
  sequence_ = 0;
  Payload node{.time = now, .sequence = {}, .metrics = {birth_metric(birth_sequence_)}};
  node.metrics.push_back({.name = kRebirth, .time = now, .type = DataType::kBoolean, .value = false});
  std::vector<EdgeMessage> out;
  out.push_back(message(MessageType::kNBirth, {}, std::move(node)));
  std::size_t next = 0;
  for (std::size_t device = 0; device < devices_.size(); ++device) {
    Payload birth{.time = now, .sequence = {}, .metrics = {}};
    for (; next < metrics_.size() && metrics_[next].device == device; ++next) {
      const Known& known = metrics_[next];
      birth.metrics.push_back({.name = known.metric.name,
                               .alias = next + 1,
                               .time = known.time,
                               .type = known.metric.type,
                               .value = view(known.value)});
    }
    out.push_back(message(MessageType::kDBirth, devices_[device], std::move(birth)));
  }
  return out;
}

void EdgeNode::know(std::uint64_t alias, EdgeValue value, core::TimeNs time) {
  ASSERT(alias >= 1 && alias <= metrics_.size(), "no metric has this alias");
  Known& known = metrics_[alias - 1];
  if (known.time && time < *known.time) return;
  known.value = std::move(value);
  known.time = time;
}

void EdgeNode::put(std::uint64_t alias, EdgeValue value, core::TimeNs time, When when) {
  know(alias, value, time);
  (when == When::kLive ? live_ : historical_).push_back({alias, std::move(value), time});
}

std::vector<EdgeMessage> EdgeNode::data(core::TimeNs now) {
  std::vector<EdgeMessage> out;
  put_data(historical_, true, now, out);
  put_data(live_, false, now, out);
  return out;
}

// In the order in which they were put; a message is of one device.
void EdgeNode::put_data(std::vector<Reading>& readings, bool historical, core::TimeNs now,
                        std::vector<EdgeMessage>& out) {
  std::stable_sort(readings.begin(), readings.end(), [this](const Reading& a, const Reading& b) {
    return metrics_[a.alias - 1].device < metrics_[b.alias - 1].device;
  });
  for (auto next = readings.begin(); next != readings.end();) {
    const std::size_t device = metrics_[next->alias - 1].device;
    Payload payload{.time = now, .sequence = {}, .metrics = {}};
    for (; next != readings.end() && payload.metrics.size() < kDataMetricsMax; ++next) {
      const Known& known = metrics_[next->alias - 1];
      if (known.device != device) break;
      payload.metrics.push_back({.alias = next->alias,
                                 .time = next->time,
                                 .type = known.metric.type,
                                 .historical = historical,
                                 .value = view(next->value)});
    }
    out.push_back(message(MessageType::kDData, devices_[device], std::move(payload)));
  }
  readings.clear();
}

EdgeMessage EdgeNode::message(MessageType type, std::string_view device, Payload payload) {
  payload.sequence = sequence_++;
  return {to_string({.group = name_.group, .type = type, .node = name_.node, .device = device}), encode(payload)};
}

std::string EdgeNode::command_topic() const {
  return to_string({.group = name_.group, .type = MessageType::kNCmd, .node = name_.node});
}

bool EdgeNode::wants_rebirth(std::string_view topic, std::string_view payload) const {
  if (topic != command_topic()) return false;
  const auto command = decode(payload);
  if (!command) return false;
  return std::any_of(command->metrics.begin(), command->metrics.end(), [](const Metric& metric) {
    return metric.name == kRebirth && interpret(metric.value, DataType::kBoolean) == Value(true);
  });
}

}  // namespace millwright::protocol::sparkplug
