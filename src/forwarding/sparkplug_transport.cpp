#include "forwarding/sparkplug_transport.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/log.hpp"
#include "core/text.hpp"
#include "mqtt/publisher.hpp"
#include "protocol/sparkplug_edge.hpp"
#include "protocol/sparkplug_state.hpp"

namespace millwright::forwarding {
namespace {

using core::ErrorCode;
using core::ValueType;
using Json = nlohmann::json;
using protocol::sparkplug::DataType;
using protocol::sparkplug::EdgeNode;
using protocol::sparkplug::EdgeValue;
using std::chrono::steady_clock;

constexpr auto kBirthCounts = std::chrono::seconds(10);

DataType type_of(ValueType type) {
  switch (type) {
    case ValueType::kFloat64:
      return DataType::kDouble;
    case ValueType::kFloat32:
      return DataType::kFloat;
    case ValueType::kBool:
      return DataType::kBoolean;
    case ValueType::kInt64:
      return DataType::kInt64;
    case ValueType::kState:
      return DataType::kInt32;
    case ValueType::kText:
      break;
  }
  return DataType::kString;
}

// A value as a row of JSON has it; null where it is none.
EdgeValue value_of(ValueType type, const Json& json) {
  if (json.is_null()) return {};
  switch (type) {
    case ValueType::kFloat64:
      return json.get<double>();
    case ValueType::kFloat32:
      return json.get<float>();
    case ValueType::kBool:
      return json.get<int>() != 0;
    case ValueType::kInt64:
    case ValueType::kState:
      return json.get<std::int64_t>();
    case ValueType::kText:
      break;
  }
  return json.get<std::string>();
}

// The same from the live table.
EdgeValue value_of(const pipeline::LiveValue& live) {
  if (live.quality.is_bad()) return {};
  switch (live.type) {
    case ValueType::kFloat64:
      return live.as<double>();
    case ValueType::kFloat32:
      return live.as<float>();
    case ValueType::kBool:
      return live.as<std::uint8_t>() != 0;
    case ValueType::kInt64:
      return live.as<std::int64_t>();
    case ValueType::kState:
      return std::int64_t{live.as<std::int32_t>()};
    case ValueType::kText:
      break;
  }
  return {};  // its text comes with its next reading
}

class SparkplugTransport final : public Transport {
 public:
  SparkplugTransport(const SparkplugEdgeOptions& options, const SparkplugContext& context)
      : options_(options), context_(context), path_(context.directory + "/sparkplug.json") {}

  [[nodiscard]] std::string peer() const override {
    return fmt::format("{}, edge node {}/{}", to_string(options_.broker), options_.group, options_.edge_node);
  }

  core::Status connect(const Stopping& stopping) override {
    if (!client_ || !client_->fault().empty()) {
      client_.reset();
      if (auto opened = open(stopping); !opened) return core::unexpected(opened.error().within(peer()));
    }
    hear();
    if (auto there = await_host(stopping); !there) return there;
    const bool again = wanted_ && steady_clock::now() - born_ >= std::chrono::nanoseconds(options_.rebirth_interval);
    return is_born_ && !again ? core::Status() : be_born();
  }

  // All or nothing: which of the messages arrived nobody knows until the broker has the one behind them.
  Delivery deliver(std::span<const Event> events, const Stopping& stopping) override {
    Delivery done{.delivered = events.size(), .failure = {}};
    for (std::size_t i = 0; i < events.size(); ++i) {
      for (const std::string_view line : core::split(events[i].body, '\n')) {
        if (line.empty()) continue;
        if (auto put = put_row(line, events[i]); !put.empty()) done.refused_parts.push_back(refused(i, line, put));
      }
    }
    core::Status sent = send(node_->data(now()));
    if (sent) sent = await_mark(stopping);
    if (sent) return done;
    client_.reset();
    return Delivery::retry(0, sent.error().message);
  }

 private:
  [[nodiscard]] core::TimeNs now() const { return context_.clock.now(); }

  core::Status open(const Stopping& stopping) {
    if (!node_) {
      if (auto made = make_node(); !made) return made;
    }
    const auto will = node_->will(now());
    // On disk before anybody hears of it, so that no other birth ever has it.
    const std::string kept = Json{{"bdSeq", node_->birth_sequence()}}.dump() + "\n";
    if (auto saved = io::write_file_atomically(context_.files, path_, kept); !saved) return saved;
    is_born_ = wanted_ = false;
    host_.forget();
    host_online_ = options_.primary_host.empty();
    auto client = mqtt::Publisher::open(
        options_.broker, {.topic = will.topic, .online = "", .offline = will.payload, .retain = false}, stopping);
    if (!client) return core::unexpected(client.error());
    if (auto asked = (*client)->subscribe(node_->command_topic()); !asked) return asked;
    if (!options_.primary_host.empty()) {
      for (const std::string& state : {protocol::sparkplug::state_topic(options_.primary_host),
                                       protocol::sparkplug::old_state_topic(options_.primary_host)}) {
        if (auto asked = (*client)->subscribe(state); !asked) return asked;
      }
    }
    client_ = std::move(*client);
    return {};
  }

  core::Status make_node() {
    std::uint64_t next = 0;
    if (context_.files.exists(path_)) {
      const auto bytes = io::read_file(context_.files, path_);
      if (!bytes) return core::unexpected(bytes.error());
      const auto json = Json::parse(bytes->begin(), bytes->end(), nullptr, false);
      if (json.is_object() && json.value("bdSeq", Json()).is_number_unsigned()) {
        next = json["bdSeq"].get<std::uint64_t>() + 1;
      } else {
        core::logger("outputs")->error("{} makes no sense; bdSeq begins with 0", path_);
      }
    }
    std::vector<protocol::sparkplug::EdgeDevice> devices;
    for (const asset::Machine& machine : context_.model.machines()) {
      protocol::sparkplug::EdgeDevice device{.name = machine.name, .metrics = {}};
      for (const core::SensorId id : machine.sensors) {
        const asset::Sensor& sensor = context_.model.sensor(id);
        if (!rule_of(context_.rules, sensor.path).send) continue;
        device.metrics.push_back({sensor.path.substr(machine.path.size() + 1), type_of(sensor.type)});
        sensors_.push_back(id);
        metrics_[sensor.path] = {sensors_.size(), sensor.type};
      }
      if (!device.metrics.empty()) devices.push_back(std::move(device));
    }
    node_.emplace(EdgeNode::Name{options_.group, options_.edge_node}, std::move(devices), next);
    return {};
  }

  // Commands, and what the primary host says of itself.
  void hear() {
    for (const auto& message : client_->take_inbox()) {
      if (node_->wants_rebirth(message.topic, message.payload)) wanted_ = true;
      if (!options_.primary_host.empty()) host_.take(options_.primary_host, message.topic, message.payload);
    }
    host_online_ = options_.primary_host.empty() || host_.online();
  }

  // Without its primary host a node says nothing: it dies, and waits.
  core::Status await_host(const Stopping& stopping) {
    if (host_online_) return {};
    if (is_born_) {
      client_.reset();  // says its death
    } else {
      const auto until = steady_clock::now() + std::chrono::milliseconds(500);
      while (!host_online_ && !stopping() && client_->fault().empty() && steady_clock::now() < until) {
        client_->wait(50 * core::kMillisecond);
        hear();
      }
      if (host_online_) return {};
    }
    return core::unexpected(ErrorCode::kUnavailable,
                            fmt::format("{}: the primary host {} is not online", peer(), options_.primary_host));
  }

  core::Status be_born() {
    for (std::size_t i = 0; i < sensors_.size(); ++i) {
      const pipeline::LiveValue live = context_.live.read(sensors_[i]);
      if (live.source_time != 0 && live.type != ValueType::kText) node_->know(i + 1, value_of(live), live.source_time);
    }
    born_at_ = now();
    if (auto sent = send(node_->births(born_at_)); !sent) {
      client_.reset();
      return sent;
    }
    born_ = steady_clock::now();
    is_born_ = true;
    wanted_ = false;
    return {};
  }

  core::Status send(const std::vector<protocol::sparkplug::EdgeMessage>& messages) {
    if (!client_) return core::unexpected(ErrorCode::kClosed, "no connection");
    for (const auto& message : messages) {
      const auto sent = client_->publish({.topic = message.topic, .body = message.payload, .qos = 0});
      if (!sent) return core::unexpected(sent.error());
    }
    return {};
  }

  core::Status await_mark(const Stopping& stopping) {
    client_->forget();
    const std::string body = fmt::format(R"({{"t":{}}})", now());
    const auto mark = client_->publish({.topic = options_.mark_topic, .body = body});
    if (!mark) return core::unexpected(mark.error());
    const auto until = steady_clock::now() + std::chrono::nanoseconds(options_.broker.timeout);
    for (;;) {
      const std::string fault = client_->fault();
      if (client_->acknowledged(*mark)) return {};
      if (!fault.empty()) return core::unexpected(ErrorCode::kUnavailable, fault);
      if (stopping()) return core::unexpected(ErrorCode::kClosed, "stopping");
      if (steady_clock::now() >= until) return core::unexpected(ErrorCode::kTimeout, "no acknowledgement");
      client_->wait(options_.broker.timeout);
    }
  }

  static Delivery::RefusedPart refused(std::size_t event, std::string_view line, std::string reason) {
    const auto row = Json::parse(line, nullptr, false);
    const std::size_t readings = row.is_object() && row.contains("t") ? row["t"].size() : 1;
    return {event, std::move(reason), std::string(line), readings};
  }

  // A row of JSON, as docs/format/kafka-readings.md says. Gives why it does not go, "" where it does.
  std::string put_row(std::string_view line, const Event& event) {
    try {
      return put(Json::parse(line), event);
    } catch (const Json::exception&) {
      return "the row cannot be read";
    }
  }

  std::string put(const Json& row, const Event& event) {
    const std::string path = event.machine + "/" + row.at("sensor").get<std::string>();
    const auto metric = metrics_.find(path);
    if (metric == metrics_.end()) return fmt::format("the births have no metric for {}: the model lacks it", path);
    const auto [alias, type] = metric->second;
    const Json& values = row.at(row.contains("s") ? "s" : "v");
    if (row.at("type") != to_string(type)) {
      return fmt::format("{} was {} when it was recorded, and its metric is {}", path, row["type"].dump(),
                         to_string(type));
    }
    // Later on, what seems older than the birth is of a source whose clock is behind.
    const bool reborn = steady_clock::now() - born_ < kBirthCounts;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto time = row.at("t").at(i).get<core::TimeNs>();
      const bool bad = core::Quality{row.at("q").at(i).get<std::uint32_t>()}.is_bad();
      const bool late = event.historical || (reborn && time < born_at_);
      node_->put(alias, bad ? EdgeValue() : value_of(type, values[i]), time,
                 late ? EdgeNode::When::kHistorical : EdgeNode::When::kLive);
    }
    return {};
  }

  struct Metric {
    std::uint64_t alias = 0;
    ValueType type = ValueType::kFloat64;
  };

  const SparkplugEdgeOptions options_;
  const SparkplugContext context_;
  const std::string path_;
  std::optional<EdgeNode> node_;
  std::vector<core::SensorId> sensors_;              // by alias - 1
  std::unordered_map<std::string, Metric> metrics_;  // by the sensor's path
  bool host_online_ = false;
  protocol::sparkplug::HostState host_;
  bool is_born_ = false;
  bool wanted_ = false;  // a rebirth
  core::TimeNs born_at_ = 0;
  steady_clock::time_point born_{};
  std::unique_ptr<mqtt::Publisher> client_;
};

}  // namespace

SparkplugEdgeOptions read_sparkplug_edge_options(config::Section& section, const std::string& directory,
                                                 const std::string& node, const std::string& name) {
  SparkplugEdgeOptions options;
  options.broker = mqtt::read_options(section, directory, fmt::format("millwright-{}-{}", node, name));
  const auto identifier = [&](const char* key, const std::string& fallback) {
    std::string text = section.text(key, {.fallback = fallback});
    if (text.find_first_of("+/#") != std::string::npos) {
      section.problem(key, fmt::format("'{}' goes into topics: no '+', '/' or '#'", text));
    }
    return text;
  };
  options.group = identifier("group", "millwright");
  options.edge_node = identifier("edge_node", node);
  options.primary_host = identifier("primary_host", "");
  options.mark_topic = section.text("mark_topic", {.fallback = fmt::format("millwright/{}/{}/mark", node, name)});
  mqtt::check_topic(section, "mark_topic", options.mark_topic);
  options.rebirth_interval = section.duration(
      "rebirth_interval", {.fallback = options.rebirth_interval, .low = core::kSecond, .high = core::kHour});
  return options;
}

std::unique_ptr<Transport> make_sparkplug_transport(const SparkplugEdgeOptions& options,
                                                    const SparkplugContext& context) {
  return std::make_unique<SparkplugTransport>(options, context);
}

}  // namespace millwright::forwarding
