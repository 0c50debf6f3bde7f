// Against a real mosquitto: what is published arrives, what is not acknowledged comes again, also after the end of the
// one who held it.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>

#include "io/tests/foreign_server.hpp"
#include "mqtt/publisher.hpp"
#include "mqtt/subscriber.hpp"

namespace millwright::mqtt {
namespace {

const Stopping kNever = [] { return false; };

class Broker : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::access("/usr/sbin/mosquitto", X_OK) != 0) GTEST_SKIP() << "mosquitto is not installed";
    options_.host = "127.0.0.1";
    options_.port = io::free_port();
    options_.client_id = "subscriber";
    options_.timeout = 5 * core::kSecond;
    file_ = ::testing::TempDir() + "millwright-mqtt-" + std::to_string(::getpid()) + ".conf";
    std::ofstream(file_) << "listener " << options_.port << " 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n";
    broker_.start({"/usr/sbin/mosquitto", "-c", file_});
    sender_options_ = options_;
    sender_options_.client_id = "sender";
    for (int i = 0; i < 200 && !sender_; ++i) {
      auto sender = Publisher::open(sender_options_, {.topic = "plant/status"}, kNever);
      if (sender) sender_ = std::move(*sender);
      if (!sender_) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    ASSERT_TRUE(sender_);
  }
  void TearDown() override {
    sender_.reset();
    broker_.kill();
    std::filesystem::remove(file_);
  }

  std::unique_ptr<Subscriber> subscribe(std::vector<std::string> filters) {
    auto one = Subscriber::open(
        options_, {.filters = std::move(filters), .session_expiry = core::kHour, .payload_bytes_max = 1 << 20}, {},
        [this](const Received& message) {
          got_.push_back(std::string(message.payload));
          retained_ += message.retained ? 1 : 0;
        },
        kNever);
    EXPECT_TRUE(one) << one.error().message;
    return one ? std::move(*one) : nullptr;
  }
  // Waits until the broker has it.
  void send(const std::string& topic, const std::string& body, bool retain = false) {
    const auto message = sender_->publish({.topic = topic, .body = body, .id = "7", .retain = retain});
    ASSERT_TRUE(message);
    for (int i = 0; i < 100 && !sender_->acknowledged(*message); ++i) sender_->wait(core::kSecond);
    EXPECT_EQ(sender_->acknowledged(*message).value_or(-1) & 0x80, 0);
  }
  // Until there are `count`; false where they do not come.
  bool receive(Subscriber& one, std::size_t count) {
    for (int i = 0; i < 300 && got_.size() < count; ++i) {
      if (!one.receive(20 * core::kMillisecond, 1000)) return false;
    }
    return got_.size() == count;
  }
  bool settle(Subscriber& one) {
    for (int i = 0; i < 300 && !one.subscribed(); ++i) {
      if (!one.receive(20 * core::kMillisecond, 1000)) return false;
    }
    return one.subscribed();
  }

  Options options_;
  Options sender_options_;
  std::string file_;
  io::ForeignServer broker_;
  std::unique_ptr<Publisher> sender_;
  std::vector<std::string> got_;
  int retained_ = 0;
};

TEST_F(Broker, WhatIsHeldComesAgain) {
  auto one = subscribe({"plant/a"});
  ASSERT_TRUE(one && settle(*one));
  for (int i = 0; i < 100; ++i) send("plant/a", std::to_string(i));
  ASSERT_TRUE(receive(*one, 100));
  EXPECT_EQ(one->held(), 100U);
  one.reset();  // as a crash would

  got_.clear();
  one = subscribe({"plant/a"});
  ASSERT_TRUE(one && receive(*one, 100)) << got_.size();
  EXPECT_EQ(got_.front(), "0");
  EXPECT_EQ(got_.back(), "99");
  EXPECT_TRUE(one->acknowledge());
  ASSERT_TRUE(settle(*one));
  one.reset();

  got_.clear();
  send("plant/a", "while away");
  one = subscribe({"plant/a"});
  ASSERT_TRUE(one && receive(*one, 1));
  EXPECT_EQ(got_.front(), "while away");
}

TEST_F(Broker, SharesAndSaysWhatIsRetained) {
  send("plant/a", "old", true);
  auto one = subscribe({"$share/group/plant/b", "plant/a"});
  ASSERT_TRUE(one && receive(*one, 1));
  EXPECT_EQ(retained_, 1);
  EXPECT_TRUE(one->acknowledge());
  ASSERT_TRUE(settle(*one));
  send("plant/b", "shared");
  ASSERT_TRUE(receive(*one, 2));
  EXPECT_EQ(got_.back(), "shared");
}

TEST_F(Broker, SeesTheEndOfTheBroker) {
  auto one = subscribe({"plant/a"});
  ASSERT_TRUE(one && settle(*one));
  broker_.kill();
  bool lost = false;
  for (int i = 0; i < 100 && !lost; ++i) lost = !one->receive(50 * core::kMillisecond, 10);
  EXPECT_TRUE(lost);
}

TEST_F(Broker, NobodyThere) {
  Options nobody = options_;
  nobody.port = io::free_port();
  EXPECT_FALSE(Subscriber::open(
      nobody, {.filters = {"a"}}, {}, [](const Received&) {}, kNever));
}

}  // namespace
}  // namespace millwright::mqtt
