#include "forwarding/mqtt_transport.hpp"

#include <array>
#include <chrono>
#include <vector>

#include <fmt/format.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>

#include "asset/address.hpp"
#include "forwarding/mqtt_client.hpp"

namespace millwright::forwarding {
namespace {

constexpr std::uint16_t kTlsPort = 8883;
constexpr int kFailure = 0x80;  // reason codes from here on are refusals (MQTT 5, 2.4)

bool refused_for_good(int code) {
  return code == MQTT_RC_NOT_AUTHORIZED || code == MQTT_RC_TOPIC_NAME_INVALID || code == MQTT_RC_PAYLOAD_FORMAT_INVALID;
}

class MqttTransport final : public Transport {
 public:
  MqttTransport(const MqttOptions& options, const asset::Model& model, io::FileSystem& files)
      : options_(options), model_(model), files_(files), topic_(asset::AddressTemplate::parse(options.topic).value()) {}

  [[nodiscard]] std::string peer() const override {
    return fmt::format("mqtt{}://{}:{}", options_.tls.on ? "s" : "", options_.host, options_.port);
  }

  core::Status connect(const Stopping& stopping) override {
    if (client_ && client_->fault().empty()) return {};
    client_.reset();
    const auto password = options_.password.read(files_);
    if (!password) return core::unexpected(password.error().within("password"));
    auto client = MqttClient::open(options_, *password, stopping);
    if (!client) return core::unexpected(client.error().within(peer()));
    client_ = std::move(*client);
    return {};
  }

  Delivery deliver(std::uint64_t epoch, std::span<const Event> events, const Stopping& stopping) override {
    client_->forget();
    std::vector<int> messages;
    std::optional<core::Error> unsent;
    for (const Event& event : events) {
      const auto message = client_->publish(topic_of(event), event.body, key_of(epoch, event));
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
    const auto patience = std::chrono::nanoseconds(options_.timeout);
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
      client_->wait(options_.timeout);
    }
    return {done, std::nullopt};
  }

  const MqttOptions options_;
  const asset::Model& model_;
  io::FileSystem& files_;
  const asset::AddressTemplate topic_;
  std::unique_ptr<MqttClient> client_;
};

void check_topic(config::Section& section, const char* key, const std::string& topic) {
  if (mosquitto_pub_topic_check(topic.c_str()) == MOSQ_ERR_SUCCESS && !topic.empty()) return;
  section.problem(key, fmt::format("'{}' is no topic to publish on: not empty, no + and no #", topic));
}

void check_template(config::Section& section, std::string& topic) {
  const auto parsed = asset::AddressTemplate::parse(topic);
  if (!parsed) {
    section.problem("topic", parsed.error().message);
    topic = "invalid";
    return;
  }
  static const std::array<std::string, 5> kHierarchy{"e", "s", "a", "l", "c"};
  check_topic(section, "topic",
              parsed->expand("", {.hierarchy = kHierarchy, .machine = "m", .component = "c", .sensor = "s"}));
}

MqttOptions::Tls read_tls(config::Section section, const std::string& directory) {
  MqttOptions::Tls tls;
  tls.on = section.present();
  tls.ca_file = read_path(section, "ca_file", directory);
  tls.certificate_file = read_path(section, "certificate_file", directory);
  tls.key_file = read_path(section, "key_file", directory);
  if (tls.certificate_file.empty() != tls.key_file.empty()) {
    section.problem("key_file", "certificate_file and key_file belong together");
  }
  section.finish();
  return tls;
}

}  // namespace

MqttOptions read_mqtt_options(config::Section& section, const std::string& directory, const std::string& node,
                              const std::string& name) {
  static constexpr std::array<std::string_view, 2> kVersions{"5", "3.1.1"};
  MqttOptions options;
  options.host = section.text("host");
  options.tls = read_tls(section.section("tls"), directory);
  options.port = static_cast<std::uint16_t>(
      section.integer("port", {.fallback = options.tls.on ? kTlsPort : options.port, .low = 1, .high = 65535}));
  options.version = static_cast<MqttOptions::Version>(section.choice("protocol", kVersions, 0));
  options.client_id = section.text("client_id", {.fallback = fmt::format("millwright-{}-{}", node, name)});
  options.user = section.text("user", {.fallback = ""});
  options.password = read_secret(section, "password", directory);
  if (options.password.given() && options.user.empty()) {
    section.problem("user", "a password is given, but no user");
  }
  options.topic = section.text("topic", {.fallback = "{enterprise}/{site}/{area}/{line}/{cell}/{machine}/alarms"});
  check_template(section, options.topic);
  options.platform_topic = section.text("platform_topic", {.fallback = fmt::format("millwright/{}/alarms", node)});
  check_topic(section, "platform_topic", options.platform_topic);
  options.status_topic = section.text("status_topic", {.fallback = fmt::format("millwright/{}/{}/status", node, name)});
  check_topic(section, "status_topic", options.status_topic);
  options.retain = section.boolean("retain", false);
  options.keep_alive =
      section.duration("keep_alive", {.fallback = options.keep_alive, .low = 5 * core::kSecond, .high = core::kHour});
  options.timeout = section.duration(
      "timeout", {.fallback = options.timeout, .low = 100 * core::kMillisecond, .high = 5 * core::kMinute});
  return options;
}

std::unique_ptr<Transport> make_mqtt_transport(const MqttOptions& options, const asset::Model& model,
                                               io::FileSystem& files) {
  return std::make_unique<MqttTransport>(options, model, files);
}

}  // namespace millwright::forwarding
