// The machines: list, one of them, pages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/tests/test_plant.hpp"

namespace millwright::api::testing {
namespace {

using ::testing::HasSubstr;

TEST(MachinesRoute, SumsUpEachMachine) {
  Plant plant;
  plant.write("state", std::int32_t{2});
  for (const char* path : {"parts", "motor/temperature", "pump/temperature"}) plant.write(path, 1.0);
  plant.write("door", std::uint8_t{1});
  plant.write("pump/vibration-de", 1.0F, core::kUncertainEuExceeded);
  plant.raise(1);
  plant.raise(2);
  plant.raise(3, alarms::State::kNormal);
  const auto json = plant.get("/v1/machines").json();
  ASSERT_EQ(json["items"].size(), 3u);
  EXPECT_TRUE(json["next_cursor"].is_null());
  const auto& pump = json["items"][0];
  EXPECT_EQ(pump["id"], "pump-1");
  EXPECT_EQ(pump["path"], kPump);
  EXPECT_EQ(pump["site"], "lyon");
  EXPECT_EQ(pump["cell"], "pumps");
  EXPECT_EQ(pump["state"], "running");
  EXPECT_EQ(pump["state_name"], "Running");
  EXPECT_EQ(pump["quality"], "uncertain");
  EXPECT_EQ(pump["active_alarms"], 2);
  EXPECT_EQ(pump["highest_priority"], "high");
  EXPECT_EQ(pump["sensors"], 6);
  const auto& other = json["items"][1];
  EXPECT_EQ(other["state"], "unknown");
  EXPECT_EQ(other["quality"], "bad");  // nothing received yet
  EXPECT_TRUE(other["highest_priority"].is_null());
}

TEST(MachinesRoute, AStateOfBadQualityOrAnotherNameIsUnknown) {
  Plant plant;
  plant.write("state", std::int32_t{3});
  auto pump = plant.get("/machines").json()["items"][0];
  EXPECT_EQ(pump["state"], "unknown");
  EXPECT_EQ(pump["state_name"], "CIP, hot");
  plant.write("state", std::int32_t{2}, core::kBadNoCommunication);
  pump = plant.get("/machines").json()["items"][0];
  EXPECT_EQ(pump["state"], "unknown");
  EXPECT_EQ(pump["quality"], "bad");
}

TEST(MachinesRoute, PagesByCursor) {
  Plant plant;
  const auto first = plant.get("/v1/machines?limit=2").json();
  ASSERT_EQ(first["items"].size(), 2u);
  const auto cursor = first["next_cursor"].get<std::string>();
  const auto second = plant.get("/v1/machines?limit=2&cursor=" + cursor).json();
  ASSERT_EQ(second["items"].size(), 1u);
  EXPECT_EQ(second["items"][0]["id"], "fan-1");
  EXPECT_TRUE(second["next_cursor"].is_null());
  for (const std::string& bad :
       {std::string("x"), cursor + "A", "B" + cursor.substr(1), std::string("@@"), cursor.substr(4)}) {
    EXPECT_THAT(problem_detail(plant.get("/v1/machines?cursor=" + bad), 400), HasSubstr("cursor: malformed")) << bad;
  }
  EXPECT_THAT(problem_detail(plant.get("/v1/alarms?cursor=" + cursor), 400), HasSubstr("another query"));
}

TEST(MachinesRoute, TenThousandMachinesComeInOnePage) {
  Plant plant({}, make_large_model(10'000));
  const auto json = plant.get("/v1/machines").json();
  EXPECT_EQ(json["items"].size(), 10'000u);
  EXPECT_TRUE(json["next_cursor"].is_null());
}

TEST(MachinesRoute, OneMachineIsALineOfTheList) {
  Plant plant;
  plant.write("state", std::int32_t{2});
  plant.raise(2);
  const auto list = plant.get("/v1/machines").json();
  EXPECT_EQ(plant.get("/v1/machines/pump-1").json(), list["items"][0]);
  EXPECT_EQ(plant.get("/machines/fan-1").json(), list["items"][2]);
  EXPECT_THAT(problem_detail(plant.get("/machines/fan-2"), 404), HasSubstr("did you mean 'fan-1'?"));
}

TEST(MachinesRoute, AnAlarmThatChangesIsSeenAtOnce) {
  Plant plant;
  const auto count = [&] { return plant.get("/machines/pump-1").json()["active_alarms"].get<int>(); };
  EXPECT_EQ(count(), 0);
  plant.raise(1);
  plant.raise(2);
  EXPECT_EQ(count(), 2);
  EXPECT_EQ(plant.get("/machines/pump-1/twin").json()["active_alarms"].size(), 2u);
  EXPECT_EQ(plant.get("/v1/alarms?active=true").json()["items"].size(), 2u);
  plant.raise(2, alarms::State::kNormal);
  EXPECT_EQ(count(), 1);
  EXPECT_EQ(plant.get("/machines/pump-1/twin").json()["active_alarms"].size(), 1u);
  EXPECT_EQ(plant.get("/v1/alarms?active=true").json()["items"].size(), 1u);
}

}  // namespace
}  // namespace millwright::api::testing
