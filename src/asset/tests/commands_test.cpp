#include "asset/commands.hpp"

#include <cmath>

#include <gmock/gmock.h>

namespace millwright::asset {
namespace {

using core::ErrorCode;
using core::ValueType;
using testing::HasSubstr;

Machine pump() {
  Machine machine;
  machine.id = core::MachineId(0U);
  machine.name = "pump-1";
  machine.path = "acme/lyon/hall/line/cell/pump-1";
  Command set_speed;
  set_speed.name = "set-speed";
  set_speed.arguments = {{"speed", "", ValueType::kFloat64, find_unit("rpm"), Range{0, 1800}},
                         {"ramp", "", ValueType::kInt64, nullptr, std::nullopt}};
  set_speed.target = {"plc", "s=Speed"};
  machine.commands = {set_speed};
  return machine;
}

struct Desk {
  CommandDesk make() {
    return {{{"plc",
              [this](const Command&, std::span<const CommandValue> values, core::DurationNs) {
                sent.assign(values.begin(), values.end());
                return answer;
              }}},
            [this](const CommandAudit& entry) { audit.push_back(entry); }};
  }
  core::Result<std::string> answer = std::string("ok");
  std::vector<CommandValue> sent;
  std::vector<CommandAudit> audit;
};

TEST(Commands, ArgumentsAreChecked) {
  const Machine machine = pump();
  const Command& command = *find_command(machine, "set-speed");
  const auto problem = [&](std::vector<CommandValue> values) {
    const auto checked = check_arguments(command, values);
    return checked ? std::string() : checked.error().message;
  };
  EXPECT_EQ(problem({1200.0, std::int64_t{5}}), "");
  EXPECT_EQ(problem({std::int64_t{1200}, std::int64_t{5}}), "") << "a whole number is a real one";
  EXPECT_THAT(problem({1801.0, std::int64_t{5}}), HasSubstr("1801 is out of its range, 0 to 1800 rpm"));
  EXPECT_THAT(problem({std::nan(""), std::int64_t{5}}), HasSubstr("give a number"));
  EXPECT_THAT(problem({1200.0, 5.5}), HasSubstr("ramp: '5.5' is no int64"));
  EXPECT_THAT(problem({std::string("fast"), std::int64_t{5}}), HasSubstr("is no float64"));
  EXPECT_THAT(problem({1200.0}), HasSubstr("takes 2 arguments, not 1"));
  EXPECT_EQ(find_command(machine, "stop"), nullptr);
}

TEST(Commands, AreSentAndAuditedWhateverComesOfThem) {
  const Machine machine = pump();
  Desk rig;
  CommandDesk desk = rig.make();
  CommandRequest request{machine, machine.commands[0], {1200.0, std::int64_t{5}}, "anna", "rest"};
  EXPECT_EQ(desk.give(request, core::kSecond).value(), "ok");
  EXPECT_EQ(rig.sent.size(), 2U);
  request.values[0] = 9999.0;
  rig.sent.clear();
  EXPECT_EQ(desk.give(request, core::kSecond).error().code, ErrorCode::kInvalid);
  EXPECT_TRUE(rig.sent.empty()) << "what is out of range is never sent";
  desk.refuse(request, "no right");
  ASSERT_EQ(rig.audit.size(), 3U);
  EXPECT_TRUE(rig.audit[0].good);
  EXPECT_EQ(rig.audit[0].by, "anna");
  EXPECT_EQ(rig.audit[0].values, "speed=1200, ramp=5");
  EXPECT_FALSE(rig.audit[1].good);
  EXPECT_THAT(rig.audit[1].result, HasSubstr("out of its range"));
  EXPECT_EQ(rig.audit[2].result, "no right");
}

TEST(Commands, AConnectorThatIsNotThereIsSaid) {
  Machine machine = pump();
  machine.commands[0].target.connector = "gone";
  Desk rig;
  CommandDesk desk = rig.make();
  const auto done = desk.give({machine, machine.commands[0], {1.0, std::int64_t{5}}, "anna", "rest"}, core::kSecond);
  EXPECT_EQ(done.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(done.error().message, HasSubstr("'gone'"));
}

}  // namespace
}  // namespace millwright::asset
