#include "forwarding/redis_transport.hpp"

#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include "core/text.hpp"

namespace millwright::forwarding {
namespace {

using core::ErrorCode;

constexpr core::DurationNs kPingAfter = 3 * core::kSecond;  // of silence

struct FreeContext {
  void operator()(redisContext* context) const { redisFree(context); }
};
struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Context = std::unique_ptr<redisContext, FreeContext>;
using Reply = std::unique_ptr<redisReply, FreeReply>;

timeval to_timeval(core::DurationNs duration) {
  return {.tv_sec = static_cast<time_t>(duration / core::kSecond),
          .tv_usec = static_cast<suseconds_t>(duration % core::kSecond / core::kMicrosecond)};
}

std::string_view text_of(const redisReply& reply) {
  return reply.str == nullptr ? std::string_view() : std::string_view(reply.str, static_cast<std::size_t>(reply.len));
}

bool is_error(const redisReply& reply) {
  return reply.type == REDIS_REPLY_ERROR;
}

// The value of a field in the flat list that XINFO answers.
std::string_view field_of(const redisReply& list, std::string_view name) {
  if (list.type != REDIS_REPLY_ARRAY) return {};
  for (std::size_t i = 0; i + 1 < list.elements; i += 2) {
    if (text_of(*list.element[i]) == name) return text_of(*list.element[i + 1]);
  }
  return {};
}

class RedisTransport final : public Transport {
 public:
  RedisTransport(const RedisOptions& options, const io::Clock& clock) : options_(options), clock_(clock) {}

  [[nodiscard]] std::string peer() const override {
    return fmt::format("redis://{}:{}/{}, stream {}", options_.host, options_.port, options_.database, options_.stream);
  }

  core::Status connect(const Stopping&) override {
    if (context_ && clock_.monotonic() - spoke_ > kPingAfter) {
      if (auto alive = command({"PING"}); !alive) context_.reset();
    }
    return context_ ? core::Status() : open();
  }

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
  core::Status open() {
    const auto password = options_.password.read();
    if (!password) return core::unexpected(password.error().within("password"));
    Context context(redisConnectWithTimeout(options_.host.c_str(), options_.port, to_timeval(options_.timeout)));
    if (!context || context->err != 0) {
      return core::unexpected(ErrorCode::kUnavailable, fmt::format("Redis at {}:{}: {}", options_.host, options_.port,
                                                                   context ? context->errstr : "no memory"));
    }
    redisSetTimeout(context.get(), to_timeval(options_.timeout));
    redisEnableKeepAlive(context.get());
    context_ = std::move(context);
    if (auto ready = introduce(*password); !ready) {
      context_.reset();
      return ready;
    }
    return {};
  }

  core::Status introduce(const std::optional<std::string>& password) {
    if (password) {
      auto known = options_.user.empty() ? command({"AUTH", *password}) : command({"AUTH", options_.user, *password});
      if (!known) return core::unexpected(known.error().within("signing in"));
    }
    if (options_.database != 0) {
      auto chosen = command({"SELECT", std::to_string(options_.database)});
      if (!chosen) return core::unexpected(chosen.error());
    }
    if (auto alive = command({"PING"}); !alive) return core::unexpected(alive.error());
    return {};
  }

  core::Status add(const Event& event) {
    const auto reply =
        ask({"XADD", options_.stream, "MAXLEN", "~", std::to_string(options_.length_max), event.key, "kind", event.kind,
             "id", std::to_string(event.id), "machine", event.machine, "event", event.body});
    if (!reply) return core::unexpected(reply.error());
    if (!is_error(**reply)) return {};
    const std::string why(text_of(**reply));
    if (why.find("equal or smaller") == std::string::npos) return refused(why);
    return check_repeat(event);
  }

  // Redis has this id behind it. Either the event is in the stream, or was before the stream was trimmed; or somebody
  // else writes to it, with ids that leave no room for ours.
  core::Status check_repeat(const Event& event) {
    const auto found = command({"XRANGE", options_.stream, event.key, event.key});
    if (!found) return core::unexpected(found.error());
    if ((*found)->type == REDIS_REPLY_ARRAY && (*found)->elements != 0) return {};
    const auto info = command({"XINFO", "STREAM", options_.stream});
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

  [[nodiscard]] core::Unexpected refused(std::string_view why) const {
    return core::unexpected(ErrorCode::kUnavailable,
                            fmt::format("Redis at {}:{} says: {}", options_.host, options_.port, why));
  }

  // An answer that is no error.
  core::Result<Reply> command(const std::vector<std::string_view>& words) {
    auto reply = ask(words);
    if (reply && is_error(**reply)) return refused(text_of(**reply));
    return reply;
  }

  // Any answer. Without one the connection is over.
  core::Result<Reply> ask(const std::vector<std::string_view>& words);

  const RedisOptions options_;
  const io::Clock& clock_;
  Context context_;
  core::TimeNs spoke_ = 0;  // monotonic
};

core::Result<Reply> RedisTransport::ask(const std::vector<std::string_view>& words) {
  if (!context_) return core::unexpected(ErrorCode::kClosed, "no connection");
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  for (const std::string_view word : words) {
    texts.push_back(word.data());
    sizes.push_back(word.size());
  }
  Reply reply(static_cast<redisReply*>(
      redisCommandArgv(context_.get(), static_cast<int>(texts.size()), texts.data(), sizes.data())));
  spoke_ = clock_.monotonic();
  if (reply) return reply;
  auto lost = core::unexpected(ErrorCode::kUnavailable,
                               fmt::format("Redis at {}:{}: {}", options_.host, options_.port, context_->errstr));
  context_.reset();
  return lost;
}

}  // namespace

RedisOptions read_redis_options(config::Section& section, const std::string& directory) {
  RedisOptions options;
  options.host = section.text("host");
  options.port =
      static_cast<std::uint16_t>(section.integer("port", {.fallback = options.port, .low = 1, .high = 65535}));
  options.user = section.text("user", {.fallback = ""});
  options.password = read_secret(section, "password", directory);
  if (!options.user.empty() && !options.password.given()) {
    section.problem("user", "a user has a password: say where, with password_file or password_env");
  }
  options.database =
      static_cast<std::uint32_t>(section.integer("database", {.fallback = 0, .low = 0, .high = 1'000'000}));
  options.stream = section.text("stream", {.fallback = "millwright:alarms"});
  if (options.stream.empty()) section.problem("stream", "a stream has a name");
  options.length_max = static_cast<std::uint64_t>(
      section.integer("length_max", {.fallback = static_cast<std::int64_t>(options.length_max), .low = 1}));
  options.timeout = section.duration(
      "timeout", {.fallback = options.timeout, .low = 100 * core::kMillisecond, .high = core::kMinute});
  return options;
}

std::unique_ptr<Transport> make_redis_transport(const RedisOptions& options, const io::Clock& clock) {
  return std::make_unique<RedisTransport>(options, clock);
}

}  // namespace millwright::forwarding
