#include "forwarding/mqtt_client.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>

#include <fmt/format.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>

namespace millwright::forwarding {
namespace {

using core::ErrorCode;
using core::MutexLock;

constexpr int kQos = 1;
constexpr auto kLook = std::chrono::milliseconds(50);  // how soon a wait sees that it is to stop

std::string describe(int code) {
  return code == MOSQ_ERR_ERRNO ? std::strerror(errno) : mosquitto_strerror(code);  // NOLINT: this thread's errno
}

core::Unexpected failed(const char* what, int code) {
  return core::unexpected(ErrorCode::kUnavailable, fmt::format("{}: {}", what, describe(code)));
}

const char* or_null(const std::string& text) {
  return text.empty() ? nullptr : text.c_str();
}

class Properties {
 public:
  Properties(bool wanted, const std::string& key) {
    if (!wanted) return;
    mosquitto_property_add_string(&list_, MQTT_PROP_CONTENT_TYPE, "application/json");
    if (!key.empty()) mosquitto_property_add_string_pair(&list_, MQTT_PROP_USER_PROPERTY, "id", key.c_str());
  }
  ~Properties() { mosquitto_property_free_all(&list_); }
  Properties(const Properties&) = delete;
  Properties& operator=(const Properties&) = delete;
  [[nodiscard]] const mosquitto_property* get() const { return list_; }

 private:
  mosquitto_property* list_ = nullptr;
};

}  // namespace

MqttClient::MqttClient(const MqttOptions& options) : options_(options) {
  static const int kReady = mosquitto_lib_init();
  static_cast<void>(kReady);
}

core::Result<std::unique_ptr<MqttClient>> MqttClient::open(const MqttOptions& options,
                                                           const std::optional<std::string>& password,
                                                           const Stopping& stopping) {
  std::unique_ptr<MqttClient> client(new MqttClient(options));
  if (auto ready = client->set_up(password); !ready) return core::unexpected(ready.error());
  const auto keep_alive = static_cast<int>(options.keep_alive / core::kSecond);
  int code = mosquitto_connect_async(client->client_, options.host.c_str(), options.port, keep_alive);
  if (code != MOSQ_ERR_SUCCESS) return failed("connecting", code);
  code = mosquitto_loop_start(client->client_);
  if (code != MOSQ_ERR_SUCCESS) return failed("starting", code);
  client->looping_ = true;
  if (auto answered = client->await_answer(stopping); !answered) return core::unexpected(answered.error());
  return client;
}

core::Status MqttClient::set_up(const std::optional<std::string>& password) {
  client_ = mosquitto_new(options_.client_id.c_str(), true, this);
  if (client_ == nullptr) return core::unexpected(ErrorCode::kIo, "libmosquitto does not start");
  const bool five = options_.version == MqttOptions::Version::k5;
  mosquitto_int_option(client_, MOSQ_OPT_PROTOCOL_VERSION, five ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
  mosquitto_int_option(client_, MOSQ_OPT_TCP_NODELAY, 1);
  mosquitto_connect_v5_callback_set(client_, on_connect);
  mosquitto_disconnect_v5_callback_set(client_, on_disconnect);
  mosquitto_publish_v5_callback_set(client_, on_publish);
  int code = MOSQ_ERR_SUCCESS;
  if (!options_.user.empty()) {
    code = mosquitto_username_pw_set(client_, options_.user.c_str(), password ? password->c_str() : nullptr);
    if (code != MOSQ_ERR_SUCCESS) return failed("user and password", code);
  }
  if (options_.tls.on) {
    const bool system = options_.tls.ca_file.empty();
    const auto no_prompt = [](char*, int, int, void*) { return 0; };  // for the password of a key: never at a terminal
    code = mosquitto_tls_set(client_, or_null(options_.tls.ca_file), system ? "/etc/ssl/certs" : nullptr,
                             or_null(options_.tls.certificate_file), or_null(options_.tls.key_file), no_prompt);
    if (code != MOSQ_ERR_SUCCESS) return failed("tls: the certificates cannot be used", code);
  }
  static constexpr std::string_view kOffline = R"({"state":"offline"})";
  code = mosquitto_will_set_v5(client_, options_.status_topic.c_str(), static_cast<int>(kOffline.size()),
                               kOffline.data(), kQos, true, nullptr);
  if (code != MOSQ_ERR_SUCCESS) return failed("status_topic", code);
  return {};
}

MqttClient::~MqttClient() {
  if (looping_) {
    if (fault().empty()) publish_status("offline");  // a broker sends no will after a farewell
    mosquitto_disconnect(client_);
    mosquitto_loop_stop(client_, false);
  }
  if (client_ != nullptr) mosquitto_destroy(client_);
}

core::Status MqttClient::await_answer(const Stopping& stopping) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::nanoseconds(options_.timeout);
  while (!stopping() && std::chrono::steady_clock::now() < until) {
    MutexLock lock(mutex_);
    if (up_) return {};
    if (!fault_.empty()) return core::unexpected(ErrorCode::kUnavailable, fault_);
    news_.wait_for(mutex_, kLook);
  }
  end("no answer");
  return core::unexpected(ErrorCode::kTimeout, "no answer");
}

int MqttClient::publish_status(const char* state) {
  const std::string body = fmt::format(R"({{"state":"{}"}})", state);
  return mosquitto_publish_v5(client_, nullptr, options_.status_topic.c_str(), static_cast<int>(body.size()),
                              body.data(), kQos, true, nullptr);
}

core::Result<int> MqttClient::publish(const std::string& topic, const std::string& body, const std::string& key) {
  const Properties properties(options_.version == MqttOptions::Version::k5, key);
  int message = 0;
  const int code = mosquitto_publish_v5(client_, &message, topic.c_str(), static_cast<int>(body.size()), body.data(),
                                        kQos, options_.retain, properties.get());
  if (code == MOSQ_ERR_SUCCESS) return message;
  const bool never = code == MOSQ_ERR_PAYLOAD_SIZE || code == MOSQ_ERR_OVERSIZE_PACKET || code == MOSQ_ERR_INVAL ||
                     code == MOSQ_ERR_MALFORMED_UTF8;
  return core::unexpected(never ? ErrorCode::kInvalid : ErrorCode::kUnavailable, describe(code));
}

std::optional<int> MqttClient::acknowledged(int message) const {
  MutexLock lock(mutex_);
  const auto at = acknowledged_.find(message);
  return at == acknowledged_.end() ? std::nullopt : std::optional(at->second);
}

void MqttClient::wait(core::DurationNs timeout) {
  MutexLock lock(mutex_);
  news_.wait_for(mutex_, std::min(std::chrono::nanoseconds(timeout), std::chrono::nanoseconds(kLook)));
}

std::string MqttClient::fault() const {
  MutexLock lock(mutex_);
  return fault_;
}

void MqttClient::forget() {
  MutexLock lock(mutex_);
  acknowledged_.clear();
}

void MqttClient::end(std::string why) {
  MutexLock lock(mutex_);
  if (fault_.empty()) fault_ = std::move(why);
  news_.notify_all();
}

void MqttClient::on_connect(mosquitto*, void* self, int code, int, const mqtt5__property*) {
  auto& client = *static_cast<MqttClient*>(self);
  if (code != 0) {
    const bool five = client.options_.version == MqttOptions::Version::k5;
    client.end(fmt::format("the broker refuses the connection: {}",
                           five ? mosquitto_reason_string(code) : mosquitto_connack_string(code)));
    return;
  }
  if (!client.fault().empty()) return;  // libmosquitto's own second try, after the first was given up
  client.publish_status("online");
  MutexLock lock(client.mutex_);
  client.up_ = true;
  client.news_.notify_all();
}

void MqttClient::on_disconnect(mosquitto*, void* self, int code, const mqtt5__property*) {
  static_cast<MqttClient*>(self)->end(fmt::format("the connection is lost: {}", describe(code)));
}

void MqttClient::on_publish(mosquitto*, void* self, int message, int code, const mqtt5__property*) {
  auto& client = *static_cast<MqttClient*>(self);
  MutexLock lock(client.mutex_);
  client.acknowledged_[message] = code;
  client.news_.notify_all();
}

}  // namespace millwright::forwarding
