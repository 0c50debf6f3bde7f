// How to reach a broker, as the plant's file says it.
//
// Threads: values; reading is a pure function. Errors: problems of the document.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "config/document.hpp"
#include "config/secret.hpp"
#include "core/time.hpp"

namespace millwright::mqtt {

using Stopping = std::function<bool()>;  // whoever waits gives up once it is true

struct Options {
  enum class Version : std::uint8_t { k5, k311 };
  struct Tls {
    bool on = false;
    std::string ca_file;           // "": the system's
    std::string certificate_file;  // of this client; "": none
    std::string key_file;
  };
  std::string host;
  std::uint16_t port = 1883;
  Version version = Version::k5;
  std::string client_id;
  std::string user;
  config::Secret password;
  Tls tls;
  core::DurationNs keep_alive = 30 * core::kSecond;
  core::DurationNs timeout = 10 * core::kSecond;  // of connecting, and of an acknowledgement
};

// Reads `host`, `port`, `protocol`, `client_id`, `user`, `password_*`, `tls`, `keep_alive` and `timeout`.
Options read_options(config::Section& section, const std::string& directory, const std::string& client_id);
// "mqtt://broker:1883", "mqtts://broker:8883"
std::string to_string(const Options& options);
// Adds a problem where nobody could publish on `topic`.
void check_topic(config::Section& section, const char* key, const std::string& topic);

}  // namespace millwright::mqtt
