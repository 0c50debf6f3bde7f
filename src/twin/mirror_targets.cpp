// The receivers of a mirror: Redis, PostgreSQL by database::Database.
#include <array>

#include <fmt/format.h>

#include "twin/mirror.hpp"

namespace millwright::twin {
namespace {

using core::unexpected;

class RedisTarget final : public MirrorTarget {
 public:
  explicit RedisTarget(const RedisMirrorOptions& options) : options_(options), redis_(options.server) {}

  [[nodiscard]] std::string name() const override {
    return fmt::format("{}, {}…", redis::to_string(options_.server), options_.prefix);
  }

  core::Status connect() override { return redis_.ensure(); }

  core::Status ask() override { return redis_.pipeline({{"PING"}}); }

  core::Status put(const std::string& machine, const Fields& changed, const std::vector<std::string>& gone,
                   core::TimeNs now) override {
    const std::string key = options_.prefix + machine;
    const std::string time = core::format_time(now);
    std::vector<redis::Connection::Words> commands{{"HSET", key, "updated", time}};
    for (const auto& [field, value] : changed) {
      commands.front().push_back(field);
      commands.front().push_back(value);
    }
    if (!gone.empty()) {
      auto& words = commands.emplace_back(redis::Connection::Words{"HDEL", key});
      words.insert(words.end(), gone.begin(), gone.end());
    }
    return redis_.pipeline(commands);
  }

 private:
  const RedisMirrorOptions options_;
  redis::Connection redis_;
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
