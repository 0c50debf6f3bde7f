#include "opcua/command_methods.hpp"

#include <gmock/gmock.h>
#include <open62541/nodeids.h>

#include "opcua/tests/test_plant.hpp"

namespace millwright::opcua {
namespace {

// Notes what it is asked; that users may give commands is tested end to end.
class NotingCommands final : public asset::Commands {
 public:
  core::Result<std::string> give(const asset::CommandRequest& request, core::DurationNs) override {
    given.push_back(request.by);
    return std::string("done");
  }
  void refuse(const asset::CommandRequest& request, const std::string& why) override {
    refused.push_back(request.by + ": " + why);
  }
  std::vector<std::string> given;
  std::vector<std::string> refused;
};

TEST_F(ServerTest, CommandsAreMethodsThatAnonymousClientsMayNotCall) {
  asset::Machine machine = model_.machines()[0];
  asset::Command command;
  command.name = "set-speed";
  command.description = "Sets the speed";
  command.arguments = {{"speed", "Shaft speed", ValueType::kFloat64, asset::find_unit("rpm"), asset::Range{0, 1800}}};
  machine.commands = {command};
  model_ = asset::Model({machine}, {model_.sensors().begin(), model_.sensors().end()});
  NotingCommands commands;
  parts_.commands = &commands;
  start();
  TestClient client(server_->endpoint());
  EXPECT_THAT(names(client.browse(client.plant("pump-1"))), testing::Contains("set-speed"));
  UA_NodeId arguments = UA_NODEID_NULL;
  for (const auto& child : client.browse(client.plant("pump-1/Commands/set-speed"))) {
    if (child.name == "InputArguments") arguments = child.number;
  }
  const auto value = client.read(arguments);
  ASSERT_TRUE(UA_Variant_hasArrayType(&value->value, &UA_TYPES[UA_TYPES_ARGUMENT]));
  const auto* argument = static_cast<const UA_Argument*>(value->value.data);
  EXPECT_EQ(view(argument->name), "speed");
  EXPECT_EQ(view(argument->description.text), "Shaft speed, 0 to 1800 rpm");
  double speed = 1200;
  UA_Variant input;
  UA_Variant_setScalar(&input, &speed, &UA_TYPES[UA_TYPES_DOUBLE]);
  std::size_t n = 0;
  UA_Variant* output = nullptr;
  EXPECT_EQ(UA_Client_call(client.get(), client.plant("pump-1"), client.plant("pump-1/Commands/set-speed"), 1, &input,
                           &n, &output),
            UA_STATUSCODE_BADUSERACCESSDENIED);
  EXPECT_TRUE(commands.given.empty());
  EXPECT_THAT(commands.refused, testing::ElementsAre("anonymous: anonymous clients give no commands"));
}

}  // namespace
}  // namespace millwright::opcua
