#include "mqtt/subscriber.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <thread>

#include <fmt/format.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "io/dead_peer.hpp"
#include "io/descriptors.hpp"

namespace millwright::mqtt {
namespace {

using core::DurationNs;
using core::ErrorCode;

constexpr int kQos = 1;
constexpr int kFailure = 0x80;                         // reason codes from here on are refusals (MQTT 5, 2.4)
constexpr DurationNs kLook = 20 * core::kMillisecond;  // how soon a wait sees that it is to stop
constexpr auto kHandshakePause = std::chrono::milliseconds(1);
constexpr std::uint32_t kPacketOverhead = 65 * 1024;  // topic and header

std::uint32_t seconds(DurationNs duration) {
  return static_cast<std::uint32_t>(
      std::min<DurationNs>(duration / core::kSecond, std::numeric_limits<std::uint32_t>::max()));
}

// libmosquitto takes properties of CONNECT only with its blocking connect, which may block for minutes. It remembers
// them, though: given with a port that cannot be, they are there for the connect that does not block.
int set_connect_properties(mosquitto* client, const Subscription& subscription) {
  mosquitto_property* list = nullptr;
  mosquitto_property_add_int32(&list, MQTT_PROP_SESSION_EXPIRY_INTERVAL, seconds(subscription.session_expiry));
  if (subscription.payload_bytes_max != 0) {
    mosquitto_property_add_int32(&list, MQTT_PROP_MAXIMUM_PACKET_SIZE,
                                 subscription.payload_bytes_max + kPacketOverhead);
  }
  const int code = mosquitto_connect_bind_v5(client, "localhost", -1, 60, nullptr, list);
  mosquitto_property_free_all(&list);
  return code == MOSQ_ERR_INVAL ? MOSQ_ERR_SUCCESS : code;
}

void cork(int socket, int on) {
  if (socket >= 0) ::setsockopt(socket, IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
}

}  // namespace

core::Result<std::unique_ptr<Subscriber>> Subscriber::open(const Options& options, const Subscription& subscription,
                                                           const Presence& presence, Take take,
                                                           const Stopping& stopping) {
  std::unique_ptr<Subscriber> one(new Subscriber(options, subscription.filters, presence, std::move(take)));
  if (auto begun = one->connect(subscription); !begun) return core::unexpected(begun.error());
  const auto until = std::chrono::steady_clock::now() + std::chrono::nanoseconds(options.timeout);
  while (!one->up_) {
    if (stopping() || std::chrono::steady_clock::now() >= until) {
      return core::unexpected(ErrorCode::kTimeout, "no answer");
    }
    if (auto turned = one->turn(kLook, 1); !turned) return core::unexpected(turned.error());
    if (!one->up_) std::this_thread::sleep_for(kHandshakePause);  // TLS always wants to write
  }
  return one;
}

core::Status Subscriber::connect(const Subscription& subscription) {
  const Session session = subscription.session_expiry == 0 ? Session::kClean : Session::kKept;
  auto client = make_handle(options_, session, presence_, this);
  if (!client) return core::unexpected(client.error());
  if (auto fits = io::check_fits_select(); !fits) return fits;
  client_ = std::move(*client);
  mosquitto* const c = client_.get();
  mosquitto_threaded_set(c, true);  // so that nothing is written but by loop_write
  mosquitto_int_option(c, MOSQ_OPT_RECEIVE_MAXIMUM, kHeldMax);
  mosquitto_connect_v5_callback_set(c, on_connect);
  mosquitto_disconnect_v5_callback_set(c, on_disconnect);
  mosquitto_subscribe_v5_callback_set(c, on_subscribe);
  mosquitto_message_v5_callback_set(c, on_message);
  int code = options_.version == Options::Version::k5 ? set_connect_properties(c, subscription) : MOSQ_ERR_SUCCESS;
  if (code != MOSQ_ERR_SUCCESS) return failed("session", code);
  code = mosquitto_connect_async(c, options_.host.c_str(), options_.port,
                                 static_cast<int>(options_.keep_alive / core::kSecond));
  if (code != MOSQ_ERR_SUCCESS) return failed("connecting", code);
  return {};
}

// As the first thing after CONNACK: what a session still has comes by itself, and may be held for long.
void Subscriber::subscribe() {
  for (const std::string& filter : filters_) {
    const int code = mosquitto_subscribe_v5(client_.get(), nullptr, filter.c_str(), kQos, 0, nullptr);
    if (code != MOSQ_ERR_SUCCESS) fault_ = fmt::format("{}: {}", filter, describe(code));
  }
}

Subscriber::~Subscriber() {
  if (!client_ || !up_ || !fault_.empty()) return;
  if (held_ != 0) return;  // a farewell would acknowledge
  publish_presence(client_.get(), presence_, presence_.offline);
  mosquitto_disconnect_v5(client_.get(), MQTT_RC_NORMAL_DISCONNECTION, nullptr);
  mosquitto_loop_write(client_.get(), 1);
}

core::Result<std::size_t> Subscriber::receive(DurationNs timeout, std::size_t messages_max) {
  const std::size_t before = received_;
  if (auto turned = turn(timeout, messages_max); !turned) return core::unexpected(turned.error());
  return received_ - before;
}

// Waits for the socket and does what it allows.
core::Status Subscriber::turn(DurationNs timeout, std::size_t messages_max) {
  mosquitto* const c = client_.get();
  pollfd wanted{.fd = mosquitto_socket(c), .events = POLLIN, .revents = 0};
  if (wanted.fd < 0) return checked(MOSQ_ERR_NO_CONN);
  if (held_ == 0 && mosquitto_want_write(c)) wanted.events |= POLLOUT;
  const int ready = ::poll(&wanted, 1, static_cast<int>(timeout / core::kMillisecond));
  // TLS may have more in its own buffer, of which the socket knows nothing.
  if (options_.tls.on || (ready > 0 && (wanted.revents & ~POLLOUT) != 0)) {
    const std::size_t first = received_;
    std::size_t before = 0;
    do {
      before = received_;
      if (auto read = checked(mosquitto_loop_read(c, 1)); !read) return read;
    } while (received_ != before && received_ - first < messages_max);
  }
  if (held_ == 0 && (wanted.revents & POLLOUT) != 0) {
    if (auto written = checked(mosquitto_loop_write(c, 1)); !written) return written;
  }
  return checked(mosquitto_loop_misc(c));
}

core::Status Subscriber::acknowledge() {
  held_ = 0;
  if (!mosquitto_want_write(client_.get())) return checked(MOSQ_ERR_SUCCESS);
  // libmosquitto writes each acknowledgement by itself; corked, thousands of them leave in a few segments.
  cork(mosquitto_socket(client_.get()), 1);
  const int code = mosquitto_loop_write(client_.get(), 1);
  cork(mosquitto_socket(client_.get()), 0);
  return checked(code);
}

core::Status Subscriber::publish(const std::string& topic, std::string_view payload) {
  return checked(mosquitto_publish_v5(client_.get(), nullptr, topic.c_str(), static_cast<int>(payload.size()),
                                      payload.data(), 0, false, nullptr));
}

core::Status Subscriber::announce() {
  return checked(publish_presence(client_.get(), presence_, presence_.online));
}

core::Status Subscriber::checked(int code) {
  if (fault_.empty() && code != MOSQ_ERR_SUCCESS) fault_ = fmt::format("the connection is lost: {}", describe(code));
  if (fault_.empty()) return {};
  return core::unexpected(ErrorCode::kUnavailable, fault_);
}

void Subscriber::on_connect(mosquitto*, void* self, int code, int, const mqtt5__property*) {
  auto& one = *static_cast<Subscriber*>(self);
  if (code != 0) {
    one.fault_ = describe_refusal(one.options_, code);
    return;
  }
  one.up_ = true;
  io::notice_dead_peer(mosquitto_socket(one.client_.get()));
  one.subscribe();
  publish_presence(one.client_.get(), one.presence_, one.presence_.online);
}

void Subscriber::on_disconnect(mosquitto*, void* self, int code, const mqtt5__property*) {
  auto& one = *static_cast<Subscriber*>(self);
  if (one.fault_.empty()) one.fault_ = fmt::format("the connection is lost: {}", describe(code));
}

void Subscriber::on_subscribe(mosquitto*, void* self, int, int count, const int* granted, const mqtt5__property*) {
  auto& one = *static_cast<Subscriber*>(self);
  for (int i = 0; i < count; ++i) {
    if (granted[i] < kFailure) {
      ++one.granted_;
    } else {
      one.fault_ = fmt::format("the broker refuses a subscription: {}", mosquitto_reason_string(granted[i]));
    }
  }
}

void Subscriber::on_message(mosquitto*, void* self, const mosquitto_message* message, const mqtt5__property*) {
  auto& one = *static_cast<Subscriber*>(self);
  ++one.received_;
  if (message->qos != 0) ++one.held_;
  one.take_({.topic = message->topic,
             .payload = {static_cast<const char*>(message->payload), static_cast<std::size_t>(message->payloadlen)},
             .retained = message->retain});
}

}  // namespace millwright::mqtt
