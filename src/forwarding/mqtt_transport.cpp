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

// Not among them: who is not authorized, for a mistake in the broker's access list is mended there.
bool refused_for_good(int code) {
  return code == MQTT_RC_TOPIC_NAME_INVALID || code == MQTT_RC_PAYLOAD_FORMAT_INVALID ||
         code == MQTT_RC_PACKET_TOO_LARGE;
}

struct Outgoing {
  std::string topic;
  std::string body;
  std::string id;
  bool retain = false;
  std::uint64_t count = 1;  // of the event's changes or readings
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
    sent_.clear();
    std::vector<Delivery::RefusedPart> refused;
    std::optional<core::Error> unsent;
    std::size_t whole = 0;  // events of which all messages were sent, or refused
    for (; whole < events.size() && !unsent; ++whole) {
      unsent = send(events[whole], whole, refused);
      if (unsent) break;
    }
    std::optional<std::string> failure = collect(stopping, whole, refused);
    if (!failure && unsent) failure = unsent->message;
    if (failure) client_.reset();  // what was sent and not acknowledged shall not come a second time by itself
    std::erase_if(refused, [&](const auto& part) { return part.event >= whole; });
    std::stable_sort(refused.begin(), refused.end(), [](const auto& a, const auto& b) { return a.event < b.event; });
    Delivery done = failure ? Delivery::retry(whole, *failure) : Delivery{.delivered = whole, .failure = {}};
    done.refused_parts = std::move(refused);
    return done;
  }

 protected:
  // On a new connection.
  virtual void begin() {}
  // An error: why there are none.
  virtual core::Status messages_of(const Event& event, std::vector<Outgoing>& out) {
    out.push_back({.topic = topic_of(event),
                   .body = event.body,
                   .id = event.key,
                   .retain = options_.retain,
                   .count = event.count});
    return {};
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

  // A message whose acknowledgement is awaited.
  struct Sent {
    int number = 0;
    std::size_t event = 0;
    Outgoing part;
  };

  static void refuse(std::vector<Delivery::RefusedPart>& refused, std::size_t event, Outgoing part,
                     std::string_view reason) {
    refused.push_back({event, fmt::format("{}: {}", part.topic, reason), std::move(part.body), part.count});
  }

  // The messages of one event. An error: the connection takes no more.
  std::optional<core::Error> send(const Event& event, std::size_t index, std::vector<Delivery::RefusedPart>& refused) {
    parts_.clear();
    if (auto made = messages_of(event, parts_); !made) {
      refused.push_back({index, made.error().message, event.body, event.count});
      return std::nullopt;
    }
    for (Outgoing& part : parts_) {
      const auto number =
          client_->publish({.topic = part.topic, .body = part.body, .id = part.id, .retain = part.retain});
      if (number) {
        sent_.push_back({*number, index, std::move(part)});
      } else if (number.error().code == core::ErrorCode::kInvalid) {
        refuse(refused, index, std::move(part), number.error().message);
      } else {
        return number.error();
      }
    }
    return std::nullopt;
  }

  // Waits for the acknowledgements. An error: why they end, and then `whole` is how many events all have theirs.
  std::optional<std::string> collect(const Stopping& stopping, std::size_t& whole,
                                     std::vector<Delivery::RefusedPart>& refused) {
    const auto patience = std::chrono::nanoseconds(options_.broker.timeout);
    auto until = std::chrono::steady_clock::now() + patience;
    for (auto next = sent_.begin(); next != sent_.end();) {
      const auto fail = [&](std::string why) {
        whole = std::min(whole, next->event);
        return why;
      };
      // In this order: what was acknowledged before the end counts.
      const std::string fault = client_->fault();
      if (const auto code = client_->acknowledged(next->number)) {
        const std::string reason = fmt::format("the broker says: {}", mosquitto_reason_string(*code));
        if (*code >= kFailure && !refused_for_good(*code)) return fail(next->part.topic + ": " + reason);
        if (*code >= kFailure) refuse(refused, next->event, std::move(next->part), reason);
        ++next;
        until = std::chrono::steady_clock::now() + patience;
        continue;
      }
      if (!fault.empty()) return fail(fault);
      if (stopping()) return fail("stopping");
      if (std::chrono::steady_clock::now() >= until) return fail("no acknowledgement");
      client_->wait(options_.broker.timeout);
    }
    return std::nullopt;
  }

  const MqttOptions options_;
  const asset::Model& model_;
  const asset::AddressTemplate topic_;
  std::unique_ptr<mqtt::Publisher> client_;
  std::vector<Outgoing> parts_;  // of one event
  std::vector<Sent> sent_;       // of a delivery
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

  core::Status messages_of(const Event& event, std::vector<Outgoing>& out) override {
    const asset::Machine* machine = machine_of(event);
    if (machine == nullptr) {
      return core::unexpected(core::ErrorCode::kNotFound,
                              fmt::format("the model has no machine {}, so its readings have no topic", event.machine));
    }
    for_each_line(event.body, [&](std::string_view sensor, std::string_view payload) {
      Topic& topic = topic_of_sensor(*machine, sensor);
      out.push_back({.topic = topic.name,
                     .body = fmt::format("{{\"schema\":1,\"seq\":{},{}", ++topic.sequence, payload.substr(1)),
                     .id = {},
                     .retain = retains() && !event.historical});
    });
    return {};
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
