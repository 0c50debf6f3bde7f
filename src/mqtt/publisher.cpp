#include "mqtt/publisher.hpp"

#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>

#include "io/dead_peer.hpp"
#include "io/descriptors.hpp"

namespace millwright::mqtt {
namespace {

using core::ErrorCode;
using core::MutexLock;

constexpr int kQos = 1;
constexpr auto kLook = std::chrono::milliseconds(50);  // how soon a wait sees that it is to stop

class Properties {
 public:
  Properties(bool wanted, const std::string& id) {
    if (!wanted) return;
    mosquitto_property_add_string(&list_, MQTT_PROP_CONTENT_TYPE, "application/json");
    if (!id.empty()) mosquitto_property_add_string_pair(&list_, MQTT_PROP_USER_PROPERTY, "id", id.c_str());
  }
  ~Properties() { mosquitto_property_free_all(&list_); }
  Properties(const Properties&) = delete;
  Properties& operator=(const Properties&) = delete;
  [[nodiscard]] const mosquitto_property* get() const { return list_; }

 private:
  mosquitto_property* list_ = nullptr;
};

}  // namespace

core::Result<std::unique_ptr<Publisher>> Publisher::open(const Options& options, const Presence& presence,
                                                         const Stopping& stopping) {
  std::unique_ptr<Publisher> publisher(new Publisher(options, presence));
  if (auto begun = publisher->connect(); !begun) return core::unexpected(begun.error());
  if (auto answered = publisher->await_answer(stopping); !answered) return core::unexpected(answered.error());
  return publisher;
}

core::Status Publisher::connect() {
  auto client = make_handle(options_, Session::kClean, presence_, this);
  if (!client) return core::unexpected(client.error());
  if (auto fits = io::check_fits_select(); !fits) return fits;
  client_ = std::move(*client);
  mosquitto_connect_v5_callback_set(client_.get(), on_connect);
  mosquitto_disconnect_v5_callback_set(client_.get(), on_disconnect);
  mosquitto_publish_v5_callback_set(client_.get(), on_publish);
  mosquitto_message_v5_callback_set(client_.get(), on_message);
  const auto keep_alive = static_cast<int>(options_.keep_alive / core::kSecond);
  int code = mosquitto_connect_async(client_.get(), options_.host.c_str(), options_.port, keep_alive);
  if (code != MOSQ_ERR_SUCCESS) return failed("connecting", code);
  code = mosquitto_loop_start(client_.get());
  if (code != MOSQ_ERR_SUCCESS) return failed("starting", code);
  looping_ = true;
  return {};
}

Publisher::~Publisher() {
  if (!looping_) return;
  if (fault().empty()) say(presence_.offline);  // a broker sends no will after a farewell
  mosquitto_disconnect(client_.get());
  mosquitto_loop_stop(client_.get(), false);
}

core::Status Publisher::await_answer(const Stopping& stopping) {
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

void Publisher::say(const std::string& state) {
  publish_presence(client_.get(), presence_, state);
}

core::Result<int> Publisher::publish(const Message& message) {
  const Properties properties(options_.version == Options::Version::k5, message.id);
  int number = 0;
  const int code =
      mosquitto_publish_v5(client_.get(), &number, message.topic.c_str(), static_cast<int>(message.body.size()),
                           message.body.data(), message.qos, message.retain, properties.get());
  if (code == MOSQ_ERR_SUCCESS) return number;
  const bool never = code == MOSQ_ERR_PAYLOAD_SIZE || code == MOSQ_ERR_OVERSIZE_PACKET || code == MOSQ_ERR_INVAL ||
                     code == MOSQ_ERR_MALFORMED_UTF8;
  return core::unexpected(never ? ErrorCode::kInvalid : ErrorCode::kUnavailable, describe(code));
}

std::optional<int> Publisher::acknowledged(int message) const {
  MutexLock lock(mutex_);
  const auto at = acknowledged_.find(message);
  return at == acknowledged_.end() ? std::nullopt : std::optional(at->second);
}

core::Status Publisher::subscribe(const std::string& filter) {
  const int code = mosquitto_subscribe_v5(client_.get(), nullptr, filter.c_str(), kQos, 0, nullptr);
  return code == MOSQ_ERR_SUCCESS ? core::Status() : failed("subscribing", code);
}

std::vector<Publisher::Received> Publisher::take_inbox() {
  MutexLock lock(mutex_);
  return std::exchange(inbox_, {});
}

void Publisher::wait(core::DurationNs timeout) {
  MutexLock lock(mutex_);
  news_.wait_for(mutex_, std::min(std::chrono::nanoseconds(timeout), std::chrono::nanoseconds(kLook)));
}

std::string Publisher::fault() const {
  MutexLock lock(mutex_);
  return fault_;
}

void Publisher::forget() {
  MutexLock lock(mutex_);
  acknowledged_.clear();
}

void Publisher::end(std::string why) {
  MutexLock lock(mutex_);
  if (fault_.empty()) fault_ = std::move(why);
  news_.notify_all();
}

void Publisher::on_connect(mosquitto*, void* self, int code, int, const mqtt5__property*) {
  auto& publisher = *static_cast<Publisher*>(self);
  if (code != 0) return publisher.end(describe_refusal(publisher.options_, code));
  if (!publisher.fault().empty()) return;  // libmosquitto's own second try, after the first was given up
  io::notice_dead_peer(mosquitto_socket(publisher.client_.get()));
  publisher.say(publisher.presence_.online);
  MutexLock lock(publisher.mutex_);
  publisher.up_ = true;
  publisher.news_.notify_all();
}

void Publisher::on_disconnect(mosquitto*, void* self, int code, const mqtt5__property*) {
  static_cast<Publisher*>(self)->end(fmt::format("the connection is lost: {}", describe(code)));
}

void Publisher::on_message(mosquitto*, void* self, const mosquitto_message* message, const mqtt5__property*) {
  auto& publisher = *static_cast<Publisher*>(self);
  MutexLock lock(publisher.mutex_);
  if (publisher.inbox_.size() >= kInboxMax) return;
  publisher.inbox_.push_back(
      {message->topic, {static_cast<const char*>(message->payload), static_cast<std::size_t>(message->payloadlen)}});
  publisher.news_.notify_all();
}

void Publisher::on_publish(mosquitto*, void* self, int message, int code, const mqtt5__property*) {
  auto& publisher = *static_cast<Publisher*>(self);
  MutexLock lock(publisher.mutex_);
  publisher.acknowledged_[message] = code;
  publisher.news_.notify_all();
}

}  // namespace millwright::mqtt
