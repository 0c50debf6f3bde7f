// Connection: one connection to Redis by hiredis, which stays inside, made when it is needed. The connection is not
// encrypted: hiredis 0.14, which Debian 12 has, cannot.
//
// Threads: one owner. Errors: kUnavailable, with what Redis or the system says; the connection is then made anew.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/secret.hpp"
#include "core/result.hpp"
#include "core/time.hpp"

struct redisContext;
struct redisReply;

namespace millwright::redis {

struct Server {
  std::string host;
  std::uint16_t port = 6379;
  std::string user;  // "": the default user
  config::Secret password;
  std::uint32_t database = 0;
  core::DurationNs timeout = 5 * core::kSecond;
};
// Reads `host`, `port`, `user`, `password_*`, `database` and `timeout`.
Server read_server(config::Section& section, const std::string& directory);
std::string to_string(const Server& server);  // "redis://host:6379/0"

class Connection {
 public:
  struct FreeReply {
    void operator()(redisReply* reply) const;
  };
  using Reply = std::unique_ptr<redisReply, FreeReply>;
  using Words = std::vector<std::string_view>;

  explicit Connection(const Server& server) : server_(server) {}

  // Makes sure of the connection: asks after a time of silence. Whether it is a new one, `*anew` says.
  core::Status ensure(bool* anew = nullptr);
  // Any answer. Without one the connection is over.
  core::Result<Reply> ask(const Words& words);
  // An answer that is no error.
  core::Result<Reply> command(const Words& words);
  // Many at once, and of each an answer that is no error.
  core::Status pipeline(const std::vector<Words>& commands);
  [[nodiscard]] core::Unexpected refused(std::string_view why) const;

 private:
  struct FreeContext {
    void operator()(redisContext* context) const;
  };
  core::Status open();
  core::Status introduce(const std::optional<std::string>& password);
  core::Unexpected lost();

  const Server server_;
  std::unique_ptr<redisContext, FreeContext> context_;
  core::TimeNs spoke_ = 0;  // monotonic
};

bool is_error(const redisReply& reply);
std::string_view text_of(const redisReply& reply);

}  // namespace millwright::redis
