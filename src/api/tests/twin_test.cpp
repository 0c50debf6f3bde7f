// The twin: every sensor with its value, sections and single values, and what a node without twins says. What twins do
// is in src/twin/tests and tests/e2e/test_twin.py.
#include <limits>

#include <gmock/gmock.h>

#include "api/tests/test_plant.hpp"

namespace millwright::api::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(TwinSections, AreThoseAskedFor) {
  Plant plant;
  plant.write("motor/temperature", 41.5);
  const auto part = plant.get("/machines/pump-1/twin?section=reported,nameplate").json();
  EXPECT_EQ(part.size(), 5u) << part;
  EXPECT_EQ(part["reported"]["values"]["motor/temperature"]["value"], 41.5);
  EXPECT_EQ(part["reported"]["quality"], "bad");  // the others have said nothing yet
  EXPECT_EQ(part["version"], 0);
  const Reply all = plant.get("/machines/pump-1/twin");
  EXPECT_THAT(all.field("etag"), ::testing::StartsWith("\"0-"));
  for (const char* section : {"nameplate", "reported", "desired", "computed", "sensors", "components"}) {
    EXPECT_TRUE(all.json().contains(section)) << section;
  }
  EXPECT_THAT(problem_detail(plant.get("/machines/pump-1/twin?section=reprted"), 400),
              HasSubstr("did you mean 'reported'?"));
}

TEST(TwinSections, OneSensorIsASmallAnswer) {
  Plant plant;
  plant.write("motor/temperature", 41.5);
  const Reply one = plant.get("/machines/pump-1/twin?sensor=motor/temperature");
  EXPECT_LT(one.body.size(), 300u);
  EXPECT_EQ(one.json()["reported"]["values"].size(), 1u);
  EXPECT_EQ(one.json()["reported"]["values"]["motor/temperature"]["value"], 41.5);
  EXPECT_THAT(problem_detail(plant.get("/machines/pump-1/twin?sensor=motor/temprature"), 404),
              HasSubstr("did you mean 'motor/temperature'?"));
}

TEST(TwinSections, WithoutTwinsNothingIsSetOrPredicted) {
  Plant plant;
  const Fields merge{{"Content-Type", "application/merge-patch+json"}};
  const std::string twin = "/v1/machines/pump-1/twin";
  EXPECT_THAT(problem_detail(ask(plant.server.port(), "PATCH", twin, merge, "{}"), 501), HasSubstr("keeps no twins"));
  EXPECT_THAT(problem_detail(ask(plant.server.port(), "PATCH", "/v1/machines/pump-11/twin", merge, "{}"), 404),
              AllOf(HasSubstr("pump-11"), HasSubstr("did you mean")));
  EXPECT_THAT(
      problem_detail(ask(plant.server.port(), "PATCH", twin, {{"Content-Type", "application/json"}}, "{}"), 415),
      HasSubstr("application/merge-patch+json"));
  for (const char* path :
       {"/v1/machines/pump-1/twin/versions", "/analytics/failures/prediction", "/analytics/health"}) {
    EXPECT_THAT(problem_detail(plant.get(path), 501), HasSubstr("keeps no twins")) << path;
  }
  EXPECT_TRUE(plant.get(twin).json()["computed"].is_null());
}

TEST(TwinRoute, ShowsEverySensorWithItsOwnType) {
  Plant plant;
  plant.write("state", std::int32_t{1});
  plant.write("parts", std::int64_t{9'007'199'254'740'993});
  plant.write("door", std::uint8_t{1});
  plant.write("motor/temperature", 0.1 + 0.2, core::kUncertainLastUsable);
  plant.write("pump/vibration-de", 0.1F);
  plant.write("pump/temperature", std::numeric_limits<double>::quiet_NaN(), core::kBadSensorFailure);
  pipeline::Rollup rollup;
  rollup.start = kNow - core::kSecond;
  rollup.count = 4;
  rollup.bad_count = 1;
  rollup.min = static_cast<double>(0.1F);
  rollup.max = 2;
  rollup.sum = 6;
  plant.live.write_rollup(plant.sensor("pump/vibration-de"), rollup);
  plant.raise(5);

  const Reply reply = plant.get("/v1/machines/pump-1/twin");
  ASSERT_EQ(reply.status, 200);
  const auto json = reply.json();
  EXPECT_EQ(json["nameplate"]["manufacturer"], "Sulzer \"AG\"");
  EXPECT_EQ(json["nameplate"]["model"], "A\n1");
  EXPECT_EQ(json["hierarchy"]["enterprise"], "acme");
  EXPECT_EQ(json["state"], "idle");
  ASSERT_EQ(json["sensors"].size(), 3u);
  EXPECT_EQ(json["sensors"][0]["value"], 1);
  EXPECT_EQ(json["sensors"][0]["state_name"], "Idle");
  EXPECT_EQ(json["sensors"][1]["value"].get<std::int64_t>(), 9'007'199'254'740'993);
  EXPECT_FALSE(json["sensors"][1].contains("state_name"));
  EXPECT_EQ(json["sensors"][2]["value"], true);
  ASSERT_EQ(json["components"].size(), 2u);
  const auto& motor = json["components"][0]["sensors"][0];
  EXPECT_EQ(motor["value"].get<double>(), 0.1 + 0.2);
  EXPECT_EQ(motor["unit"], "°C");
  EXPECT_EQ(motor["range"]["high"], 120.0);
  EXPECT_EQ(motor["quality"], "UncertainLastUsableValue");
  EXPECT_EQ(motor["quality_code"], 0x40900000u);
  EXPECT_EQ(motor["source_time"], "2026-11-21T08:00:00Z");
  EXPECT_EQ(motor["received"], "2026-11-21T08:00:00.001Z");
  EXPECT_TRUE(motor["last_second"].is_null());
  EXPECT_TRUE(json["components"][1]["sensors"][0]["value"].is_null());  // NaN
  EXPECT_EQ(json["components"][1]["sensors"][0]["quality"], "BadSensorFailure");
  EXPECT_THAT(reply.body, HasSubstr(R"("value":0.1,)"));  // a float32 as people know it
  const auto& second = json["components"][1]["sensors"][1]["last_second"];
  EXPECT_EQ(second["start"], "2026-11-21T07:59:59Z");
  EXPECT_EQ(second["bad_count"], 1);
  EXPECT_EQ(second["min"], 0.1);
  EXPECT_EQ(second["mean"], 1.5);
  ASSERT_EQ(json["active_alarms"].size(), 1u);
  EXPECT_EQ(json["active_alarms"][0]["id"], 5);
  // Nothing received: null, and no time.
  const auto other = plant.get("/machines/pump-2/twin").json();
  EXPECT_TRUE(other["sensors"][0]["value"].is_null());
  EXPECT_TRUE(other["sensors"][0]["source_time"].is_null());
  EXPECT_EQ(other["sensors"][0]["quality"], "BadWaitingForInitialData");
}

TEST(TwinRoute, AnUnknownMachineNamesTheNearest) {
  Plant plant;
  EXPECT_THAT(problem_detail(plant.get("/v1/machines/pump-11/twin"), 404), HasSubstr("did you mean 'pump-1'?"));
  EXPECT_THAT(problem_detail(plant.get("/v1/machines/%zz/twin"), 400), HasSubstr("hexadecimal"));
  // The full path, encoded, is a name as well.
  EXPECT_EQ(plant.get("/v1/machines/acme%2flyon%2futilities%2Fcooling%2Fpumps%2Fpump-2/twin").json()["id"], "pump-2");
}

}  // namespace
}  // namespace millwright::api::testing
