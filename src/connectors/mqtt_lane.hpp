// MqttLane: turns messages into readings and hands them to the pipeline, as one source.
//
// A message that comes again (its bytes on its topic, where it carries a time, a sequence or an id of its own) is left
// out, as long as it is among the last kRemembered. What cannot be used is counted and told; the rest flows.
//
// Threads: one at a time. Limits: what topics mean is remembered for kTopicsKnownMax of them, then learnt anew.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <spdlog/logger.h>

#include "connectors/connector.hpp"
#include "connectors/intake.hpp"
#include "connectors/mqtt_targets.hpp"
#include "mqtt/subscriber.hpp"
#include "protocol/uns_json.hpp"

namespace millwright::connectors {

class MqttLane {
 public:
  static constexpr std::size_t kRemembered = 65536;
  static constexpr std::size_t kTopicsKnownMax = 65536;
  static constexpr std::size_t kFieldsKnownMax = 1024;  // of a topic

  // `targets` and `intake` outlive it. `source` is the name under which its readings are recorded.
  MqttLane(const MqttTargets& targets, const ConnectorContext& context, Intake& intake, const std::string& source,
           protocol::UnsTime times);

  void take(const mqtt::Received& message);
  // Hands over what was taken. False: the pipeline has stopped.
  bool submit(std::shared_ptr<core::Receipt> receipt);
  [[nodiscard]] bool pending() const { return inlet_.pending() != 0; }
  // The connector's word on all of its sensors.
  void say(core::Quality quality);
  // The last message that could not be used in whole, by topic and reason; "": none.
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  struct Topic {
    std::unordered_map<std::string, std::vector<const asset::Sensor*>> fields;
    std::optional<std::uint64_t> sequence;  // of the last message
  };

  Topic& known(std::string_view topic);
  const std::vector<const asset::Sensor*>& targets_of(Topic& known, std::string_view topic, const std::string& field);
  bool repeats(const mqtt::Received& message, const protocol::UnsMessage& parsed);
  void count_gap(Topic& topic, const protocol::UnsMessage& parsed);
  void take_reading(const protocol::UnsReading& reading, const asset::Sensor& sensor, std::string_view topic,
                    core::TimeNs received);
  std::optional<std::uint64_t> bits_of(const protocol::UnsValue& value, const asset::Sensor& sensor);
  void refuse(Refusal why, std::string_view topic, const std::string& what);

  const MqttTargets& targets_;
  const ConnectorContext context_;
  Intake& intake_;
  const std::string source_;
  const protocol::UnsTime times_;
  std::shared_ptr<spdlog::logger> log_;
  pipeline::Inlet inlet_;
  const std::uint64_t epoch_;
  std::uint64_t sequence_ = 0;
  core::Counter& repeated_;
  core::Counter& gaps_;
  core::Counter& retained_;

  std::unordered_map<std::string, Topic> topics_;
  std::deque<std::uint64_t> order_;  // of what is remembered
  std::unordered_set<std::uint64_t> remembered_;
  std::string problem_;
  core::TimeNs told_ = 0;  // when a problem was last logged
};

}  // namespace millwright::connectors
