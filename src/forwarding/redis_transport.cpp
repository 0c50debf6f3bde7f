#include "forwarding/redis_transport.hpp"

#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include "core/text.hpp"
#include "forwarding/sensor_lines.hpp"

namespace millwright::forwarding {
namespace {

using core::ErrorCode;

// The value of a field in the flat list that XINFO answers.
std::string_view field_of(const redisReply& list, std::string_view name) {
  if (list.type != REDIS_REPLY_ARRAY) return {};
  for (std::size_t i = 0; i + 1 < list.elements; i += 2) {
    if (redis::text_of(*list.element[i]) == name) return redis::text_of(*list.element[i + 1]);
  }
  return {};
}

class RedisTransport final : public Transport {
 public:
  explicit RedisTransport(const RedisOptions& options) : options_(options), redis_(options.server) {}

  [[nodiscard]] std::string peer() const override {
    return fmt::format("{}, stream {}", to_string(options_.server), options_.stream);
  }

  core::Status connect(const Stopping&) override { return redis_.ensure(); }

  // One by one: were they sent together, a later one could be taken where an earlier one is not, and then nothing could
  // put the earlier one before it.
  Delivery deliver(std::span<const Event> events, const Stopping& stopping) override {
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (stopping()) return Delivery::retry(i, "stopping");
      if (auto added = add(events[i]); !added) return Delivery::retry(i, added.error().message);
    }
    return {events.size(), std::nullopt};
  }

 private:
  core::Status add(const Event& event) {
    const auto reply =
        redis_.ask({"XADD", options_.stream, "MAXLEN", "~", std::to_string(options_.length_max), event.key, "kind",
                    event.kind, "id", std::to_string(event.id), "machine", event.machine, "event", event.body});
    if (!reply) return core::unexpected(reply.error());
    if (!redis::is_error(**reply)) return {};
    const std::string why(redis::text_of(**reply));
    if (why.find("equal or smaller") == std::string::npos) return redis_.refused(why);
    return check_repeat(event);
  }

  // Redis has this id behind it. Either the event is in the stream, or was before the stream was trimmed; or somebody
  // else writes to it, with ids that leave no room for ours.
  core::Status check_repeat(const Event& event) {
    const auto found = redis_.command({"XRANGE", options_.stream, event.key, event.key});
    if (!found) return core::unexpected(found.error());
    if ((*found)->type == REDIS_REPLY_ARRAY && (*found)->elements != 0) return {};
    const auto info = redis_.command({"XINFO", "STREAM", options_.stream});
    if (!info) return core::unexpected(info.error());
    const std::string last(field_of(**info, "last-generated-id"));
    const auto parts = core::split(last, '-');
    const auto own = core::split(event.key, '-');
    const auto number = [](std::string_view text) { return core::parse_int(text).value_or(-1); };
    if (parts.size() == 2 && parts[0] == own.front() && number(parts[1]) >= number(own.back())) return {};
    return core::unexpected(
        ErrorCode::kConflict,
        fmt::format("the stream {} has entries of somebody else (the last is {}), so that {} finds no place: give this "
                    "output a stream of its own",
                    options_.stream, last, event.key));
  }

  const RedisOptions options_;
  redis::Connection redis_;
};

// One HSET a machine; what comes twice says the same twice.
class RedisLatestTransport final : public Transport {
 public:
  explicit RedisLatestTransport(const RedisLatestOptions& options) : options_(options), redis_(options.server) {}

  [[nodiscard]] std::string peer() const override {
    return fmt::format("{}, hashes {}*", to_string(options_.server), options_.prefix);
  }

  // A Redis that was away may have forgotten: that it was is a failure of its own, once, so that all is told again.
  core::Status connect(const Stopping&) override {
    bool anew = false;
    if (auto there = redis_.ensure(&anew); !there) return there;
    if (anew && std::exchange(was_there_, true)) {
      return core::unexpected(ErrorCode::kUnavailable, peer() + ": the connection was lost for a moment");
    }
    return {};
  }

  Delivery deliver(std::span<const Event> events, const Stopping&) override {
    std::vector<std::string> names;
    for (const Event& event : events) names.push_back(options_.prefix + event.machine);
    std::vector<redis::Connection::Words> commands;
    for (std::size_t i = 0; i < events.size(); ++i) {
      redis::Connection::Words& words = commands.emplace_back(redis::Connection::Words{"HSET", names[i]});
      for_each_line(events[i].body, [&](std::string_view sensor, std::string_view payload) {
        words.push_back(sensor);
        words.push_back(payload);
      });
    }
    if (auto set = redis_.pipeline(commands); !set) return Delivery::retry(0, set.error().message);
    return {events.size(), std::nullopt};
  }

 private:
  const RedisLatestOptions options_;
  redis::Connection redis_;
  bool was_there_ = false;
};

}  // namespace

RedisOptions read_redis_options(config::Section& section, const std::string& directory) {
  RedisOptions options{.server = redis::read_server(section, directory), .stream = {}};
  options.stream = section.text("stream", {.fallback = "millwright:alarms"});
  if (options.stream.empty()) section.problem("stream", "a stream has a name");
  options.length_max = static_cast<std::uint64_t>(
      section.integer("length_max", {.fallback = static_cast<std::int64_t>(options.length_max), .low = 1}));
  return options;
}

RedisLatestOptions read_redis_latest_options(config::Section& section, const std::string& directory) {
  return {.server = redis::read_server(section, directory),
          .prefix = section.text("prefix", {.fallback = "millwright:latest:"})};
}

std::unique_ptr<Transport> make_redis_transport(const RedisOptions& options) {
  return std::make_unique<RedisTransport>(options);
}
std::unique_ptr<Transport> make_redis_latest_transport(const RedisLatestOptions& options) {
  return std::make_unique<RedisLatestTransport>(options);
}

}  // namespace millwright::forwarding
