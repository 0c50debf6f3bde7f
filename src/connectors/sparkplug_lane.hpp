// SparkplugLane: a primary host application of Sparkplug B 3.0: what edge nodes say becomes readings, what they do not
// say any more becomes the quality BadNoCommunication, and a node that is not understood is asked for a rebirth.
//
// What is marked historical, and what is said by who is not born, goes into history alone. What a birth, or what was
// kept, repeats of the last reading (the same time) is not recorded again.
//
// A command writes one metric by NCMD or DCMD, as its birth has typed it, and is done when the node reports the metric
// with that value. Nothing is sent twice.
//
// Threads: MqttClient's. Limits: kNodesMax nodes; kMetricsKnownMax metrics a node are remembered, then learnt anew.
// Format: docs/format/sparkplug.md.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/mqtt_feed.hpp"
#include "connectors/mqtt_options.hpp"
#include "connectors/sparkplug_targets.hpp"
#include "mqtt/publisher.hpp"
#include "protocol/sparkplug_edge.hpp"
#include "protocol/sparkplug_session.hpp"

namespace millwright::connectors {

class SparkplugLane final : public MqttFeed {
 public:
  static constexpr std::size_t kNodesMax = 10'000;
  static constexpr std::size_t kMetricsKnownMax = 100'000;

  // `source` is the connector's name.
  SparkplugLane(const SparkplugOptions& options, const ConnectorContext& context, const std::string& source);
  ~SparkplugLane() override;

  ValueLane& lane() override { return lane_; }
  [[nodiscard]] std::vector<std::string> filters() const override;
  mqtt::Presence presence() override;
  void take(const mqtt::Received& message) override;
  void connected() override;
  void turn(mqtt::Subscriber& broker) override;
  void lost() override;

  // What turn() would send: the nodes to ask for a rebirth, as "group/node".
  std::vector<std::string> due(core::TimeNs now);
  // The message that a command is, and what is then waited for under the queue's number.
  core::Result<protocol::sparkplug::EdgeMessage> command(std::uint64_t ticket, const asset::Command& command,
                                                         std::span<const asset::CommandValue> values);

 private:
  class Node;
  // A command whose metric its node has not reported yet.
  struct Awaited {
    std::uint64_t ticket = 0;
    std::string node;  // "group/node"
    std::string device;
    std::string metric;
    protocol::sparkplug::EdgeValue value;
  };
  struct Counters {
    core::Counter& unmapped;
    core::Counter& passed_over;
    core::Counter& repeated;
    core::Counter& historical;
    core::Counter& missing;
    core::Counter& rebirths;
  };

  void settle(const std::string& node, const protocol::sparkplug::Update& update);
  Node* node_of(const protocol::sparkplug::Topic& topic);
  void take_state(const mqtt::Received& message);
  void keep_old_state(core::TimeNs now);

  const SparkplugOptions options_;
  const mqtt::Options old_state_link_;
  const ConnectorContext context_;
  const SparkplugTargets targets_;
  ValueLane lane_;
  Counters counters_;
  std::vector<core::TimeNs> last_;                                   // by sensor: the time of the last reading
  std::map<std::string, std::unique_ptr<Node>, std::less<>> nodes_;  // by "group/node"
  std::vector<std::string> asked_;
  std::vector<Awaited> awaited_;
  std::map<std::uint32_t, std::vector<const asset::Sensor*>> confirmed_;  // by quality: what a birth says again
  std::optional<core::TimeNs> connected_at_;  // monotonic; none: those who are not there have been asked
  core::TimeNs ticked_ = 0;
  std::unique_ptr<mqtt::Publisher> old_state_;
  core::TimeNs old_state_tried_ = 0;  // monotonic
  bool denied_ = false;               // somebody says that this host is not there
};

}  // namespace millwright::connectors
