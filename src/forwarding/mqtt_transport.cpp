#include "forwarding/mqtt_transport.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>

#include "asset/address.hpp"
#include "forwarding/sensor_lines.hpp"
#include "mqtt/publisher.hpp"

namespace millwright::forwarding {
namespace {

constexpr int kFailure = 0x80;  // reason codes from here on are refusals (MQTT 5, 2.4)

bool refused_for_good(int code) {
  return code == MQTT_RC_NOT_AUTHORIZED || code == MQTT_RC_TOPIC_NAME_INVALID || code == MQTT_RC_PAYLOAD_FORMAT_INVALID;
}

struct Outgoing {
  std::string topic;
  std::string body;
  std::string id;
  bool retain = false;
};

class MqttTransport : public Transport {
 public:
  MqttTransport(const MqttOptions& options, const asset::Model& model)
      : options_(options), model_(model), topic_(asset::AddressTemplate::parse(options.topic).value()) {}

  [[nodiscard]] std::string peer() const override { return to_string(options_.broker); }

  core::Status connect(const Stopping& stopping) override {
    if (client_ && client_->fault().empty()) return {};
    client_.reset();
    auto client = mqtt::Publisher::open(options_.broker, {.topic = options_.status_topic}, stopping);
    if (!client) return core::unexpected(client.error().within(peer()));
    client_ = std::move(*client);
    begin();
    return {};
  }

  Delivery deliver(std::span<const Event> events, const Stopping& stopping) override {
    client_->forget();
    std::vector<int> messages;
    std::vector<std::size_t> ends;  // of each event, among the messages
    std::optional<core::Error> unsent;
    std::vector<Outgoing> parts;
    for (const Event& event : events) {
      parts.clear();
      messages_of(event, parts);
      for (const Outgoing& part : parts) {
        const auto message =
            client_->publish({.topic = part.topic, .body = part.body, .id = part.id, .retain = part.retain});
        if (!message) unsent = message.error();
        if (unsent) break;
        messages.push_back(*message);
      }
      if (unsent) break;
      ends.push_back(messages.size());
    }
    Delivery done = collect(messages, stopping);
    if (!done.failure && unsent) {
      const bool never = unsent->code == core::ErrorCode::kInvalid;
      done = never ? Delivery::refused(messages.size(), unsent->message)
                   : Delivery::retry(messages.size(), unsent->message);
    }
    // Events of which all messages have arrived.
    const auto whole = std::upper_bound(ends.begin(), ends.end(), done.delivered);
    done.delivered = static_cast<std::size_t>(whole - ends.begin());
    if (done.failure) client_.reset();  // what was sent and not acknowledged shall not come a second time by itself
    return done;
  }

 protected:
  // On a new connection.
  virtual void begin() {}
  virtual void messages_of(const Event& event, std::vector<Outgoing>& out) {
    out.push_back({.topic = topic_of(event), .body = event.body, .id = event.key, .retain = options_.retain});
  }

  [[nodiscard]] const asset::Machine* machine_of(const Event& event) const {
    return event.machine.empty() ? nullptr : model_.find_machine(event.machine);
  }
  [[nodiscard]] std::string topic_of(const asset::Machine& machine, std::string_view component,
                                     std::string_view sensor) const {
    return topic_.expand(
        "", {.hierarchy = machine.hierarchy, .machine = machine.name, .component = component, .sensor = sensor});
  }
  [[nodiscard]] bool retains() const { return options_.retain; }

 private:
  [[nodiscard]] std::string topic_of(const Event& event) const {
    const asset::Machine* machine = machine_of(event);
    return machine == nullptr ? options_.platform_topic : topic_of(*machine, event.component, event.sensor);
  }

  Delivery collect(const std::vector<int>& messages, const Stopping& stopping) {
    std::size_t done = 0;
    const auto patience = std::chrono::nanoseconds(options_.broker.timeout);
    auto until = std::chrono::steady_clock::now() + patience;
    while (done < messages.size()) {
      // In this order: what was acknowledged before the end counts.
      const std::string fault = client_->fault();
      if (const auto code = client_->acknowledged(messages[done])) {
        const std::string reason = mosquitto_reason_string(*code);
        if (*code >= kFailure && refused_for_good(*code)) return Delivery::refused(done, "the broker says: " + reason);
        if (*code >= kFailure) return Delivery::retry(done, "the broker says: " + reason);
        ++done;
        until = std::chrono::steady_clock::now() + patience;
        continue;
      }
      if (!fault.empty()) return Delivery::retry(done, fault);
      if (stopping()) return Delivery::retry(done, "stopping");
      if (std::chrono::steady_clock::now() >= until) return Delivery::retry(done, "no acknowledgement");
      client_->wait(options_.broker.timeout);
    }
    return {done, std::nullopt};
  }

  const MqttOptions options_;
  const asset::Model& model_;
  const asset::AddressTemplate topic_;
  std::unique_ptr<mqtt::Publisher> client_;
};

// Each line of an event is a message on the sensor's own topic, numbered from 1 on with each connection.
class UnsTransport final : public MqttTransport {
 public:
  UnsTransport(const UnsOptions& options, const asset::Model& model) : MqttTransport(options.link, model) {}

 private:
  struct Topic {
    std::string name;
    std::uint64_t sequence = 0;
  };

  void begin() override {
    for (auto& [sensor, topic] : topics_) topic.sequence = 0;
  }

  void messages_of(const Event& event, std::vector<Outgoing>& out) override {
    const asset::Machine* machine = machine_of(event);
    if (machine == nullptr) return;  // the model knows it no longer
    for_each_line(event.body, [&](std::string_view sensor, std::string_view payload) {
      Topic& topic = topic_of_sensor(*machine, sensor);
      out.push_back({.topic = topic.name,
                     .body = fmt::format("{{\"schema\":1,\"seq\":{},{}", ++topic.sequence, payload.substr(1)),
                     .id = {},
                     .retain = retains() && !event.historical});
    });
  }

  Topic& topic_of_sensor(const asset::Machine& machine, std::string_view sensor) {
    const auto [known, added] = topics_.try_emplace(machine.path + "/" + std::string(sensor));
    if (added) {
      const std::size_t slash = sensor.find('/');
      const bool has_component = slash != std::string_view::npos;
      known->second.name = topic_of(machine, has_component ? sensor.substr(0, slash) : std::string_view(),
                                    has_component ? sensor.substr(slash + 1) : sensor);
    }
    return known->second;
  }

  std::unordered_map<std::string, Topic> topics_;  // by the sensor's path
};

void check_template(config::Section& section, std::string& topic) {
  const auto parsed = asset::AddressTemplate::parse(topic);
  if (!parsed) {
    section.problem("topic", parsed.error().message);
    topic = "invalid";
    return;
  }
  static const std::array<std::string, 5> kHierarchy{"e", "s", "a", "l", "c"};
  mqtt::check_topic(section, "topic",
                    parsed->expand("", {.hierarchy = kHierarchy, .machine = "m", .component = "c", .sensor = "s"}));
}

MqttOptions read_link(config::Section& section, const std::string& directory, const std::string& node,
                      const std::string& name, const std::string& topic) {
  MqttOptions options;
  options.broker = mqtt::read_options(section, directory, fmt::format("millwright-{}-{}", node, name));
  options.topic = section.text("topic", {.fallback = topic});
  check_template(section, options.topic);
  options.status_topic = section.text("status_topic", {.fallback = fmt::format("millwright/{}/{}/status", node, name)});
  mqtt::check_topic(section, "status_topic", options.status_topic);
  options.retain = section.boolean("retain", false);
  return options;
}

}  // namespace

MqttOptions read_mqtt_options(config::Section& section, const std::string& directory, const std::string& node,
                              const std::string& name) {
  MqttOptions options =
      read_link(section, directory, node, name, "{enterprise}/{site}/{area}/{line}/{cell}/{machine}/alarms");
  options.platform_topic = section.text("platform_topic", {.fallback = fmt::format("millwright/{}/alarms", node)});
  mqtt::check_topic(section, "platform_topic", options.platform_topic);
  return options;
}

UnsOptions read_uns_options(config::Section& section, const std::string& directory, const std::string& node,
                            const std::string& name) {
  UnsOptions options{.link = read_link(section, directory, node, name,
                                       "{enterprise}/{site}/{area}/{line}/{cell}/{machine}/{component}/{sensor}")};
  if (options.link.topic.find("{sensor}") == std::string::npos) {
    section.problem("topic", "readings need a topic for each sensor, so {sensor} must be in it");
  }
  return options;
}

std::unique_ptr<Transport> make_mqtt_transport(const MqttOptions& options, const asset::Model& model) {
  return std::make_unique<MqttTransport>(options, model);
}
std::unique_ptr<Transport> make_uns_transport(const UnsOptions& options, const asset::Model& model) {
  return std::make_unique<UnsTransport>(options, model);
}

}  // namespace millwright::forwarding
