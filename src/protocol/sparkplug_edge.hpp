// EdgeNode: what an edge node of Sparkplug B 3.0 says, and when: will, births, data by alias, and after a time without
// a host what was measured meanwhile, marked historical. No I/O here: messages are made, somebody else sends them.
//
//   EdgeNode node({.group = "lyon", .node = "mill"}, devices, last_birth + 1);
//   connect(node.will(now));                      // a new bdSeq; keep node.birth_sequence() before connecting
//   for (auto& message : node.online(now)) send;  // births, then what was kept
//   node.put(alias, value, time);  for (auto& message : node.data(now)) send;
//   if (node.wants_rebirth(topic, payload)) for (auto& message : node.births(now)) send;
//   node.offline();                               // from now on what is put is kept
//
// Threads: one at a time. Limits: kKeptMax readings are kept, then the oldest go and are counted; kDataMetricsMax
// metrics a message. Format: docs/format/sparkplug.md.
#pragma once

#include <cstdint>
#include <deque>
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
  static constexpr std::size_t kKeptMax = 1'000'000;
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
  // Connected, and the host is there.
  std::vector<EdgeMessage> online(core::TimeNs now);
  // The node's birth and those of its devices, with how things stand.
  std::vector<EdgeMessage> births(core::TimeNs now);
  void offline() { online_ = false; }

  // A reading of a metric: of those after the first of the same metric in one data() each is sent.
  void put(std::uint64_t alias, EdgeValue value, core::TimeNs time);
  // What was put since the last call; nothing while offline.
  std::vector<EdgeMessage> data(core::TimeNs now);
  // Whether a message of the host asks this node to be born again.
  [[nodiscard]] bool wants_rebirth(std::string_view topic, std::string_view payload) const;

  [[nodiscard]] std::uint64_t birth_sequence() const { return birth_sequence_; }
  [[nodiscard]] std::string command_topic() const;  // to subscribe to
  [[nodiscard]] std::size_t kept() const { return kept_.size(); }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }  // readings that there was no room to keep

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
  void put_data(std::deque<Reading>& readings, bool historical, core::TimeNs now, std::vector<EdgeMessage>& out);

  const Name name_;
  std::vector<std::string> devices_;
  std::vector<Known> metrics_;  // by alias - 1
  std::uint64_t birth_sequence_;
  bool begun_ = false;
  std::uint8_t sequence_ = 0;
  bool online_ = false;
  std::deque<Reading> fresh_;
  std::deque<Reading> kept_;
  std::uint64_t dropped_ = 0;
};

}  // namespace millwright::protocol::sparkplug
