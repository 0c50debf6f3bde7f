#include "mqtt/handle.hpp"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>

namespace millwright::mqtt {
namespace {

using core::ErrorCode;

constexpr int kQos = 1;

const char* or_null(const std::string& text) {
  return text.empty() ? nullptr : text.c_str();
}

core::Status set_tls(mosquitto* client, const Options::Tls& tls) {
  if (!tls.on) return {};
  const auto no_prompt = [](char*, int, int, void*) { return 0; };  // for the password of a key: never at a terminal
  const int code = mosquitto_tls_set(client, or_null(tls.ca_file), tls.ca_file.empty() ? "/etc/ssl/certs" : nullptr,
                                     or_null(tls.certificate_file), or_null(tls.key_file), no_prompt);
  if (code != MOSQ_ERR_SUCCESS) return failed("tls: the certificates cannot be used", code);
  return {};
}

core::Status set_user(mosquitto* client, const Options& options) {
  const auto password = options.password.read();
  if (!password) return core::unexpected(password.error().within("password"));
  if (options.user.empty()) return {};
  const int code = mosquitto_username_pw_set(client, options.user.c_str(), *password ? (*password)->c_str() : nullptr);
  if (code != MOSQ_ERR_SUCCESS) return failed("user and password", code);
  return {};
}

core::Status set_will(mosquitto* client, const Presence& presence) {
  if (presence.topic.empty()) return {};
  const int code = mosquitto_will_set_v5(client, presence.topic.c_str(), static_cast<int>(presence.offline.size()),
                                         presence.offline.data(), kQos, presence.retain, nullptr);
  if (code != MOSQ_ERR_SUCCESS) return failed("status_topic", code);
  return {};
}

}  // namespace

void Destroy::operator()(mosquitto* client) const {
  mosquitto_destroy(client);
}

core::Result<Handle> make_handle(const Options& options, Session session, const Presence& presence, void* self) {
  static const int kReady = mosquitto_lib_init();
  static_cast<void>(kReady);
  Handle client(mosquitto_new(options.client_id.c_str(), session == Session::kClean, self));
  if (client == nullptr) return core::unexpected(ErrorCode::kIo, "libmosquitto does not start");
  const bool five = options.version == Options::Version::k5;
  mosquitto_int_option(client.get(), MOSQ_OPT_PROTOCOL_VERSION, five ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
  mosquitto_int_option(client.get(), MOSQ_OPT_TCP_NODELAY, 1);
  if (auto set = set_user(client.get(), options); !set) return core::unexpected(set.error());
  if (auto set = set_tls(client.get(), options.tls); !set) return core::unexpected(set.error());
  if (auto set = set_will(client.get(), presence); !set) return core::unexpected(set.error());
  return client;
}

int publish_presence(mosquitto* client, const Presence& presence, const std::string& state) {
  if (presence.topic.empty() || state.empty()) return MOSQ_ERR_SUCCESS;
  return mosquitto_publish_v5(client, nullptr, presence.topic.c_str(), static_cast<int>(state.size()), state.data(),
                              kQos, presence.retain, nullptr);
}

std::string describe(int code) {
  return code == MOSQ_ERR_ERRNO ? std::strerror(errno) : mosquitto_strerror(code);  // NOLINT: this thread's errno
}

core::Unexpected failed(const char* what, int code) {
  return core::unexpected(ErrorCode::kUnavailable, fmt::format("{}: {}", what, describe(code)));
}

std::string describe_refusal(const Options& options, int code) {
  const bool five = options.version == Options::Version::k5;
  return fmt::format("the broker refuses the connection: {}",
                     five ? mosquitto_reason_string(code) : mosquitto_connack_string(code));
}

}  // namespace millwright::mqtt
