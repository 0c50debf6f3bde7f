// The twin's sections and single values, and what a node without twins says. What twins do is in src/twin/tests and
// tests/e2e/test_twin.py.
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
  EXPECT_EQ(all.field("etag"), "\"0\"");
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

}  // namespace
}  // namespace millwright::api::testing
