#include "connectors/mqtt_lane.hpp"

#include <algorithm>
#include <cstring>
#include <functional>

#include <fmt/format.h>

#include "connectors/reading_bits.hpp"
#include "core/log.hpp"
#include "core/text.hpp"

namespace millwright::connectors {
namespace {

using core::TimeNs;
using core::ValueType;
using protocol::UnsMessage;
using protocol::UnsReading;
using protocol::UnsValue;

constexpr core::DurationNs kTellEvery = core::kSecond;
constexpr std::size_t kShownBytes = 200;  // of a topic

std::optional<std::uint64_t> state_named(const std::string& name, const asset::Sensor& sensor) {
  for (const auto& [code, known] : sensor.states) {
    if (known == name) return reading_bits(code, ValueType::kState);
  }
  return std::nullopt;
}

// What a payload's own bytes got into, for logs and JSON: characters that are none, and control characters, are '?'.
std::string readable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = core::utf8_length(text);
    const bool plain = size != 0 && static_cast<unsigned char>(text.front()) >= ' ';
    out += plain ? text.substr(0, size) : "?";
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return out;
}

core::Counter& counter(const ConnectorContext& context, const std::string& source, const char* name, const char* help) {
  return context.metrics.counter(name, help, {{"connector", source}});
}

}  // namespace

MqttLane::MqttLane(const MqttTargets& targets, const ConnectorContext& context, Intake& intake,
                   const std::string& source, protocol::UnsTime times)
    : targets_(targets),
      context_(context),
      intake_(intake),
      source_(source),
      times_(times),
      log_(core::logger("mqtt")),
      inlet_(context.pipeline, context.sources.add(source)),
      epoch_(new_epoch(context, context.sources.add(source))),
      repeated_(
          counter(context, source, "millwright_mqtt_repeated_total", "Messages that came again and were left out")),
      gaps_(counter(context, source, "millwright_mqtt_missing_total",
                    "Messages that never came, by the sequence numbers of their topics")),
      retained_(counter(context, source, "millwright_mqtt_retained_total",
                        "Retained messages without a time of their own, which nobody can date; left out")) {}

void MqttLane::take(const mqtt::Received& message) {
  const TimeNs received = context_.clock.now();
  const auto parsed = protocol::parse_uns(message.payload, times_);
  if (!parsed) return refuse(Refusal::kMalformed, message.topic, parsed.error().message);
  if (repeats(message, *parsed)) return repeated_.Increment();
  Topic& topic = known(message.topic);
  count_gap(topic, *parsed);
  if (parsed->problem_count != 0) {
    intake_.refuse(Refusal::kMalformed, parsed->problem_count - 1);
    refuse(Refusal::kMalformed, message.topic, parsed->problems.front());
  }
  for (const UnsReading& reading : parsed->readings) {
    if (message.retained && !reading.time) {
      retained_.Increment();
      continue;
    }
    const auto& sensors = targets_of(topic, message.topic, reading.field);
    if (sensors.empty()) {
      refuse(Refusal::kUnknownAddress, message.topic,
             reading.field.empty() ? "no sensor has this topic"
                                   : fmt::format("no sensor has the field '{}'", reading.field.substr(0, kShownBytes)));
    }
    for (const asset::Sensor* sensor : sensors) take_reading(reading, *sensor, message.topic, received);
  }
}

void MqttLane::take_reading(const UnsReading& reading, const asset::Sensor& sensor, std::string_view topic,
                            TimeNs received) {
  core::Quality quality = reading.quality;
  std::optional<std::uint64_t> bits = 0;
  if (std::holds_alternative<std::monostate>(reading.value)) {
    quality = quality.worse(core::kBadNoData);
  } else {
    bits = bits_of(reading.value, sensor);
  }
  if (!bits) {
    return refuse(Refusal::kWrongType, topic,
                  fmt::format("'{}' does not fit into {}, which is {}", reading.field.substr(0, kShownBytes),
                              sensor.path, to_string(sensor.type)));
  }
  core::BlockBatch& batch = inlet_.batch_for(sensor.id);
  core::Block& block = batch.add(sensor.id, sensor.type, 1, reading.time.value_or(received), 0, received);
  std::memcpy(block.values, &*bits, core::width(sensor.type));
  block.quality[0].quality = quality;
  intake_.inspect(batch, block);
}

std::optional<std::uint64_t> MqttLane::bits_of(const UnsValue& value, const asset::Sensor& sensor) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    if (sensor.type == ValueType::kState) return state_named(*text, sensor);
    if (sensor.type != ValueType::kText) return std::nullopt;
    const auto number = context_.texts.number(*text);
    return number ? std::optional(core::to_bits(*number)) : std::nullopt;
  }
  if (const auto* real = std::get_if<double>(&value)) return reading_bits(*real, sensor.type);
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return reading_bits(*whole, sensor.type);
  if (const auto* truth = std::get_if<bool>(&value)) return reading_bits(std::int64_t{*truth}, sensor.type);
  return std::nullopt;
}

bool MqttLane::submit(std::shared_ptr<core::Receipt> receipt) {
  return inlet_.submit(epoch_, ++sequence_, std::move(receipt));
}

void MqttLane::say(core::Quality quality) {
  const TimeNs now = context_.clock.now();
  for (const asset::Sensor* sensor : targets_.sensors()) {
    core::Block& block = inlet_.batch_for(sensor->id).add(sensor->id, sensor->type, 1, now, 0, now);
    const std::uint64_t last = context_.live.read(sensor->id).bits;
    std::memcpy(block.values, &last, core::width(sensor->type));
    block.quality[0].quality = quality;
  }
  inlet_.submit_status();
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
  if (!remembered_.insert(key).second) return true;
  order_.push_back(key);
  if (order_.size() > kRemembered) {
    remembered_.erase(order_.front());
    order_.pop_front();
  }
  return false;
}

// A sequence that goes back is a sender that has begun anew.
void MqttLane::count_gap(Topic& topic, const UnsMessage& parsed) {
  if (!parsed.sequence) return;
  if (topic.sequence && *parsed.sequence > *topic.sequence + 1) {
    gaps_.Increment(static_cast<double>(*parsed.sequence - *topic.sequence - 1));
  }
  topic.sequence = parsed.sequence;
}

void MqttLane::refuse(Refusal why, std::string_view topic, const std::string& what) {
  intake_.refuse(why);
  problem_ = readable(fmt::format("{}: {}", topic.substr(0, kShownBytes), what));
  const TimeNs now = context_.clock.monotonic();
  if (told_ != 0 && now - told_ < kTellEvery) return;
  told_ = now;
  log_->warn("{}: {}", source_, problem_);
}

}  // namespace millwright::connectors
