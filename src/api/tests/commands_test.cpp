// The routes of machines' commands.
#include <gmock/gmock.h>

#include "api/tests/test_plant.hpp"

namespace millwright::api::testing {
namespace {

using ::testing::HasSubstr;

const std::string kSetSpeed = "/v1/machines/pump-1/commands/set-speed";

TEST(Commands, AreListedWithTheirArguments) {
  Plant plant;
  const auto command = plant.get("/v1/machines/pump-1/commands").json()["items"][0];
  EXPECT_EQ(command["name"], "set-speed");
  EXPECT_EQ(command["right"], "operate");
  EXPECT_EQ(command["allowed"], true);
  EXPECT_EQ(command["arguments"][0]["unit"], "rpm");
  EXPECT_EQ(command["arguments"][0]["range"]["high"], 1800);
  EXPECT_TRUE(plant.get("/v1/machines/pump-2/commands").json()["items"].empty());
  problem_detail(plant.get("/v1/machines/nobody/commands"), 404);
}

TEST(Commands, AreGivenAndAnsweredAndAudited) {
  Plant plant;
  EXPECT_EQ(plant.post(kSetSpeed, R"({"arguments":{"speed":1200}})").json()["result"], "ok");
  ASSERT_EQ(plant.audit.size(), 1U);
  EXPECT_TRUE(plant.audit[0].good);
  EXPECT_EQ(plant.audit[0].values, "speed=1200");
  EXPECT_EQ(plant.audit[0].by, "local");
  EXPECT_EQ(plant.audit[0].route, "rest");
}

TEST(Commands, ThatAreWrongAreRefusedAndAudited) {
  Plant plant;
  const auto refused = [&](const std::string& body) { return problem_detail(plant.post(kSetSpeed, body), 400); };
  EXPECT_THAT(refused(R"({"arguments":{"speed":1801}})"), HasSubstr("out of its range, 0 to 1800 rpm"));
  EXPECT_THAT(refused(R"({"arguments":{}})"), HasSubstr("speed is missing"));
  EXPECT_THAT(refused(R"({"arguments":{"speed":1,"ramp":2}})"), HasSubstr("no such argument"));
  EXPECT_THAT(refused(R"({"arguments":{"speed":"fast"}})"), HasSubstr("is no float64"));
  EXPECT_THAT(refused(R"({"arguments":{"speed":[1]}})"), HasSubstr("give a number"));
  EXPECT_THAT(refused(R"({"speed":1})"), HasSubstr("only the object 'arguments'"));
  EXPECT_THAT(refused("[]"), HasSubstr("JSON object"));
  EXPECT_EQ(plant.audit.size(), 7U);
  problem_detail(plant.post("/v1/machines/pump-1/commands/stop", "{}"), 404);
}

TEST(Commands, WhatTheSourceSaysIsToldApart) {
  Plant plant;
  const auto status = [&](core::ErrorCode code) {
    plant.answer = core::unexpected(code, "so it is");
    return plant.post(kSetSpeed, R"({"arguments":{"speed":1}})").status;
  };
  EXPECT_EQ(status(core::ErrorCode::kConflict), 409);
  EXPECT_EQ(status(core::ErrorCode::kUnavailable), 503);
  EXPECT_EQ(status(core::ErrorCode::kTimeout), 504);
  EXPECT_EQ(status(core::ErrorCode::kUnsupported), 501);
}

}  // namespace
}  // namespace millwright::api::testing
