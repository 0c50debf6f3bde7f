// The receivers of a mirror: Redis by hiredis, PostgreSQL by database::Database.
#include <array>

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include "twin/mirror.hpp"

namespace millwright::twin {
namespace {

using core::ErrorCode;
using core::unexpected;

constexpr timeval kTimeout{.tv_sec = 5, .tv_usec = 0};

struct FreeContext {
  void operator()(redisContext* context) const { redisFree(context); }
};
struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};

class RedisTarget final : public MirrorTarget {
 public:
  explicit RedisTarget(const RedisMirrorOptions& options) : options_(options) {}

  [[nodiscard]] std::string name() const override {
    return fmt::format("redis://{}:{}, {}…", options_.host, options_.port, options_.prefix);
  }

  core::Status connect() override {
    context_.reset(redisConnectWithTimeout(options_.host.c_str(), options_.port, kTimeout));
    if (!context_ || context_->err != 0) {
      return unexpected(ErrorCode::kUnavailable, context_ ? context_->errstr : "no memory");
    }
    redisSetTimeout(context_.get(), kTimeout);
    const auto password = options_.password.read();
    if (!password) return unexpected(password.error().within("password"));
    if (!*password) return command({"PING"});
    return options_.user.empty() ? command({"AUTH", **password}) : command({"AUTH", options_.user, **password});
  }

  core::Status ask() override { return command({"PING"}); }

  core::Status put(const std::string& machine, const Fields& changed, const std::vector<std::string>& gone,
                   core::TimeNs now) override {
    const std::string key = options_.prefix + machine;
    const std::string time = core::format_time(now);
    std::vector<std::string_view> words{"HSET", key, "updated", time};
    for (const auto& [field, value] : changed) {
      words.push_back(field);
      words.push_back(value);
    }
    if (auto put = command(words); !put || gone.empty()) return put;
    words = {"HDEL", key};
    words.insert(words.end(), gone.begin(), gone.end());
    return command(words);
  }

 private:
  core::Status command(const std::vector<std::string_view>& words) {
    if (!context_) return unexpected(ErrorCode::kClosed, "no connection");
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const std::string_view word : words) {
      texts.push_back(word.data());
      sizes.push_back(word.size());
    }
    const std::unique_ptr<redisReply, FreeReply> reply(static_cast<redisReply*>(
        redisCommandArgv(context_.get(), static_cast<int>(texts.size()), texts.data(), sizes.data())));
    if (!reply) {
      const std::string why = context_->errstr;
      context_.reset();
      return unexpected(ErrorCode::kUnavailable, why);
    }
    if (reply->type != REDIS_REPLY_ERROR) return {};
    return unexpected(ErrorCode::kUnavailable, std::string(reply->str, reply->len));
  }

  const RedisMirrorOptions options_;
  std::unique_ptr<redisContext, FreeContext> context_;
};

class PostgresqlTarget final : public MirrorTarget {
 public:
  explicit PostgresqlTarget(const database::Options& options) : options_(options) {}

  [[nodiscard]] std::string name() const override { return options_.postgresql; }

  core::Status connect() override {
    database_.reset();
    auto opened = database::Database::open(options_);
    if (!opened) return unexpected(opened.error());
    static constexpr std::array<std::string_view, 1> kSteps{
        "CREATE TABLE twin_mirror (machine TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL, at BIGINT NOT "
        "NULL, PRIMARY KEY (machine, field))"};
    if (auto ready = (*opened)->migrate("twin_mirror", kSteps); !ready) return ready;
    database_ = std::move(*opened);
    return {};
  }

  core::Status ask() override {
    const auto answered = database_->query("SELECT 1");
    if (!answered) return unexpected(answered.error());
    return {};
  }

  core::Status put(const std::string& machine, const Fields& changed, const std::vector<std::string>& gone,
                   core::TimeNs now) override {
    return database_->transaction([&](database::Connection& c) -> core::Status {
      for (const auto& [field, value] : changed) {
        if (auto put = c.execute("INSERT INTO twin_mirror (machine, field, value, at) VALUES (:a, :b, :c, :d) ON "
                                 "CONFLICT (machine, field) DO UPDATE SET value = excluded.value, at = excluded.at",
                                 {machine, field, value, now});
            !put) {
          return unexpected(put.error());
        }
      }
      for (const std::string& field : gone) {
        if (auto put = c.execute("DELETE FROM twin_mirror WHERE machine = :a AND field = :b", {machine, field}); !put) {
          return unexpected(put.error());
        }
      }
      return {};
    });
  }

 private:
  const database::Options options_;
  std::unique_ptr<database::Database> database_;
};

}  // namespace

std::unique_ptr<MirrorTarget> make_redis_target(const RedisMirrorOptions& options) {
  return std::make_unique<RedisTarget>(options);
}

std::unique_ptr<MirrorTarget> make_postgresql_target(const database::Options& options) {
  return std::make_unique<PostgresqlTarget>(options);
}

}  // namespace millwright::twin
