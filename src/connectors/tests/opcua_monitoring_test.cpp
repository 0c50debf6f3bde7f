// How the OPC UA client has nodes monitored: queues, shared items, dead-bands, calls that a server's limits allow.
#include <gmock/gmock.h>

#include "connectors/tests/opcua_client_rig.hpp"
#include "connectors/tests/opcua_test_server.hpp"

namespace millwright::connectors {
namespace {

using testing::HasSubstr;

TEST(OpcUaClient, CountsOverflows) {
  TestServer server(free_port());
  server.add("a");
  server.write_double("a", 0, kStart);
  server.start();
  Rig rig({{"a", nsu("a")}});
  rig.options.queue_size = 2;
  rig.options.publishing_interval = 500 * core::kMillisecond;
  rig.connect(server.endpoint());
  ASSERT_TRUE(rig.arrived(0, 1));
  for (int i = 1; i <= 50; ++i) server.write_double("a", i, kStart + i * 100);
  ASSERT_TRUE(rig.eventually([&] { return !rig.taken(0).empty() && rig.taken(0).back().bits == bits(50); }));
  EXPECT_LT(rig.taken(0).size(), 50U);
  EXPECT_GE(rig.metrics.counter("millwright_opcua_client_overflows_total", "", {{"connector", "plc"}}).Value(), 1);
  for (const Taken& t : rig.taken(0)) EXPECT_TRUE(t.quality.is_good());
}

TEST(OpcUaClient, ElementsAndFieldsOfOneNodeShareItsMonitoredItem) {
  TestServer server(free_port());
  server.add("curve");
  server.add("limits");
  const auto write_curve = [&](std::vector<double> values, TimeNs time) {
    UA_DataValue data;
    UA_DataValue_init(&data);
    UA_Variant_setArray(&data.value, values.data(), values.size(), &UA_TYPES[UA_TYPES_DOUBLE]);
    data.hasValue = data.hasSourceTimestamp = true;
    data.sourceTimestamp = time / 100 + UA_DATETIME_UNIX_EPOCH;
    server.write("curve", data);
  };
  write_curve({1, 2, 3}, kStart);
  server.write("limits", UA_Range{-5, 5}, UA_TYPES_RANGE, kStart);
  server.start();
  Rig rig({{"first", nsu("curve [index=0]")},
           {"last", nsu("curve [index=2]")},
           {"none", nsu("curve [index=7]")},
           {"whole", nsu("curve")},
           {"low", nsu("limits [field=Low]")},
           {"wrong", nsu("limits [field=Middle]")}});
  rig.connect(server.endpoint());
  for (std::size_t i = 0; i < 6; ++i) ASSERT_TRUE(rig.arrived(i, 1)) << i;
  EXPECT_EQ(rig.taken(0)[0].bits, bits(1));
  EXPECT_EQ(rig.taken(1)[0].bits, bits(3));
  EXPECT_EQ(rig.taken(1)[0].time, kStart);
  EXPECT_EQ(rig.taken(2)[0].quality.code, UA_STATUSCODE_BADINDEXRANGENODATA);
  EXPECT_EQ(rig.taken(3)[0].quality, core::kBadTypeMismatch);
  EXPECT_EQ(rig.taken(4)[0].bits, bits(-5));
  EXPECT_EQ(rig.taken(5)[0].quality.code, UA_STATUSCODE_BADNOTFOUND);
  ASSERT_TRUE(rig.eventually([&] {
    return rig.connector->status().detail.find("there is no '[7]'") != std::string::npos;
  })) << rig.connector->status().detail;
  EXPECT_THAT(rig.connector->status().detail, HasSubstr("6 of 6 sensors"));
  EXPECT_EQ(server.monitored_items(), 2U);
  // A longer array mends what asked for too much.
  write_curve({4, 5, 6, 7, 8, 9, 10, 11}, kStart + 100);
  ASSERT_TRUE(rig.arrived(2, 2));
  EXPECT_EQ(rig.taken(2)[1].bits, bits(11));
  EXPECT_EQ(rig.taken(0)[1].bits, bits(4));
}

TEST(OpcUaClient, ADeadBandHoldsAtTheServer) {
  TestServer server(free_port());
  for (const char* name : {"wide", "narrow", "ranged"}) {
    server.add(name);
    server.write_double(name, 0, kStart);
  }
  server.start();
  Rig rig({{"wide", nsu("wide [dead_band=10]")}, {"narrow", nsu("narrow")}, {"ranged", nsu("ranged [dead_band=1%]")}});
  rig.options.dead_band = {.value = 0.5, .is_percent = false};
  rig.connect(server.endpoint());
  for (std::size_t i = 0; i < 3; ++i) ASSERT_TRUE(rig.arrived(i, 1)) << i;
  for (int i = 1; i <= 25; ++i) {
    for (const char* name : {"wide", "narrow", "ranged"}) server.write_double(name, i, kStart + i * 100);
    server.write_double("narrow", i + 0.25, kStart + i * 100 + 50);
  }
  // A range is what the percent are of, and this node has none: the server says so, and every change comes.
  ASSERT_TRUE(rig.arrived(2, 26));
  ASSERT_TRUE(rig.arrived(1, 26));
  EXPECT_THAT(rig.connector->status().detail, HasSubstr("takes no dead-band for 1 nodes"));
  const auto wide = rig.taken(0);
  ASSERT_EQ(wide.size(), 3U);
  EXPECT_EQ(wide[1].bits, bits(11));
  EXPECT_EQ(wide[2].bits, bits(22));
  EXPECT_EQ(rig.taken(1).size(), 26U);  // the quarters are within its dead-band, the connector's
}

struct Limits {
  std::uint32_t items;          // of a subscription
  std::uint32_t subscriptions;  // of a session
};

std::unique_ptr<TestServer> limited_server(std::size_t nodes, Limits limits, std::vector<SensorSpec>& specs) {
  auto server = std::make_unique<TestServer>(free_port(), 0, [&](UA_ServerConfig& config) {
    config.maxMonitoredItemsPerSubscription = limits.items;
    config.maxSubscriptionsPerSession = limits.subscriptions;
  });
  for (std::size_t i = 0; i < nodes; ++i) {
    const std::string name = "n" + std::to_string(i);
    server->add(name);
    server->write_double(name, static_cast<double>(i), kStart);
    specs.push_back({name, nsu(name)});
  }
  server->start();
  return server;
}

TEST(OpcUaClient, AFullSubscriptionIsFollowedByAnother) {
  std::vector<SensorSpec> specs;
  const auto server = limited_server(100, {.items = 30, .subscriptions = 4}, specs);
  Rig rig(specs);
  rig.connect(server->endpoint());
  for (std::size_t i = 0; i < specs.size(); ++i) ASSERT_TRUE(rig.arrived(i, 1)) << i;
  EXPECT_EQ(server->monitored_items(), 100U);
  ASSERT_TRUE(rig.connected());
  EXPECT_THAT(rig.connector->status().detail, HasSubstr("100 of 100 sensors subscribed"));
}

TEST(OpcUaClient, WhatNoSubscriptionTakesIsBadAndTheRestFlows) {
  std::vector<SensorSpec> specs;
  const auto server = limited_server(100, {.items = 30, .subscriptions = 2}, specs);
  Rig rig(specs);
  rig.connect(server->endpoint());
  for (std::size_t i = 0; i < 60; ++i) ASSERT_TRUE(rig.arrived(i, 1)) << i;
  for (std::size_t i = 60; i < 100; ++i) {
    ASSERT_TRUE(rig.eventually([&] { return rig.live_quality(i).code == UA_STATUSCODE_BADTOOMANYSUBSCRIPTIONS; })) << i;
  }
  ASSERT_TRUE(rig.connected());
  EXPECT_THAT(rig.connector->status().detail, HasSubstr("60 of 100 sensors subscribed"));
  server->write_double("n0", 7, kStart + 1000);
  ASSERT_TRUE(rig.arrived(0, 2));
  EXPECT_EQ(rig.connector->status().reconnects, 0U);
}

TEST(OpcUaClient, ANodeThatWasDeletedComesBack) {
  TestServer server(free_port());
  server.add("a");
  server.write_double("a", 1, kStart);
  server.start();
  Rig rig({{"a", nsu("a")}});
  rig.options.sampling_interval = 20 * core::kMillisecond;
  rig.connect(server.endpoint());
  ASSERT_TRUE(rig.arrived(0, 1));
  server.remove("a");
  ASSERT_TRUE(rig.eventually([&] { return rig.live_quality(0) == core::kBadNodeIdUnknown; }));
  ASSERT_TRUE(rig.eventually(
      [&] { return rig.connector->status().detail.find("0 of 1 sensors subscribed") != std::string::npos; }));
  server.add("a");
  server.write_double("a", 2, kStart + 1000);
  ASSERT_TRUE(rig.arrived(0, 2));
  ASSERT_TRUE(rig.eventually([&] { return rig.live_quality(0) == core::kGood; }));
  EXPECT_EQ(rig.connector->status().reconnects, 0U);
}

TEST(OpcUaClient, ASessionWithoutSubscriptionsLives) {
  TestServer server(free_port(), 0, [](UA_ServerConfig& config) { config.maxSessionTimeout = 3'000; });
  server.add("a");
  server.write_double("a", 1, kStart);
  server.start();
  Rig rig(std::vector<SensorSpec>{{"nowhere", "not/there"}});
  rig.options.bad_node_retry = core::kHour;
  rig.options.session_timeout = 3 * core::kSecond;
  rig.connect(server.endpoint());
  ASSERT_TRUE(rig.connected());
  asset::Command command;
  command.name = "go";
  command.kind = asset::CommandKind::kWrite;
  command.target = {"plc", nsu("a")};
  // Longer than the server keeps a session that says nothing.
  rig.clock.sleep(5 * core::kSecond);
  const asset::CommandValue value = 2.5;
  const auto done = rig.connector->execute(command, std::span(&value, 1), 5 * core::kSecond);
  EXPECT_TRUE(done) << done.error().message;
  EXPECT_EQ(rig.connector->status().reconnects, 0U);
}

TEST(OpcUaClient, TenThousandNodesInSmallCalls) {
  constexpr int kNodes = 10'000;
  TestServer server(free_port(), 300);
  std::vector<SensorSpec> specs;
  for (int i = 0; i < kNodes; ++i) {
    const std::string name = "n" + std::to_string(i);
    server.add(name);
    server.write_double(name, i, kStart);
    specs.push_back({name, nsu(name)});
  }
  server.start();
  Rig rig(specs);
  const TimeNs begin = rig.clock.monotonic();
  rig.connect(server.endpoint());
  ASSERT_TRUE(rig.eventually([&] { return rig.connector->status().readings == kNodes; }, 60 * core::kSecond))
      << rig.connector->status().readings << " " << rig.connector->status().detail;
  RecordProperty("subscribe_ms", static_cast<int>((rig.clock.monotonic() - begin) / core::kMillisecond));
  ASSERT_TRUE(rig.connected());
  for (int i = 0; i < kNodes; ++i) {
    ASSERT_TRUE(
        rig.eventually([&] { return rig.live.read(core::SensorId(static_cast<std::size_t>(i))).readings == 1; }));
    ASSERT_EQ(rig.live.read(core::SensorId(static_cast<std::size_t>(i))).as<double>(), i);
  }
}

}  // namespace
}  // namespace millwright::connectors
