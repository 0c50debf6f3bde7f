// Nodes on servers that remember few places where they stopped (open62541: five a session).

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/opcua_browser.hpp"
#include "connectors/opcua_client_link.hpp"
#include "connectors/opcua_client_services.hpp"
#include "connectors/tests/opcua_client_rig.hpp"
#include "connectors/tests/opcua_test_server.hpp"

namespace millwright::connectors {
namespace {

constexpr int kMachines = 100;
constexpr int kVariables = 60;

std::string machine_name(int machine) {
  return "m" + std::to_string(machine);
}
std::string variable_name(int machine, int variable) {
  return machine_name(machine) + "/v" + std::to_string(variable);
}

// 100 machines of 60 variables, of which the server tells so many at a time (0: all that are asked for).
struct Hall {
  explicit Hall(std::uint32_t references_max) {
    for (int m = 0; m < kMachines; ++m) {
      server.add_folder(machine_name(m));
      for (int v = 0; v < kVariables; ++v) server.add(variable_name(m, v), machine_name(m));
    }
    server.limit_references(references_max);
    server.start();
  }
  TestServer server{free_port()};
};

TEST(OpcUaBrowse, NoNodeIsLostWhereTheServerRemembersFewPlaces) {
  for (const std::uint32_t references_max : {0U, 7U}) {
    SCOPED_TRACE(references_max);
    Hall hall(references_max);
    OpcUaClientOptions options;
    options.endpoint = hall.server.endpoint();
    const io::RealClock clock;
    const auto tree = browse_opcua(options, nullptr, clock, {});
    ASSERT_TRUE(tree) << tree.error().message;
    ASSERT_EQ((*tree)->children.size(), static_cast<std::size_t>(kMachines));
    for (const auto& machine : (*tree)->children) {
      ASSERT_EQ(machine->children.size(), static_cast<std::size_t>(kVariables)) << machine->name;
      EXPECT_EQ(machine->unseen, "");
    }
  }
}

TEST(OpcUaBrowse, SensorsByPathAreAllFound) {
  Hall hall(7);
  std::vector<SensorSpec> specs;
  for (int m = 0; m < kMachines; ++m) {
    for (int v = 0; v < kVariables; ++v) specs.push_back({"s" + std::to_string(specs.size()), variable_name(m, v)});
  }
  Rig rig(specs);
  rig.connect(hall.server.endpoint());
  ASSERT_TRUE(rig.connected());
  EXPECT_EQ(hall.server.monitored_items(), specs.size()) << rig.connector->status().detail;
}

TEST(OpcUaBrowse, WhatIsNotBrowsedIsToldWithItsStatus) {
  TestServer server(free_port());
  server.add_folder("there");
  server.add("there/a", "there");
  server.start();
  OpcUaClientOptions options;
  options.endpoint = server.endpoint();
  const io::RealClock clock;
  const std::atomic<bool> stop{false};
  opcua_detail::NoSink sink;
  auto link = opcua_detail::Link::open(options, options.endpoint, nullptr, "test", clock, stop, sink);
  ASSERT_TRUE(link) << link.error().message;
  opcua_detail::Services services(**link, 10);
  const UA_NodeId there = server.id("there");
  const UA_NodeId gone = server.id("gone");
  const UA_NodeId* const nodes[] = {&gone, &there};
  std::vector<std::pair<std::size_t, UA_StatusCode>> refused;
  std::vector<std::size_t> taken;
  const core::Status browsed = services.browse(
      nodes, {}, [&](std::size_t i, const UA_ReferenceDescription&) { taken.push_back(i); },
      [&](std::size_t i, UA_StatusCode why) { refused.emplace_back(i, why); });
  ASSERT_TRUE(browsed);
  EXPECT_THAT(taken, testing::ElementsAre(1));
  EXPECT_THAT(refused, testing::ElementsAre(testing::Pair(0, UA_STATUSCODE_BADNODEIDUNKNOWN)));
}

}  // namespace
}  // namespace millwright::connectors
