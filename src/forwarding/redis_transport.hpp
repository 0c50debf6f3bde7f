// Redis: each event as an entry of a stream (XADD), whose id is the event's key, so that Redis itself refuses a repeat
// (docs/format/alarm-events.md); or the latest reading of each sensor in a hash a machine (HSET), many at once
// (docs/format/redis-latest.md).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "forwarding/transport.hpp"
#include "redis/connection.hpp"

namespace millwright::forwarding {

struct RedisOptions {
  redis::Server server;
  std::string stream;
  std::uint64_t length_max = 100'000;  // entries that Redis keeps, roughly
};
struct RedisLatestOptions {
  redis::Server server;
  std::string prefix;  // of the hashes' names
};

// Reads the keys of redis::read_server and `stream`, `length_max`; or `prefix`.
RedisOptions read_redis_options(config::Section& section, const std::string& directory);
RedisLatestOptions read_redis_latest_options(config::Section& section, const std::string& directory);
std::unique_ptr<Transport> make_redis_transport(const RedisOptions& options);
std::unique_ptr<Transport> make_redis_latest_transport(const RedisLatestOptions& options);

}  // namespace millwright::forwarding
