// Sparkplug B: the plant as an edge node, each machine a device, each sensor a metric by alias. What is older than the
// last birth, or of the backlog, goes as historical. Data go at QoS 0, as the specification asks; a message of our own
// at QoS 1 behind them, which the broker acknowledges, says that they have arrived. Format: docs/format/sparkplug.md.
#pragma once

#include <memory>
#include <string>

#include "asset/model.hpp"
#include "forwarding/reading_rules.hpp"
#include "forwarding/transport.hpp"
#include "io/clock.hpp"
#include "io/file_system.hpp"
#include "mqtt/options.hpp"
#include "pipeline/live_table.hpp"

namespace millwright::forwarding {

struct SparkplugEdgeOptions {
  mqtt::Options broker;
  std::string group;
  std::string edge_node;
  std::string primary_host;                               // its STATE is awaited; "": none is
  std::string mark_topic;                                 // of the message behind the data
  core::DurationNs rebirth_interval = 5 * core::kSecond;  // births are said again no sooner
};

// Reads the keys of mqtt::read_options, `group`, `edge_node`, `primary_host`, `mark_topic` and `rebirth_interval`.
SparkplugEdgeOptions read_sparkplug_edge_options(config::Section& section, const std::string& directory,
                                                 const std::string& node, const std::string& name);

struct SparkplugContext {
  const asset::Model& model;
  const pipeline::LiveTable& live;
  std::vector<SensorRule> rules;  // which sensors are metrics
  io::FileSystem& files;
  const io::Clock& clock;
  std::string directory;  // for bdSeq
};
std::unique_ptr<Transport> make_sparkplug_transport(const SparkplugEdgeOptions& options,
                                                    const SparkplugContext& context);

}  // namespace millwright::forwarding
