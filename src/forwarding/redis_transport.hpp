// Redis: each event as an entry of a stream (XADD), whose id is the event's key, so that Redis itself refuses a repeat.
// Format: docs/format/alarm-events.md. The connection is not encrypted: hiredis 0.14, which Debian 12 has, cannot.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "config/secret.hpp"
#include "core/time.hpp"
#include "forwarding/transport.hpp"
#include "io/clock.hpp"

namespace millwright::forwarding {

struct RedisOptions {
  std::string host;
  std::uint16_t port = 6379;
  std::string user;  // "": the default user
  config::Secret password;
  std::uint32_t database = 0;
  std::string stream;
  std::uint64_t length_max = 100'000;  // entries that Redis keeps, roughly
  core::DurationNs timeout = 5 * core::kSecond;
};

// Reads `host`, `port`, `user`, `password_*`, `database`, `stream`, `length_max` and `timeout`.
RedisOptions read_redis_options(config::Section& section, const std::string& directory);
std::unique_ptr<Transport> make_redis_transport(const RedisOptions& options, const io::Clock& clock);

}  // namespace millwright::forwarding
