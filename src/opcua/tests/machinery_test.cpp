#include "opcua/machinery.hpp"

#include <algorithm>
#include <filesystem>

#include <gmock/gmock.h>
#include <open62541/nodeids.h>

#include "opcua/nodeset.hpp"
#include "opcua/tests/test_plant.hpp"

namespace millwright::opcua {
namespace {

using testing::HasSubstr;

const std::string kNodesets = MILLWRIGHT_SOURCE_DIR "/tools/nodesets/node_modules/node-opcua-nodesets/nodesets";

class MachineryTest : public ServerTest {
 protected:
  void SetUp() override {
    if (!std::filesystem::is_directory(kNodesets)) GTEST_SKIP() << "needs the nodesets: npm ci in tools/nodesets";
    options_.nodesets = kNodesets;
    start();
  }
  static const TestClient::Child* find(const std::vector<TestClient::Child>& children, const std::string& name) {
    const auto at = std::find_if(children.begin(), children.end(), [&](const auto& c) { return c.name == name; });
    return at == children.end() ? nullptr : &*at;
  }
  static std::string text_of(TestClient& client, const std::string& id) {
    const auto value = client.read(client.plant(id));
    if (const auto text = client.scalar<UA_LocalizedText>(*value, UA_TYPES_LOCALIZEDTEXT))
      return std::string(view(text->text));
    const auto plain = client.scalar<UA_String>(*value, UA_TYPES_STRING);
    return plain ? std::string(view(*plain)) : "(no text)";
  }
};

TEST_F(MachineryTest, AMachineHasItsBuildingBlocks) {
  TestClient client(server_->endpoint());
  const auto machine = client.browse(client.plant("pump-1"));
  EXPECT_THAT(names(machine), testing::IsSupersetOf({"motor", "fan", "state", "Manufacturer", "Identification",
                                                     "Components", "MachineryBuildingBlocks"}));
  ASSERT_NE(find(machine, "Identification"), nullptr);
  EXPECT_EQ(find(machine, "Identification")->type, 1012U);
  EXPECT_EQ(find(machine, "Identification")->reference, static_cast<std::uint32_t>(UA_NS0ID_HASADDIN));
  EXPECT_EQ(find(machine, "Components")->type, 1006U);
  EXPECT_THAT(
      names(client.browse(client.plant("pump-1/MachineryBuildingBlocks"))),
      testing::UnorderedElementsAre("Identification", "Components", "MachineryItemState", "MachineryOperationMode"));
  EXPECT_EQ(text_of(client, "pump-1/Identification/Manufacturer"), "Grundfos");
  EXPECT_EQ(text_of(client, "pump-1/Identification/SerialNumber"), "SN-77");
  EXPECT_EQ(text_of(client, "pump-1/Identification/ProductInstanceUri"),
            "urn:millwright:machine:acme/lyon/utilities/cooling/pumps/pump-1");
  // The fan is the motor's, so it is a component of a component.
  EXPECT_THAT(names(client.browse(client.plant("pump-1/Components"))), testing::ElementsAre("motor"));
  EXPECT_THAT(names(client.browse(client.plant("pump-1/motor/Components"))), testing::ElementsAre("fan"));
  EXPECT_THAT(names(client.browse(client.plant("pump-1/fan/Identification"))),
              testing::UnorderedElementsAre("Manufacturer", "SerialNumber"));
}

TEST_F(MachineryTest, TheTypesAreThoseOfTheNodesets) {
  TestClient client(server_->endpoint());
  const std::uint16_t ns = client.machines().namespaceIndex;
  EXPECT_THAT(names(client.browse(UA_NODEID_NUMERIC(ns, 1012))),
              testing::IsSupersetOf({"ProductInstanceUri", "Location", "DefaultInstanceBrowseName"}));
  EXPECT_THAT(names(client.browse(UA_NODEID_NUMERIC(ns, 1002))),
              testing::IsSupersetOf({"Executing", "NotExecuting", "OutOfService", "NotAvailable"}));
  const auto number = client.read(UA_NODEID_NUMERIC(ns, 6040));
  EXPECT_TRUE(client.scalar<UA_UInt32>(*number, UA_TYPES_UINT32));
  const auto name = client.read(UA_NODEID_NUMERIC(ns, 6030));
  const auto qualified = client.scalar<UA_QualifiedName>(*name, UA_TYPES_QUALIFIEDNAME);
  ASSERT_TRUE(qualified);
  EXPECT_EQ(view(qualified->name), "Identification");
  EXPECT_NE(qualified->namespaceIndex, 2);  // the server's own number of DI, not the file's
}

TEST_F(MachineryTest, StatesFollowTheMachinesState) {
  TestClient client(server_->endpoint());
  const auto state = [&] { return text_of(client, "pump-1/MachineryItemState/CurrentState"); };
  const auto mode = [&] { return text_of(client, "pump-1/MachineryOperationMode/CurrentState"); };
  EXPECT_EQ(state(), "NotAvailable");
  EXPECT_EQ(mode(), "None");
  write(kState, live_value<std::int32_t>(2, ValueType::kState, kStart));
  EXPECT_EQ(state(), "Executing");
  EXPECT_EQ(mode(), "Processing");
  const auto id = client.read(client.plant("pump-1/MachineryItemState/CurrentState/Id"));
  ASSERT_TRUE(UA_Variant_hasScalarType(&id->value, &UA_TYPES[UA_TYPES_NODEID]));
  EXPECT_EQ(static_cast<const UA_NodeId*>(id->value.data)->identifier.numeric, 5006U);
  write(kState, live_value<std::int32_t>(0, ValueType::kState, kStart));
  EXPECT_EQ(state(), "NotExecuting");
  write(kState, live_value<std::int32_t>(7, ValueType::kState, kStart));
  EXPECT_EQ(state(), "OutOfService");
  write(kState, live_value<std::int32_t>(7, ValueType::kState, kStart, core::kBadNoCommunication));
  EXPECT_EQ(state(), "NotAvailable");
}

TEST(Nodeset, IsReadAndChecked) {
  const auto parse = [](const std::string& body) {
    return parse_nodeset(
        "<UANodeSet xmlns='http://opcfoundation.org/UA/2011/03/UANodeSet.xsd'><NamespaceUris>"
        "<Uri>urn:a</Uri></NamespaceUris>" +
            body + "</UANodeSet>",
        [](const std::string&) { return std::uint16_t{7}; });
  };
  const auto good = parse(
      "<Aliases><Alias Alias='Has'>i=47</Alias></Aliases><UAVariable NodeId='ns=1;s=x' BrowseName='1:x' "
      "DataType='i=12'>"
      "<References><Reference ReferenceType='Has' IsForward='false'>ns=1;i=4</Reference></References>"
      "<Value><uax:String xmlns:uax='u'>hello</uax:String></Value></UAVariable>");
  ASSERT_TRUE(good) << good.error().message;
  ASSERT_EQ(good->size(), 1U);
  const NodesetNode& node = good->front();
  EXPECT_EQ(node.id, (NodesetId{7, 0, "x"}));
  EXPECT_EQ(node.references[0].target, (NodesetId{7, 4, ""}));
  EXPECT_FALSE(node.references[0].forward);
  ASSERT_TRUE(node.value);
  EXPECT_EQ(view(*static_cast<const UA_String*>(node.value->data)), "hello");
  EXPECT_THAT(parse("<UAObject NodeId='ns=3;i=1' BrowseName='x'/>").error().message, HasSubstr("none of this file's"));
  EXPECT_THAT(parse("<UAObject NodeId='ns=1;i=1'/>").error().message, HasSubstr("no BrowseName"));
  EXPECT_THAT(parse("<UAObject NodeId='ns=1;i=1' BrowseName='x'><References><Reference ReferenceType='Nothing'>i=1"
                    "</Reference></References></UAObject>")
                  .error()
                  .message,
              HasSubstr("means nothing"));
  EXPECT_FALSE(parse_nodeset("<UANodeSet", [](const std::string&) { return std::uint16_t{2}; }));
}

TEST_F(ServerTest, WithoutNodesetsMachinesStandThereAllTheSame) {
  options_.nodesets = "/nowhere";
  start();
  TestClient client(server_->endpoint());
  EXPECT_THAT(names(client.browse(client.machines())), testing::Contains("pump-1"));
  EXPECT_THAT(names(client.browse(client.plant("pump-1"))), testing::Not(testing::Contains("Identification")));
}

}  // namespace
}  // namespace millwright::opcua
