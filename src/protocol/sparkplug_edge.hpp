// EdgeNode: what an edge node of Sparkplug B 3.0 says: will, births, data by alias; what was measured while nobody
// heard goes as historical, in messages of its own. No I/O here: messages are made, somebody else sends them, and keeps
// what cannot be sent.
//
//   EdgeNode node({.group = "lyon", .node = "mill"}, devices, last_birth + 1);
//   connect(node.will(now));                      // a new bdSeq; keep node.birth_sequence() before connecting
//   for (auto& message : node.births(now)) send;
//   node.put(alias, value, time);  for (auto& message : node.data(now)) send;
//   if (node.wants_rebirth(topic, payload)) for (auto& message : node.births(now)) send;
//
// Threads: one at a time. Limits: kDataMetricsMax metrics a message. Format: docs/format/sparkplug.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/time.hpp"
#include "protocol/sparkplug.hpp"

namespace millwright::protocol::sparkplug {

struct EdgeMetric {
  std::string name;
  DataType type = DataType::kDouble;
};

struct EdgeDevice {
  std::string name;
  std::vector<EdgeMetric> metrics;
};

// monostate: null, which is also what a reading of bad quality has.
using EdgeValue = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, float, double, std::string>;

struct EdgeMessage {
  std::string topic;
  std::string payload;
};

class EdgeNode {
 public:
  enum class When : std::uint8_t { kLive, kHistorical };
  static constexpr std::size_t kDataMetricsMax = 500;

  struct Name {
    std::string group;
    std::string node;
  };

  // Aliases are given in order, from 1 on over all devices. `birth_sequence` is that of the next connection: one more
  // than the last that was used, from 0 to 255, also over restarts.
  EdgeNode(Name name, std::vector<EdgeDevice> devices, std::uint64_t birth_sequence);

  // For a connection that is about to be opened.
  EdgeMessage will(core::TimeNs now);
  // The node's birth and those of its devices, with how things stand.
  std::vector<EdgeMessage> births(core::TimeNs now);

  // How a metric stands, for the next births; of several the latest.
  void know(std::uint64_t alias, EdgeValue value, core::TimeNs time);
  // A reading of a metric, which also counts for how it stands: each goes with the next data(). A birth comes first.
  void put(std::uint64_t alias, EdgeValue value, core::TimeNs time, When when = When::kLive);
  // What was put since the last call: what is historical, then what is live.
  std::vector<EdgeMessage> data(core::TimeNs now);
  // Whether a message of the host asks this node to be born again.
  [[nodiscard]] bool wants_rebirth(std::string_view topic, std::string_view payload) const;

  [[nodiscard]] std::uint64_t birth_sequence() const { return birth_sequence_; }
  [[nodiscard]] std::string command_topic() const;  // to subscribe to

 private:
  struct Reading {
    std::uint64_t alias = 0;
    EdgeValue value;
    core::TimeNs time = 0;
  };
  struct Known {
    std::size_t device = 0;
    EdgeMetric metric;
    EdgeValue value;
    std::optional<core::TimeNs> time;
  };

  EdgeMessage message(MessageType type, std::string_view device, Payload payload);
  void put_data(std::vector<Reading>& readings, bool historical, core::TimeNs now, std::vector<EdgeMessage>& out);

  const Name name_;
  std::vector<std::string> devices_;
  std::vector<Known> metrics_;  // by alias - 1
  std::uint64_t birth_sequence_;
  bool begun_ = false;
  std::uint8_t sequence_ = 0;
  std::vector<Reading> live_;
  std::vector<Reading> historical_;
};

}  // namespace millwright::protocol::sparkplug
