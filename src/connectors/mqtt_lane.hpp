// MqttLane: turns JSON messages, and chunks of waveforms, into readings.
//
// A message that comes again (its bytes on its topic, where it carries a time, a sequence or an id of its own) is left
// out, as long as it is among the last kRemembered. What cannot be used is counted and told; the rest flows.
//
// A command is a message on the topic that is its address; the device answers with the command's id on the topic that
// the message names, one of this connector alone. Nothing is sent twice.
//
// Threads: one at a time. Limits: what topics mean is remembered for kTopicsKnownMax of them, then learnt anew.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "connectors/mqtt_feed.hpp"
#include "connectors/mqtt_options.hpp"
#include "connectors/mqtt_targets.hpp"
#include "connectors/recent_keys.hpp"
#include "protocol/uns_json.hpp"
#include "protocol/waveform.hpp"

namespace millwright::connectors {

class MqttLane final : public MqttFeed {
 public:
  static constexpr std::size_t kRemembered = 65536;
  static constexpr std::size_t kTopicsKnownMax = 65536;
  static constexpr std::size_t kFieldsKnownMax = 1024;  // of a topic
  static constexpr core::DurationNs kWaveformPatience = core::kMinute;

  // `source` is the connector's name.
  MqttLane(const MqttClientOptions& options, const ConnectorContext& context, const std::string& source);

  ValueLane& lane() override { return lane_; }
  [[nodiscard]] std::vector<std::string> filters() const override;
  mqtt::Presence presence() override { return {.topic = options_.status_topic}; }
  void take(const mqtt::Received& message) override;
  void turn(mqtt::Subscriber& broker) override;
  void lost() override { lane_.say(targets_.sensors(), core::kBadNoCommunication); }
  // What a command is on the wire; the number is the queue's.
  [[nodiscard]] core::Result<std::string> command_payload(std::uint64_t ticket, const asset::Command& command,
                                                          std::span<const asset::CommandValue> values) const;

 private:
  struct Topic {
    std::unordered_map<std::string, std::vector<const asset::Sensor*>> fields;
    std::optional<std::uint64_t> sequence;  // of the last message
  };

  Topic& known(std::string_view topic);
  const std::vector<const asset::Sensor*>& targets_of(Topic& known, std::string_view topic, const std::string& field);
  void take_answer(const mqtt::Received& message);
  [[nodiscard]] std::string command_id(std::uint64_t ticket) const;
  void take_json(const mqtt::Received& message, core::TimeNs received);
  void take_waveform(const mqtt::Received& message, core::TimeNs received);
  void expire();
  bool repeats(const mqtt::Received& message, const protocol::UnsMessage& parsed);
  void count_gap(Topic& topic, const protocol::UnsMessage& parsed);
  void take_reading(const protocol::UnsReading& reading, const asset::Sensor& sensor, std::string_view topic,
                    core::TimeNs received);

  const MqttClientOptions options_;
  io::Clock& clock_;
  const MqttTargets targets_;
  const std::string answer_topic_;  // "": nothing here takes commands
  const core::TimeNs begun_;        // in the ids of commands, so that none comes again after a restart
  ValueLane lane_;
  protocol::WaveformAssembler waveforms_;
  core::TimeNs expired_ = 0;
  core::Counter& repeated_;
  core::Counter& gaps_;
  core::Counter& retained_;
  core::Counter& whole_;

  std::unordered_map<std::string, Topic> topics_;
  RecentKeys remembered_{kRemembered};
};

}  // namespace millwright::connectors
