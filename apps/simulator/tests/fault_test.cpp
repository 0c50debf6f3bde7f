#include "simulator/fault.hpp"

#include <set>

#include <gmock/gmock.h>

#include "support.hpp"

namespace millwright::simulator {
namespace {

using ::testing::HasSubstr;

TEST(Fault, ReadsWhatItWrites) {
  const auto fault = parse_fault("bearing-wear:pump-1/pump:start=40s:ramp=10s:duration=90s");
  ASSERT_TRUE(fault) << fault.error().message;
  EXPECT_EQ(fault->kind, FaultKind::kBearingWear);
  EXPECT_EQ(fault->machine, "pump-1");
  EXPECT_EQ(fault->component, "pump");
  EXPECT_EQ(fault->start, 40 * core::kSecond);
  EXPECT_EQ(fault->ramp, 10 * core::kSecond);
  EXPECT_EQ(fault->duration, 90 * core::kSecond);
  EXPECT_EQ(to_string(*parse_fault(to_string(*fault))), to_string(*fault));

  const auto stuck = parse_fault("stuck:pump-1/flow:start=0s");
  ASSERT_TRUE(stuck) << stuck.error().message;
  EXPECT_EQ(stuck->component, "");
  EXPECT_EQ(stuck->sensor, "flow");
  EXPECT_EQ(to_string(*parse_fault("stuck:pump-1:sensor=pump/flow")),
            to_string(*parse_fault("stuck:pump-1/pump/flow")));
}

TEST(Fault, MistakesAreNamed) {
  const auto message = [](std::string_view text) {
    const auto fault = parse_fault(text);
    return fault ? std::string("accepted") : fault.error().message;
  };
  EXPECT_THAT(message("bearing-waer:pump-1"), HasSubstr("did you mean 'bearing-wear'"));
  EXPECT_THAT(message("cavitation"), HasSubstr("no target"));
  EXPECT_THAT(message("cavitation:pump-1:begin=3s"), HasSubstr("unknown key 'begin'"));
  EXPECT_THAT(message("cavitation:pump-1:start=3"), HasSubstr("start"));
  EXPECT_THAT(message("cavitation:pump-1:3s"), HasSubstr("not key=value"));
  EXPECT_THAT(message("stuck:pump-1"), HasSubstr("befalls a sensor"));
  EXPECT_THAT(message("cavitation:pump-1/pump/flow"), HasSubstr("not a sensor"));
  EXPECT_THAT(message("drift:pump-1//flow"), HasSubstr("no target"));
}

TEST(Fault, StrengthFollowsTheRamp) {
  Fault fault;
  fault.start = 10 * core::kSecond;
  fault.ramp = 4 * core::kSecond;
  fault.duration = 20 * core::kSecond;
  EXPECT_EQ(fault.strength(9 * core::kSecond), 0);
  EXPECT_DOUBLE_EQ(fault.strength(11 * core::kSecond), 0.25);
  EXPECT_EQ(fault.strength(14 * core::kSecond), 1);
  EXPECT_EQ(fault.strength(29 * core::kSecond), 1);
  EXPECT_EQ(fault.strength(30 * core::kSecond), 0);
  fault.duration = 0;
  EXPECT_EQ(fault.strength(core::kHour), 1);
}

TEST(Fault, TargetsAreCheckedAgainstTheModel) {
  const asset::Model model = testing::small_plant();
  const auto check = [&](std::string_view text) {
    const auto status = check_fault(*parse_fault(text), model);
    return status ? std::string() : status.error().message;
  };
  EXPECT_EQ(check("cavitation:pump-1"), "");
  EXPECT_EQ(check("stuck:pump-1/pump/flow"), "");
  EXPECT_EQ(check("stuck:pump-1/flow"), "");
  EXPECT_EQ(check("network-loss:*"), "");
  EXPECT_EQ(check("network-loss:plc"), "");
  EXPECT_EQ(check("network-loss:pump-2"), "");
  EXPECT_THAT(check("network-loss:pcl"), HasSubstr("no machine 'pcl'"));
  EXPECT_THAT(check("cavitation:pump-11"), HasSubstr("did you mean 'pump-1'"));
  EXPECT_THAT(check("cavitation:pump-1/pumpe"), HasSubstr("did you mean 'pump'"));
  EXPECT_THAT(check("drift:pump-1/pump/pressure"), HasSubstr("no sensor 'pump/pressure'"));
}

TEST(DemoSchedule, BeginsOnAPumpAt35SecondsAndGoesOnEveryMinute) {
  const asset::Model model = testing::small_plant();
  DemoSchedule schedule(model, 7);
  DemoSchedule again(model, 7);
  std::set<FaultKind> kinds;
  std::string machine_before;
  for (int n = 0; n < 60; ++n) {
    const Fault fault = schedule.next();
    EXPECT_EQ(to_string(fault), to_string(again.next()));
    EXPECT_EQ(fault.start, (35 + 60 * n) * core::kSecond);
    EXPECT_EQ(fault.duration, 40 * core::kSecond);
    EXPECT_TRUE(check_fault(fault, model)) << to_string(fault);
    if (n == 0) {
      EXPECT_TRUE(fault.machine.starts_with("pump-")) << fault.machine;
    }
    EXPECT_NE(fault.machine, machine_before);
    machine_before = fault.machine;
    kinds.insert(fault.kind);
  }
  EXPECT_EQ(kinds.size(), 5U);  // all but the network
}

}  // namespace
}  // namespace millwright::simulator
