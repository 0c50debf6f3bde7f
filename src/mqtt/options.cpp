#include "mqtt/options.hpp"

#include <array>

#include <fmt/format.h>
#include <mosquitto.h>

namespace millwright::mqtt {
namespace {

constexpr std::uint16_t kTlsPort = 8883;

Options::Tls read_tls(config::Section section, const std::string& directory) {
  Options::Tls tls;
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

Options read_options(config::Section& section, const std::string& directory, const std::string& client_id) {
  static constexpr std::array<std::string_view, 2> kVersions{"5", "3.1.1"};
  Options options;
  options.host = section.text("host");
  options.tls = read_tls(section.section("tls"), directory);
  options.port = static_cast<std::uint16_t>(
      section.integer("port", {.fallback = options.tls.on ? kTlsPort : options.port, .low = 1, .high = 65535}));
  options.version = static_cast<Options::Version>(section.choice("protocol", kVersions, 0));
  options.client_id = section.text("client_id", {.fallback = client_id});
  options.user = section.text("user", {.fallback = ""});
  options.password = read_secret(section, "password", directory);
  if (options.password.given() && options.user.empty()) {
    section.problem("user", "a password is given, but no user");
  }
  options.keep_alive =
      section.duration("keep_alive", {.fallback = options.keep_alive, .low = 5 * core::kSecond, .high = core::kHour});
  options.timeout = section.duration(
      "timeout", {.fallback = options.timeout, .low = 100 * core::kMillisecond, .high = 5 * core::kMinute});
  return options;
}

std::string to_string(const Options& options) {
  return fmt::format("mqtt{}://{}:{}", options.tls.on ? "s" : "", options.host, options.port);
}

void check_topic(config::Section& section, const char* key, const std::string& topic) {
  if (mosquitto_pub_topic_check(topic.c_str()) == MOSQ_ERR_SUCCESS && !topic.empty()) return;
  section.problem(key, fmt::format("'{}' is no topic to publish on: not empty, no + and no #", topic));
}

}  // namespace millwright::mqtt
