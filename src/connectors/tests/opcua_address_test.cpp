#include "connectors/opcua_address.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millwright::connectors::opcua_detail {
namespace {

using testing::HasSubstr;

TEST(OpcUaAddress, NodeIdsAndPaths) {
  auto by_uri = parse_address("nsu=urn:a%3Bb%25;s=x;y=1");
  ASSERT_TRUE(by_uri);
  EXPECT_EQ(by_uri->namespace_uri, "urn:a;b%");
  EXPECT_EQ(view(by_uri->node->identifier.string), "x;y=1");
  auto by_index = parse_address("ns=2;i=42");
  ASSERT_TRUE(by_index);
  EXPECT_EQ(by_index->node->namespaceIndex, 2);
  EXPECT_EQ(by_index->node->identifier.numeric, 42U);
  auto plain = parse_address("i=2258");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->node->namespaceIndex, 0);
  EXPECT_EQ(plain->node->identifier.numeric, 2258U);
  auto guid = parse_address("ns=1;g=09087e75-8e5e-499b-954f-f2a9603db28a");
  ASSERT_TRUE(guid);
  EXPECT_EQ(guid->node->identifierType, UA_NODEIDTYPE_GUID);
  auto path = parse_address("Objects/Machines/pump-1");
  ASSERT_TRUE(path);
  EXPECT_THAT(path->path, testing::ElementsAre("Machines", "pump-1"));
  EXPECT_FALSE(parse_address("ns=99999;i=1"));
  EXPECT_FALSE(parse_address("ns=1;i=abc"));
  EXPECT_FALSE(parse_address("s="));
  EXPECT_FALSE(parse_address(""));
}

TEST(OpcUaAddress, WhatWasMeantAsANodeIdIsNoPath) {
  for (const char* wrong :
       {"ns=2:s=Flow", "ns=2;Flow", "ns=2; s=Flow", "ns=2;x=Flow", "nsu=urn:a s=Flow", "nsu=;s=Flow",
        "svr=1;ns=2;s=Flow", "ns=", "i=", "ns=2;i=-1", "ns=2;i=4294967296", "g=1", "i=5;s=Flow"}) {
    const auto address = parse_address(wrong);
    ASSERT_FALSE(address) << wrong;
    EXPECT_THAT(address.error().message, HasSubstr(wrong));
    EXPECT_THAT(address.error().message, HasSubstr("ns=2;s=<name>"));
  }
  EXPECT_TRUE(parse_address("Line 1/i/Flow"));
}

TEST(OpcUaAddress, BracketsSayWhichPartAndHowItIsWatched) {
  const auto element = parse_address("ns=2;s=Temperatures [index=3]");
  ASSERT_TRUE(element);
  EXPECT_EQ(view(element->node->identifier.string), "Temperatures");
  EXPECT_EQ(element->node_text, "ns=2;s=Temperatures");
  EXPECT_EQ(element->part, (ValuePath{{"", {3}}}));

  const auto all = parse_address(
      "Line/Axis [index=1,2, field=Drive.Axes[4].Speed, sampling_interval=10ms, queue_size=50, dead_band=2%]");
  ASSERT_TRUE(all);
  EXPECT_THAT(all->path, testing::ElementsAre("Line", "Axis"));
  EXPECT_EQ(all->part, (ValuePath{{"", {1, 2}}, {"Drive", {}}, {"Axes", {}}, {"", {4}}, {"Speed", {}}}));
  EXPECT_EQ(all->watch.sampling_interval, 10 * core::kMillisecond);
  EXPECT_EQ(all->watch.queue_size, 50U);
  EXPECT_EQ(all->watch.dead_band, (DeadBand{.value = 2, .is_percent = true}));
  EXPECT_EQ(part_address(all->node_text, all->part), "Line/Axis [index=1,2, field=Drive.Axes[4].Speed]");
  EXPECT_EQ(parse_address(part_address(all->node_text, all->part))->part, all->part);

  const auto plain = parse_address("ns=2;s=Flow [dead_band=0.5]");
  ASSERT_TRUE(plain);
  EXPECT_TRUE(plain->part.empty());
  EXPECT_EQ(plain->watch.dead_band, (DeadBand{.value = 0.5, .is_percent = false}));
}

TEST(OpcUaAddress, WhatPlcsPutInBracketsStaysAName) {
  EXPECT_EQ(view(parse_address("ns=2;s=Program:Main.Tag[3]")->node->identifier.string), "Program:Main.Tag[3]");
  EXPECT_EQ(view(parse_address("ns=2;s=Current [A]")->node->identifier.string), "Current [A]");
  EXPECT_EQ(view(parse_address("ns=2;s=Current [A] [index=0]")->node->identifier.string), "Current [A]");
}

TEST(OpcUaAddress, WhatIsWrongInBracketsIsSaid) {
  const auto problem = [](const std::string& brackets) {
    const auto address = parse_address("ns=2;s=x " + brackets);
    return address ? std::string("none") : address.error().message;
  };
  EXPECT_THAT(problem("[fild=a]"), HasSubstr("there is no 'fild' in an address (did you mean 'field'?)"));
  EXPECT_THAT(problem("[index=1:2]"), HasSubstr("names no element"));
  EXPECT_THAT(problem("[index=]"), HasSubstr("names no element"));
  EXPECT_THAT(problem("[index=-1]"), HasSubstr("names no element"));
  EXPECT_THAT(problem("[index=1, index=2]"), HasSubstr("given twice"));
  EXPECT_THAT(problem("[field=a..b]"), HasSubstr("cannot be read"));
  EXPECT_THAT(problem("[field=a[1]"), HasSubstr("cannot be read"));
  EXPECT_THAT(problem("[field=a[1]b]"), HasSubstr("cannot be read"));
  EXPECT_THAT(problem("[dead_band=wide]"), HasSubstr("is no dead-band"));
  EXPECT_THAT(problem("[queue_size=0]"), HasSubstr("from 1 to"));
  EXPECT_THAT(problem("[sampling_interval=10]"), HasSubstr("sampling_interval"));
}

}  // namespace
}  // namespace millwright::connectors::opcua_detail
