#include "connectors/opcua_client.hpp"

#include <bit>
#include <cmath>
#include <deque>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/opcua_client_values.hpp"
#include "connectors/tests/opcua_client_rig.hpp"
#include "connectors/tests/opcua_test_server.hpp"

namespace millwright::connectors {
namespace {

using testing::HasSubstr;

// Against a server

TEST(OpcUaClient, EveryValueArrivesInOrderAndBitForBit) {
  TestServer server(free_port());
  server.add("a");
  server.write_double("a", 7, kStart - 1000);
  server.start();
  Rig rig({{"a", nsu("a")}});
  rig.connect(server.endpoint());
  ASSERT_TRUE(rig.arrived(0, 1));
  std::vector<double> sent;
  for (int i = 0; i < 1000; ++i) sent.push_back(std::ldexp(1.0 + i * 0.0123456789, i % 600 - 300));
  sent[1] = -0.0;
  sent[2] = 4.9e-324;
  sent[3] = 0.1 + 0.2;
  for (std::size_t i = 0; i < sent.size(); ++i) {
    server.write_double("a", sent[i], kStart + static_cast<TimeNs>(i) * 1'000'123);
  }
  ASSERT_TRUE(rig.arrived(0, sent.size() + 1));
  std::vector<Taken> all = rig.taken(0);
  ASSERT_EQ(all.size(), sent.size() + 1);
  all.erase(all.begin());
  for (std::size_t i = 0; i < sent.size(); ++i) {
    ASSERT_EQ(all[i].bits, bits(sent[i])) << i;
    ASSERT_EQ(all[i].time, kStart + static_cast<TimeNs>(i) * 1'000'123) << i;
    ASSERT_EQ(all[i].quality, core::kGood) << i;
  }
  core::MutexLock lock(rig.shared.mutex);
  std::uint64_t last = 0;
  for (const auto& [epoch, sequence] : rig.shared.identities) {
    EXPECT_EQ(epoch, rig.shared.identities.front().first);
    EXPECT_GT(sequence, last);
    last = sequence;
  }
}

TEST(OpcUaClient, TypesStatusCodesAndNaN) {
  TestServer server(free_port());
  for (const char* name : {"int", "bool", "state", "wrong", "double"}) server.add(name);
  server.start();
  Rig rig({{"int", nsu("int"), ValueType::kInt64},
           {"bool", nsu("bool"), ValueType::kBool},
           {"state", nsu("state"), ValueType::kState},
           {"wrong", nsu("wrong")},
           {"double", nsu("double")}});
  TimeNs t = kStart;
  server.write<UA_Int16>("int", -7, UA_TYPES_INT16, t);
  server.write<UA_Boolean>("bool", true, UA_TYPES_BOOLEAN, t);
  server.write<UA_Int32>("state", 7, UA_TYPES_INT32, t);
  server.write<UA_String>("wrong", opcua_detail::borrow("hello"), UA_TYPES_STRING, t);
  server.write_double("double", 1.5, t, 0x40900000);
  rig.connect(server.endpoint());
  ASSERT_TRUE(rig.arrived(4, 1));
  ASSERT_TRUE(rig.arrived(0, 1) && rig.arrived(1, 1) && rig.arrived(2, 1) && rig.arrived(3, 1));
  EXPECT_EQ(rig.taken(0)[0].bits, static_cast<std::uint64_t>(-7LL));
  EXPECT_EQ(rig.taken(1)[0].bits, 1U);
  EXPECT_EQ(rig.taken(2)[0].bits, 7U);
  EXPECT_EQ(rig.taken(3)[0].quality, core::kBadTypeMismatch);
  EXPECT_EQ(rig.connector->status().refused, 1U);
  EXPECT_EQ(rig.taken(4)[0].quality, core::kUncertainLastUsable);
  // A bad one without a value keeps the last; NaN is a sensor's failure.
  server.write_nothing("double", t + 100, 0x808C0000);
  server.write_double("double", std::nan(""), t + 200);
  server.write_double("double", 2.5, t + 300);
  ASSERT_TRUE(rig.arrived(4, 4));
  const auto taken = rig.taken(4);
  EXPECT_EQ(taken[1].quality, core::kBadSensorFailure);
  EXPECT_EQ(taken[1].bits, bits(1.5));
  EXPECT_EQ(taken[2].quality, core::kBadSensorFailure);
  EXPECT_TRUE(std::isnan(std::bit_cast<double>(taken[2].bits)));
  EXPECT_EQ(taken[3].quality, core::kGood);
  EXPECT_EQ(rig.connector->status().readings, 8U);
}

TEST(OpcUaClient, ABadNodeIsAloneAndComesLater) {
  TestServer server(free_port());
  server.add("good");
  server.write_double("good", 1, kStart);
  server.start();
  Rig rig(
      {{"missing", nsu("late")}, {"good", nsu("good")}, {"elsewhere", "nsu=urn:nobody;s=x"}, {"broken", "ns=2;i=x"}});
  rig.connect(server.endpoint());
  ASSERT_TRUE(rig.arrived(1, 1));
  ASSERT_TRUE(rig.eventually([&] { return rig.live_quality(0) == core::kBadNodeIdUnknown; }));
  ASSERT_TRUE(rig.eventually([&] { return rig.live_quality(2) == core::kBadNodeIdUnknown; }));
  ASSERT_TRUE(rig.eventually([&] { return rig.live_quality(3).code == UA_STATUSCODE_BADNODEIDINVALID; }));
  ASSERT_TRUE(rig.connected());
  EXPECT_THAT(rig.connector->status().detail, HasSubstr("1 of 4 sensors"));
  server.add("late");
  server.write_double("late", 5, kStart + 1);
  ASSERT_TRUE(rig.eventually([&] { return rig.live_quality(0) == core::kGood; }));
  EXPECT_EQ(rig.taken(0).back().bits, bits(5));
  EXPECT_EQ(rig.taken(1).size(), 1U);
}

TEST(OpcUaClient, FindsNodesByPath) {
  TestServer server(free_port(), 3);
  server.add_folder("line");
  server.add_folder("line/press", "line");
  server.add("line/press/force", "line/press");
  server.add("line/press/speed", "line/press");
  server.write_double("line/press/force", 4.25, kStart);
  server.start();
  Rig rig({{"force", "line/press/force"}, {"speed", "Objects/2:line/press/speed"}, {"none", "line/press/none"}});
  rig.connect(server.endpoint());
  ASSERT_TRUE(rig.arrived(0, 1));
  EXPECT_EQ(rig.taken(0)[0].bits, bits(4.25));
  server.write_double("line/press/speed", 9, rig.clock.now());
  ASSERT_TRUE(rig.eventually([&] { return rig.live_quality(1) == core::kGood; }));
  ASSERT_TRUE(rig.eventually([&] { return rig.live_quality(2) == core::kBadNodeIdUnknown; }));
}

TEST(OpcUaClient, ComesBackAfterTheServerWithNothingDoubled) {
  const std::uint16_t port = free_port();
  Rig rig({{"a", nsu("a")}});
  const auto serve = [&](double value, TimeNs time) {
    auto server = std::make_unique<TestServer>(port);
    server->add("a");
    server->write_double("a", value, time);
    server->start();
    return server;
  };
  auto server = serve(1.5, kStart);
  rig.connect(server->endpoint());
  ASSERT_TRUE(rig.arrived(0, 1));
  server.reset();
  ASSERT_TRUE(rig.eventually([&] { return rig.live_quality(0) == core::kBadNoCommunication; }));
  ASSERT_TRUE(rig.eventually([&] { return rig.connector->status().state == ConnectorState::kBackingOff; }));
  ASSERT_TRUE(rig.eventually([&] {
    return rig.connector->status().detail.find("connection refused; trying again in") != std::string::npos;
  })) << rig.connector->status().detail;
  // The same value with the same time: it is known, but the sensor is back.
  server = serve(1.5, kStart);
  ASSERT_TRUE(rig.eventually([&] { return rig.live_quality(0) == core::kGood; }));
  EXPECT_EQ(rig.taken(0).size(), 1U);
  EXPECT_GE(rig.connector->status().reconnects, 1U);
  server->write_double("a", 2.5, kStart + 100);
  ASSERT_TRUE(rig.arrived(0, 2));
  EXPECT_EQ(rig.taken(0)[1].bits, bits(2.5));
  // A new connector, as after a restart, knows from the live table what was taken.
  rig.connector->stop();
  EXPECT_EQ(rig.connector->status().state, ConnectorState::kStopped);
  rig.connect(server->endpoint());
  ASSERT_TRUE(rig.connected());
  server->write_double("a", 3.5, kStart + 200);
  ASSERT_TRUE(rig.arrived(0, 3));
  EXPECT_EQ(rig.taken(0)[2].bits, bits(3.5));
}

TEST(OpcUaClient, GoesToTheNextEndpointWhereOneIsLost) {
  const auto serve = [](double value) {
    auto server = std::make_unique<TestServer>(free_port());
    server->add("a");
    server->write_double("a", value, kStart + static_cast<TimeNs>(value) * 1000);
    server->start();
    return server;
  };
  auto first = serve(1);
  auto second = serve(2);
  Rig rig({{"a", nsu("a")}});
  rig.options.others = {second->endpoint()};
  rig.options.retry_min = rig.options.retry_max = core::kHour;
  rig.connect(first->endpoint());
  ASSERT_TRUE(rig.arrived(0, 1));
  EXPECT_EQ(rig.taken(0)[0].bits, bits(1));
  first.reset();
  // At once, without the pause before a second attempt.
  ASSERT_TRUE(rig.arrived(0, 2));
  EXPECT_EQ(rig.taken(0)[1].bits, bits(2));
  ASSERT_TRUE(rig.connected());
  EXPECT_THAT(rig.connector->status().detail, HasSubstr(second->endpoint()));
}

TEST(OpcUaClient, ItsEpochRisesAlsoWhenTheClockWasSetBack) {
  TestServer server(free_port());
  server.add("a");
  server.write_double("a", 1, kStart);
  server.start();
  Rig rig({{"a", nsu("a")}});
  const std::uint64_t before = static_cast<std::uint64_t>(rig.clock.now() + core::kHour);
  rig.durable = {.epoch = before, .sequence = 7};
  rig.connect(server.endpoint());
  ASSERT_TRUE(rig.arrived(0, 1));
  core::MutexLock lock(rig.shared.mutex);
  EXPECT_EQ(rig.shared.identities.front().first, before + 1);
}

asset::Command command_to(asset::CommandKind kind, const std::string& address) {
  asset::Command command;
  command.name = "go";
  command.kind = kind;
  command.target = {"plc", address};
  command.object = "i=85";
  return command;
}

TEST(OpcUaClient, CommandsWriteVariablesInTheServersType) {
  TestServer server(free_port());
  server.add_folder("Line");
  for (const char* name : {"whole", "real", "kept"}) server.add(std::string("Line/") + name, "Line");
  server.write("Line/whole", std::int16_t{1}, UA_TYPES_INT16, kStart);
  server.write_double("Line/real", 1, kStart);
  server.write_double("Line/kept", 1, kStart);
  server.make_read_only("Line/kept");
  server.start();
  Rig rig({{"whole", nsu("Line/whole"), ValueType::kInt64}, {"real", "Line/real"}});
  rig.connect(server.endpoint());
  ASSERT_TRUE(rig.connected());
  ASSERT_TRUE(rig.arrived(0, 1) && rig.arrived(1, 1));
  const auto give = [&](const std::string& address, asset::CommandValue value) {
    return rig.connector->execute(command_to(asset::CommandKind::kWrite, address), std::span(&value, 1),
                                  5 * core::kSecond);
  };
  ASSERT_TRUE(give(nsu("Line/whole"), std::int64_t{-7}));
  ASSERT_TRUE(rig.eventually([&] { return rig.taken(0).back().bits == core::to_bits(std::int64_t{-7}); }));
  const auto by_path = give("Line/real", 2.5);
  ASSERT_TRUE(by_path) << by_path.error().message;
  ASSERT_TRUE(rig.eventually([&] { return rig.taken(1).back().bits == bits(2.5); }));
  EXPECT_EQ(give(nsu("Line/whole"), std::int64_t{40'000}).error().code, core::ErrorCode::kInvalid);
  EXPECT_EQ(give(nsu("Line/whole"), 1.5).error().code, core::ErrorCode::kInvalid);
  EXPECT_THAT(give(nsu("Line/kept"), 1.5).error().message, HasSubstr("BadNotWritable"));
  EXPECT_EQ(give(nsu("Line/missing"), 1.5).error().code, core::ErrorCode::kNotFound);
}

TEST(OpcUaClient, CommandsCallMethodsAndSayWhatTheyAnswer) {
  TestServer server(free_port());
  server.add_method("add");
  server.add("a");
  server.start();
  Rig rig({{"a", nsu("a")}});
  rig.connect(server.endpoint());
  ASSERT_TRUE(rig.connected());
  const auto call = [&](std::vector<asset::CommandValue> values) {
    return rig.connector->execute(command_to(asset::CommandKind::kCall, nsu("add")), values, 5 * core::kSecond);
  };
  const auto sum = call({1.5, std::int64_t{40}});
  ASSERT_TRUE(sum) << sum.error().message;
  EXPECT_THAT(*sum, HasSubstr("41.5"));
  EXPECT_EQ(call({1.5, std::int64_t{-1}}).error().code, core::ErrorCode::kInvalid);
  EXPECT_EQ(call({1.5}).error().code, core::ErrorCode::kInvalid);
  server.stop();
  ASSERT_TRUE(rig.eventually([&] { return rig.connector->status().state == ConnectorState::kBackingOff; }));
  EXPECT_EQ(call({1.5, std::int64_t{40}}).error().code, core::ErrorCode::kUnavailable);
}

TEST(OpcUaClient, SaysWhyItCannotConnect) {
  Rig rig({{"a", nsu("a")}});
  const std::uint16_t port = free_port();
  rig.connect("opc.tcp://127.0.0.1:" + std::to_string(port));
  ASSERT_TRUE(rig.eventually([&] { return rig.connector->status().state == ConnectorState::kBackingOff; }));
  EXPECT_THAT(rig.connector->status().detail, HasSubstr("connecting to opc.tcp://127.0.0.1:" + std::to_string(port)));
  EXPECT_THAT(rig.connector->status().detail, HasSubstr("connection refused; trying again in"));
  ASSERT_TRUE(rig.eventually([&] { return rig.live_quality(0) == core::kBadNoCommunication; }));
}

// Passes bytes both ways until it is told to say nothing more, with the connections left open.
class Proxy {
 public:
  Proxy(io::Network& network, io::Address target) : network_(network), target_(std::move(target)) {
    auto listener = network.listen({"127.0.0.1", 0});
    EXPECT_TRUE(listener);
    listener_ = std::move(*listener);
    threads_.emplace_back([this] { accept(); });
  }
  ~Proxy() {
    stop_ = true;
    threads_.front().join();
    for (const auto& stream : streams_) stream->shut_down();
    for (std::size_t i = 1; i < threads_.size(); ++i) threads_[i].join();
  }
  [[nodiscard]] std::uint16_t port() const { return listener_->port(); }
  void set_silent(bool silent) { silent_ = silent; }
  // All connections end and none is taken, until it is mended.
  void set_cut(bool cut) { cut_ = cut; }

 private:
  void accept() {
    while (!stop_) {
      auto client = listener_->accept(20 * core::kMillisecond);
      if (!client || cut_) continue;
      auto server = network_.connect(target_, core::kSecond);
      if (!server) continue;
      io::Stream* a = streams_.emplace_back(std::move(*client)).get();
      io::Stream* b = streams_.emplace_back(std::move(*server)).get();
      threads_.emplace_back([this, a, b] { pass(*a, *b); });
      threads_.emplace_back([this, a, b] { pass(*b, *a); });
    }
  }
  void pass(io::Stream& from, io::Stream& to) {
    std::vector<std::byte> bytes(65536);
    while (!stop_ && !cut_) {
      const auto n = from.read_some(bytes, 50 * core::kMillisecond);
      if (!n && n.error().code == core::ErrorCode::kTimeout) continue;
      if (!n) break;
      if (silent_) continue;
      if (!to.write_all(std::span(bytes).first(*n), core::kSecond)) break;
    }
    if (!silent_) to.shut_down();
  }
  io::Network& network_;
  io::Address target_;
  std::unique_ptr<io::Listener> listener_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> silent_{false};
  std::atomic<bool> cut_{false};
  std::deque<std::unique_ptr<io::Stream>> streams_;
  std::deque<std::thread> threads_;
};

// Without a history, what the server's queue holds is all there is.
TEST(OpcUaClient, WhatTheServerQueuedDuringACutIsNotLost) {
  const std::uint16_t port = free_port();
  TestServer server(port);
  for (const char* name : {"busy", "quiet"}) {
    server.add(name);
    server.write_double(name, 0, kStart);
  }
  server.start();
  Rig rig({{"busy", nsu("busy")}, {"quiet", nsu("quiet")}});
  Proxy proxy(rig.network, {"127.0.0.1", port});
  rig.connect("opc.tcp://127.0.0.1:" + std::to_string(proxy.port()));
  ASSERT_TRUE(rig.arrived(0, 1) && rig.arrived(1, 1));
  for (int cut = 1; cut <= 2; ++cut) {
    proxy.set_cut(true);
    ASSERT_TRUE(rig.eventually([&] { return rig.live_quality(1) == core::kBadNoCommunication; }));
    for (int k = 1; k <= 50; ++k) server.write_double("busy", cut * 100 + k, kStart + cut * 1000 + k);
    proxy.set_cut(false);
    ASSERT_TRUE(rig.arrived(0, static_cast<std::size_t>(cut) * 50 + 1));
    ASSERT_TRUE(rig.eventually([&] { return rig.live_quality(1) == core::kGood; }));
    EXPECT_EQ(server.monitored_items(), 2U);
  }
  const auto taken = rig.taken(0);
  ASSERT_EQ(taken.size(), 101U);
  for (std::size_t i = 1; i < taken.size(); ++i) {
    const int cut = i <= 50 ? 1 : 2;
    const int k = static_cast<int>(i) - (cut - 1) * 50;
    EXPECT_EQ(taken[i].bits, bits(cut * 100 + k));
  }
  EXPECT_EQ(rig.taken(1).size(), 1U);
}

TEST(OpcUaClient, NoticesAHalfOpenConnection) {
  const std::uint16_t port = free_port();
  TestServer server(port);
  server.add("a");
  server.write_double("a", 1, kStart);
  server.start();
  Rig rig({{"a", nsu("a")}});
  Proxy proxy(rig.network, {"127.0.0.1", port});
  rig.options.keep_alive = 100 * core::kMillisecond;
  rig.options.request_timeout = 2 * core::kSecond;
  rig.connect("opc.tcp://127.0.0.1:" + std::to_string(proxy.port()));
  ASSERT_TRUE(rig.arrived(0, 1));
  // Quiet, but alive: keep-alives hold the connection.
  rig.clock.sleep(3 * core::kSecond);
  EXPECT_EQ(rig.connector->status().state, ConnectorState::kConnected);
  EXPECT_EQ(rig.connector->status().reconnects, 0U);
  proxy.set_silent(true);
  ASSERT_TRUE(rig.eventually([&] { return rig.live_quality(0) == core::kBadNoCommunication; }));
  proxy.set_silent(false);
  ASSERT_TRUE(rig.eventually([&] { return rig.live_quality(0) == core::kGood; }));
  server.write_double("a", 2, kStart + 100);
  ASSERT_TRUE(rig.arrived(0, 2));
  EXPECT_EQ(rig.taken(0).size(), 2U);
}

}  // namespace
}  // namespace millwright::connectors
