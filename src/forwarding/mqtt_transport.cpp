#include "forwarding/mqtt_transport.hpp"

#include <array>
#include <chrono>
#include <vector>

#include <fmt/format.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>

#include "asset/address.hpp"
#include "mqtt/publisher.hpp"

namespace millwright::forwarding {
namespace {

constexpr int kFailure = 0x80;  // reason codes from here on are refusals (MQTT 5, 2.4)

bool refused_for_good(int code) {
  return code == MQTT_RC_NOT_AUTHORIZED || code == MQTT_RC_TOPIC_NAME_INVALID || code == MQTT_RC_PAYLOAD_FORMAT_INVALID;
}

class MqttTransport final : public Transport {
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
    return {};
  }

  Delivery deliver(std::span<const Event> events, const Stopping& stopping) override {
    client_->forget();
    std::vector<int> messages;
    std::optional<core::Error> unsent;
    for (const Event& event : events) {
      const auto message =
          client_->publish({.topic = topic_of(event), .body = event.body, .id = event.key, .retain = options_.retain});
      if (!message) unsent = message.error();
      if (unsent) break;
      messages.push_back(*message);
    }
    Delivery done = collect(messages, stopping);
    if (!done.failure && unsent) {
      const bool never = unsent->code == core::ErrorCode::kInvalid;
      done = never ? Delivery::refused(messages.size(), unsent->message)
                   : Delivery::retry(messages.size(), unsent->message);
    }
    if (done.failure) client_.reset();  // what was sent and not acknowledged shall not come a second time by itself
    return done;
  }

 private:
  [[nodiscard]] std::string topic_of(const Event& event) const {
    const asset::Machine* machine = event.machine.empty() ? nullptr : model_.find_machine(event.machine);
    if (machine == nullptr) return options_.platform_topic;
    return topic_.expand("", {.hierarchy = machine->hierarchy,
                              .machine = machine->name,
                              .component = event.component,
                              .sensor = event.sensor});
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

}  // namespace

MqttOptions read_mqtt_options(config::Section& section, const std::string& directory, const std::string& node,
                              const std::string& name) {
  MqttOptions options;
  options.broker = mqtt::read_options(section, directory, fmt::format("millwright-{}-{}", node, name));
  options.topic = section.text("topic", {.fallback = "{enterprise}/{site}/{area}/{line}/{cell}/{machine}/alarms"});
  check_template(section, options.topic);
  options.platform_topic = section.text("platform_topic", {.fallback = fmt::format("millwright/{}/alarms", node)});
  mqtt::check_topic(section, "platform_topic", options.platform_topic);
  options.status_topic = section.text("status_topic", {.fallback = fmt::format("millwright/{}/{}/status", node, name)});
  mqtt::check_topic(section, "status_topic", options.status_topic);
  options.retain = section.boolean("retain", false);
  return options;
}

std::unique_ptr<Transport> make_mqtt_transport(const MqttOptions& options, const asset::Model& model) {
  return std::make_unique<MqttTransport>(options, model);
}

}  // namespace millwright::forwarding
