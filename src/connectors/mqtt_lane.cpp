#include "connectors/mqtt_lane.hpp"

#include <algorithm>
#include <charconv>
#include <functional>

#include <fmt/format.h>

#include "protocol/uns_command.hpp"

namespace millwright::connectors {
namespace {

using core::TimeNs;
using protocol::UnsMessage;
using protocol::UnsReading;

constexpr std::size_t kShownBytes = 200;  // of a field

LaneValue to_lane(const protocol::UnsValue& value) {
  return std::visit([](const auto& one) -> LaneValue { return one; }, value);
}

core::Counter& counter(const ConnectorContext& context, const std::string& source, const char* name, const char* help) {
  return context.metrics.counter(name, help, {{"connector", source}});
}

bool takes_commands(const asset::Model& model, const std::string& connector) {
  const auto machines = model.machines();
  return std::any_of(machines.begin(), machines.end(), [&](const asset::Machine& machine) {
    return std::any_of(machine.commands.begin(), machine.commands.end(),
                       [&](const asset::Command& command) { return command.target.connector == connector; });
  });
}

}  // namespace

MqttLane::MqttLane(const MqttClientOptions& options, const ConnectorContext& context, const std::string& source)
    : options_(options),
      clock_(context.clock),
      targets_(context.model, source, options_.topics),
      answer_topic_(takes_commands(context.model, source) ? "millwright/answers/" + options.link.broker.client_id : ""),
      begun_(context.clock.now()),
      lane_(context, source, options.link.future_limit, "mqtt"),
      repeated_(
          counter(context, source, "millwright_mqtt_repeated_total", "Messages that came again and were left out")),
      gaps_(counter(context, source, "millwright_mqtt_missing_total",
                    "Messages that never came, by the sequence numbers of their topics")),
      retained_(counter(context, source, "millwright_mqtt_retained_total",
                        "Retained messages without a time of their own, which nobody can date; left out")),
      whole_(counter(context, source, "millwright_mqtt_waveforms_total", "Waveforms that came whole")) {}

std::vector<std::string> MqttLane::filters() const {
  std::vector<std::string> filters;
  for (const protocol::TopicPattern& topic : options_.topics) {
    filters.push_back(options_.share.empty() ? topic.filter()
                                             : fmt::format("$share/{}/{}", options_.share, topic.filter()));
  }
  if (!answer_topic_.empty()) filters.push_back(answer_topic_);
  return filters;
}

void MqttLane::take(const mqtt::Received& message) {
  if (!answer_topic_.empty() && message.topic == answer_topic_) return take_answer(message);
  const TimeNs received = clock_.now();
  if (protocol::is_waveform(message.payload)) return take_waveform(message, received);
  take_json(message, received);
}

void MqttLane::take_json(const mqtt::Received& message, TimeNs received) {
  const auto parsed = protocol::parse_uns(message.payload, options_.time_unit);
  if (!parsed) return lane_.refuse(Refusal::kMalformed, message.topic, parsed.error().message);
  if (repeats(message, *parsed)) return repeated_.Increment();
  Topic& topic = known(message.topic);
  count_gap(topic, *parsed);
  if (parsed->problem_count != 0) {
    lane_.refuse(Refusal::kMalformed, message.topic, parsed->problems.front(), parsed->problem_count);
  }
  for (const UnsReading& reading : parsed->readings) {
    if (message.retained && !reading.time) {
      retained_.Increment();
      continue;
    }
    const auto& sensors = targets_of(topic, message.topic, reading.field);
    if (sensors.empty()) {
      lane_.refuse(Refusal::kUnknownAddress, message.topic,
                   reading.field.empty()
                       ? "no sensor has this topic"
                       : fmt::format("no sensor has the field '{}'", reading.field.substr(0, kShownBytes)));
    }
    for (const asset::Sensor* sensor : sensors) take_reading(reading, *sensor, message.topic, received);
  }
}

void MqttLane::take_reading(const UnsReading& reading, const asset::Sensor& sensor, std::string_view topic,
                            TimeNs received) {
  const bool fits = lane_.put(sensor, {.value = to_lane(reading.value),
                                       .quality = reading.quality,
                                       .time = reading.time.value_or(received),
                                       .received = received});
  if (fits) return;
  lane_.refuse(Refusal::kWrongType, topic,
               fmt::format("'{}' does not fit into {}, which is {}", reading.field.substr(0, kShownBytes), sensor.path,
                           to_string(sensor.type)));
}

void MqttLane::take_waveform(const mqtt::Received& message, TimeNs received) {
  const auto& sensors = targets_of(known(message.topic), message.topic, "");
  if (sensors.empty()) {
    return lane_.refuse(Refusal::kUnknownAddress, message.topic, "a waveform, and no sensor has this topic");
  }
  const std::uint64_t before = waveforms_.repeated();
  const auto taken = waveforms_.take(message.topic, message.payload, clock_.monotonic());
  repeated_.Increment(static_cast<double>(waveforms_.repeated() - before));
  if (!taken) return lane_.refuse(Refusal::kMalformed, message.topic, "waveform: " + taken.error().message);
  if (!*taken) return;
  whole_.Increment();
  for (const asset::Sensor* sensor : sensors) {
    if (lane_.put_wave(*sensor, **taken, received)) continue;
    lane_.refuse(Refusal::kWrongType, message.topic,
                 fmt::format("a waveform does not fit into {}, which is {}", sensor->path, to_string(sensor->type)));
  }
}

void MqttLane::turn(mqtt::Subscriber& broker) {
  expire();
  commands().send([&](std::uint64_t ticket, const asset::Command& command, auto values) -> core::Status {
    const auto payload = command_payload(ticket, command, values);
    if (!payload) return core::unexpected(payload.error());
    return broker.publish(command.target.address, *payload);
  });
}

// ---- commands -------------------------------------------------------------------------------------------------------

std::string MqttLane::command_id(std::uint64_t ticket) const {
  return fmt::format("{:x}-{}", begun_, ticket);
}

core::Result<std::string> MqttLane::command_payload(std::uint64_t ticket, const asset::Command& command,
                                                    std::span<const asset::CommandValue> values) const {
  const std::string& topic = command.target.address;
  if (topic.empty() || topic.find_first_of("+#") != std::string::npos) {
    return core::unexpected(core::ErrorCode::kInvalid, fmt::format("'{}' is no topic that can be written to", topic));
  }
  protocol::UnsCommand out{
      .id = command_id(ticket), .name = command.name, .answer_topic = answer_topic_, .time = clock_.now()};
  for (std::size_t i = 0; i < values.size(); ++i) out.arguments.emplace_back(command.arguments[i].name, values[i]);
  if (values.empty() && command.value) out.arguments.emplace_back("value", *command.value);
  return protocol::encode_uns_command(out);
}

void MqttLane::take_answer(const mqtt::Received& message) {
  if (message.retained) return;  // of a command long ago
  const auto answer = protocol::parse_uns_answer(message.payload);
  if (!answer) return lane_.refuse(Refusal::kMalformed, message.topic, answer.error().message);
  std::uint64_t ticket = 0;
  const std::string_view id = answer->id;
  const std::size_t dash = id.rfind('-');
  if (dash != std::string_view::npos) std::from_chars(id.data() + dash + 1, id.data() + id.size(), ticket);
  if (answer->id != command_id(ticket)) return;  // of an earlier run: nobody waits for it
  if (answer->good) {
    commands().settle(ticket, answer->result);
  } else {
    commands().settle(ticket, core::unexpected(core::ErrorCode::kConflict,
                                               answer->result.empty() ? "the device refused"
                                                                      : "the device refused: " + answer->result));
  }
}

// Waveforms that will not become whole.
void MqttLane::expire() {
  const TimeNs now = clock_.monotonic();
  if (now - expired_ < core::kSecond) return;
  expired_ = now;
  for (const std::string& what : waveforms_.expire(now - kWaveformPatience)) {
    lane_.refuse(Refusal::kMalformed, "waveform", what);
  }
}

// ---- what topics mean, and what was there before --------------------------------------------------------------------

MqttLane::Topic& MqttLane::known(std::string_view topic) {
  auto found = topics_.find(std::string(topic));
  if (found != topics_.end()) return found->second;
  if (topics_.size() >= kTopicsKnownMax) topics_.clear();  // a sender that makes up topics must not fill the memory
  return topics_[std::string(topic)];
}

const std::vector<const asset::Sensor*>& MqttLane::targets_of(Topic& known, std::string_view topic,
                                                              const std::string& field) {
  const auto found = known.fields.find(field);
  if (found != known.fields.end()) return found->second;
  if (known.fields.size() >= kFieldsKnownMax) known.fields.clear();
  return known.fields[field] = targets_.find(topic, field);
}

bool MqttLane::repeats(const mqtt::Received& message, const UnsMessage& parsed) {
  const bool dated = std::any_of(parsed.readings.begin(), parsed.readings.end(),
                                 [](const UnsReading& reading) { return reading.time.has_value(); });
  if (!dated && parsed.id.empty() && !parsed.sequence) return false;
  const std::hash<std::string_view> hash;
  const std::uint64_t key = hash(message.payload) * 0x9E3779B97F4A7C15 ^ hash(message.topic);
  return !remembered_.insert(key);
}

// A sequence that goes back is a sender that has begun anew.
void MqttLane::count_gap(Topic& topic, const UnsMessage& parsed) {
  if (!parsed.sequence) return;
  if (topic.sequence && *parsed.sequence > *topic.sequence + 1) {
    gaps_.Increment(static_cast<double>(*parsed.sequence - *topic.sequence - 1));
  }
  topic.sequence = parsed.sequence;
}

}  // namespace millwright::connectors
