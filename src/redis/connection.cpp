#include "redis/connection.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include "io/dead_peer.hpp"

namespace millwright::redis {
namespace {

using core::ErrorCode;

constexpr core::DurationNs kPingAfter = 3 * core::kSecond;  // of silence
constexpr core::DurationNs kConnectTimeout = 2 * core::kSecond;

timeval to_timeval(core::DurationNs duration) {
  return {.tv_sec = static_cast<time_t>(duration / core::kSecond),
          .tv_usec = static_cast<suseconds_t>(duration % core::kSecond / core::kMicrosecond)};
}

core::TimeNs monotonic() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

struct Arguments {
  explicit Arguments(const Connection::Words& words) {
    for (const std::string_view word : words) {
      texts.push_back(word.data());
      sizes.push_back(word.size());
    }
  }
  [[nodiscard]] int count() const { return static_cast<int>(texts.size()); }
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
};

}  // namespace

bool is_error(const redisReply& reply) {
  return reply.type == REDIS_REPLY_ERROR;
}

std::string_view text_of(const redisReply& reply) {
  return reply.str == nullptr ? std::string_view() : std::string_view(reply.str, static_cast<std::size_t>(reply.len));
}

std::string to_string(const Server& server) {
  return fmt::format("redis://{}:{}/{}", server.host, server.port, server.database);
}

void Connection::FreeContext::operator()(redisContext* context) const {
  redisFree(context);
}
void Connection::FreeReply::operator()(redisReply* reply) const {
  freeReplyObject(reply);
}

core::Status Connection::ensure(bool* anew) {
  if (anew != nullptr) *anew = false;
  if (context_ && monotonic() - spoke_ > kPingAfter) {
    if (auto alive = command({"PING"}); !alive) context_.reset();
  }
  if (context_) return {};
  if (anew != nullptr) *anew = true;
  return open();
}

core::Status Connection::open() {
  const auto password = server_.password.read();
  if (!password) return core::unexpected(password.error().within("password"));
  context_.reset(redisConnectWithTimeout(server_.host.c_str(), server_.port,
                                         to_timeval(std::min(server_.timeout, kConnectTimeout))));
  if (!context_ || context_->err != 0) return lost();
  redisSetTimeout(context_.get(), to_timeval(server_.timeout));
  io::notice_dead_peer(context_->fd);
  if (auto ready = introduce(*password); !ready) {
    context_.reset();
    return ready;
  }
  return {};
}

core::Status Connection::introduce(const std::optional<std::string>& password) {
  if (password) {
    auto known = server_.user.empty() ? command({"AUTH", *password}) : command({"AUTH", server_.user, *password});
    if (!known) return core::unexpected(known.error().within("signing in"));
  }
  if (server_.database != 0) {
    auto chosen = command({"SELECT", std::to_string(server_.database)});
    if (!chosen) return core::unexpected(chosen.error());
  }
  if (auto alive = command({"PING"}); !alive) return core::unexpected(alive.error());
  return {};
}

core::Unexpected Connection::lost() {
  auto error = core::unexpected(ErrorCode::kUnavailable, fmt::format("Redis at {}:{}: {}", server_.host, server_.port,
                                                                     context_ ? context_->errstr : "no memory"));
  context_.reset();
  return error;
}

core::Unexpected Connection::refused(std::string_view why) const {
  return core::unexpected(ErrorCode::kUnavailable,
                          fmt::format("Redis at {}:{} says: {}", server_.host, server_.port, why));
}

core::Result<Connection::Reply> Connection::command(const Words& words) {
  auto reply = ask(words);
  if (reply && is_error(**reply)) return refused(text_of(**reply));
  return reply;
}

core::Result<Connection::Reply> Connection::ask(const Words& words) {
  if (!context_) return core::unexpected(ErrorCode::kClosed, "no connection");
  Arguments arguments(words);
  Reply reply(static_cast<redisReply*>(
      redisCommandArgv(context_.get(), arguments.count(), arguments.texts.data(), arguments.sizes.data())));
  spoke_ = monotonic();
  if (!reply) return lost();
  return reply;
}

core::Status Connection::pipeline(const std::vector<Words>& commands) {
  if (!context_) return core::unexpected(ErrorCode::kClosed, "no connection");
  for (const Words& words : commands) {
    Arguments arguments(words);
    redisAppendCommandArgv(context_.get(), arguments.count(), arguments.texts.data(), arguments.sizes.data());
  }
  core::Status status;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    void* answer = nullptr;
    if (redisGetReply(context_.get(), &answer) != REDIS_OK) return lost();
    const Reply reply(static_cast<redisReply*>(answer));
    if (status && is_error(*reply)) status = refused(text_of(*reply));
  }
  spoke_ = monotonic();
  return status;
}

Server read_server(config::Section& section, const std::string& directory) {
  Server server;
  server.host = section.text("host");
  server.port = static_cast<std::uint16_t>(section.integer("port", {.fallback = server.port, .low = 1, .high = 65535}));
  server.user = section.text("user", {.fallback = ""});
  server.password = config::read_secret(section, "password", directory);
  if (!server.user.empty() && !server.password.given()) {
    section.problem("user", "a user has a password: say where, with password_file or password_env");
  }
  server.database =
      static_cast<std::uint32_t>(section.integer("database", {.fallback = 0, .low = 0, .high = 1'000'000}));
  server.timeout =
      section.duration("timeout", {.fallback = server.timeout, .low = 100 * core::kMillisecond, .high = core::kMinute});
  return server;
}

}  // namespace millwright::redis
