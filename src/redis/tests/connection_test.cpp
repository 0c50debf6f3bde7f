// Against a real Redis: commands and their refusals, many at once, a sign-in, and a server that goes away and comes
// back.
#include "redis/connection.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <hiredis/hiredis.h>

#include "io/tests/foreign_server.hpp"

namespace millwright::redis {
namespace {

constexpr const char* kProgram = "/usr/bin/redis-server";

class ConnectionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::access(kProgram, X_OK) != 0) GTEST_SKIP() << "redis-server is not installed";
    server_.host = "127.0.0.1";
    server_.port = io::free_port();
    ASSERT_NO_FATAL_FAILURE(start());
  }
  void start() {
    process_.start({kProgram, "--port", std::to_string(server_.port), "--bind", "127.0.0.1", "--save", "",
                    "--appendonly", "no", "--logfile", "/dev/null"});
    Connection trial(server_);
    for (int i = 0; i < 200 && !trial.ensure(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    ASSERT_TRUE(trial.ensure());
  }
  Server server_;
  io::ForeignServer process_;
};

TEST_F(ConnectionTest, CommandsAreAnsweredAndRefused) {
  Connection redis(server_);
  EXPECT_EQ(redis.command({"PING"}).error().code, core::ErrorCode::kClosed);
  bool anew = false;
  ASSERT_TRUE(redis.ensure(&anew));
  EXPECT_TRUE(anew);
  ASSERT_TRUE(redis.ensure(&anew));
  EXPECT_FALSE(anew);
  ASSERT_TRUE(redis.command({"SET", "a", std::string_view("x\0y", 3)}));
  const auto got = redis.command({"GET", "a"});
  ASSERT_TRUE(got);
  EXPECT_EQ(text_of(**got), std::string_view("x\0y", 3));
  const auto refused = redis.command({"LPUSH", "a", "1"});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("WRONGTYPE"), std::string::npos) << refused.error().message;
  EXPECT_TRUE(redis.command({"PING"}));  // a refusal ends nothing
}

TEST_F(ConnectionTest, OneRefusalOfManyIsTold) {
  Connection redis(server_);
  ASSERT_TRUE(redis.ensure());
  ASSERT_TRUE(redis.pipeline({{"SET", "a", "1"}, {"SET", "b", "2"}}));
  EXPECT_FALSE(redis.pipeline({{"LPUSH", "a", "1"}, {"SET", "c", "3"}}));
  const auto got = redis.command({"GET", "c"});
  ASSERT_TRUE(got);
  EXPECT_EQ(text_of(**got), "3");
}

TEST_F(ConnectionTest, AServerThatComesBackIsFound) {
  Connection redis(server_);
  ASSERT_TRUE(redis.ensure());
  process_.kill();
  EXPECT_EQ(redis.command({"PING"}).error().code, core::ErrorCode::kUnavailable);
  const auto away = redis.ensure();
  ASSERT_FALSE(away);
  EXPECT_NE(away.error().message.find(std::to_string(server_.port)), std::string::npos) << away.error().message;
  ASSERT_NO_FATAL_FAILURE(start());
  bool anew = false;
  ASSERT_TRUE(redis.ensure(&anew));
  EXPECT_TRUE(anew);
}

TEST_F(ConnectionTest, SignsIn) {
  Connection redis(server_);
  ASSERT_TRUE(redis.ensure());
  ASSERT_TRUE(redis.command({"ACL", "SETUSER", "plant", "on", ">right", "~*", "+@all"}));
  const std::string file = ::testing::TempDir() + "millwright-redis-" + std::to_string(::getpid());
  const auto with = [&](std::string_view password) {
    std::ofstream(file) << password << '\n';
    auto document = config::Document::parse("redis: {host: 127.0.0.1, port: " + std::to_string(server_.port) +
                                                ", user: plant, password_file: " + file + "}",
                                            "test.yaml");
    config::Section section = document->root().section("redis");
    return read_server(section, "/");
  };
  EXPECT_TRUE(Connection(with("right")).ensure());
  const auto wrong = Connection(with("wrong")).ensure();
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find("signing in"), std::string::npos) << wrong.error().message;
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace millwright::redis
