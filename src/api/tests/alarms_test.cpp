#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/tests/test_plant.hpp"

namespace millwright::api::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<int> ids(const nlohmann::json& page) {
  std::vector<int> found;
  for (const auto& item : page["items"]) found.push_back(item["id"]);
  return found;
}

TEST(Alarms, NewestFirstByStateMachineAndPage) {
  Plant plant;
  for (const std::uint64_t id : {1, 2, 3}) plant.raise(id);
  plant.raise(4, alarms::State::kReturnedUnacknowledged);
  plant.raise(5, alarms::State::kAcknowledged, "pump-2");
  EXPECT_THAT(ids(plant.get("/v1/alarms").json()), ElementsAre(5, 4, 3, 2, 1));
  EXPECT_THAT(ids(plant.get("/v1/alarms?active=true").json()), ElementsAre(5, 3, 2, 1));
  EXPECT_THAT(ids(plant.get("/v1/alarms?active=false").json()), ElementsAre(4));
  EXPECT_THAT(ids(plant.get("/v1/alarms?machine=pump-2").json()), ElementsAre(5));
  const auto page = plant.get("/v1/alarms?limit=2").json();
  EXPECT_THAT(ids(page), ElementsAre(5, 4));
  const auto next = plant.get("/v1/alarms?limit=3&cursor=" + page["next_cursor"].get<std::string>()).json();
  EXPECT_THAT(ids(next), ElementsAre(3, 2, 1));
  EXPECT_TRUE(next["next_cursor"].is_null());
  problem_detail(plant.get("/v1/alarms?active=true&cursor=" + page["next_cursor"].get<std::string>()), 400);
  EXPECT_THAT(problem_detail(plant.get("/v1/alarms?active=yes"), 400), HasSubstr("true or false"));
  EXPECT_THAT(problem_detail(plant.get("/v1/alarms?machine=pump-9"), 404), HasSubstr("did you mean"));
}

TEST(Alarms, ShowAllThatIsKnown) {
  Plant plant;
  plant.raise(2);
  const auto alarm = plant.get("/v1/alarms").json()["items"][0];
  EXPECT_EQ(alarm["condition"], kPump + "/motor/temperature#xbar");
  EXPECT_EQ(alarm["state"], std::string(alarms::to_string(alarms::State::kUnacknowledged)));
  EXPECT_EQ(alarm["priority"], "high");
  EXPECT_EQ(alarm["severity"], 600);
  EXPECT_EQ(alarm["machine"], "pump-1");
  EXPECT_EQ(alarm["value"], 91.5);
  EXPECT_EQ(alarm["limit"], 80.0);
  EXPECT_EQ(alarm["raised"], "2026-11-21T08:00:00Z");
  EXPECT_EQ(alarm["published"], "2026-11-21T08:00:00.001Z");
  EXPECT_TRUE(alarm["cleared"].is_null());
  EXPECT_EQ(alarm["version"], 1);
}

TEST(Acknowledge, KeepsWhoAndWhy) {
  Plant plant;
  plant.raise(1);
  const Reply reply = plant.post("/v1/alarms/1/acknowledge", R"({"by":"Zoë","comment":"seen"})");
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.json()["acknowledged_by"], "Zoë");
  EXPECT_EQ(reply.json()["comment"], "seen");
  EXPECT_EQ(reply.json()["acknowledged"], "2026-11-21T08:00:00Z");
  EXPECT_EQ(reply.json()["version"], 2);
  problem_detail(plant.post("/v1/alarms/1/acknowledge", R"({"by":"Zoë"})"), 409);
}

TEST(Acknowledge, WhatIsWrongIsAProblem) {
  Plant plant;
  plant.raise(1);
  const auto detail = [&](const std::string& id, const std::string& body, int status) {
    return problem_detail(plant.post("/v1/alarms/" + id + "/acknowledge", body), status);
  };
  detail("7", R"({"by":"a"})", 404);
  EXPECT_THAT(detail("seven", R"({"by":"a"})", 404), HasSubstr("whole number"));
  detail("-1", R"({"by":"a"})", 404);
  EXPECT_THAT(detail("1", "", 400), HasSubstr("JSON object"));
  EXPECT_THAT(detail("1", "{", 400), HasSubstr("JSON object"));
  EXPECT_THAT(detail("1", "[]", 400), HasSubstr("JSON object"));
  EXPECT_THAT(detail("1", std::string(60'000, '['), 400), HasSubstr("JSON object"));
  EXPECT_THAT(detail("1", "{}", 400), HasSubstr("by is missing"));
  EXPECT_THAT(detail("1", R"({"by":"  "})", 400), HasSubstr("by is missing"));
  EXPECT_THAT(detail("1", R"({"by":7})", 400), HasSubstr("must be a text"));
  EXPECT_THAT(detail("1", R"({"by":"a","coment":"x"})", 400), HasSubstr("did you mean 'comment'?"));
  EXPECT_THAT(detail("1", R"({"by":")" + std::string(201, 'x') + "\"}", 400), HasSubstr("at most 200"));
  EXPECT_THAT(detail("1", R"({"by":"a","comment":")" + std::string(2001, 'x') + "\"}", 400), HasSubstr("at most 2000"));
  EXPECT_THAT(detail("1", "{\"by\":\"\xff\"}", 400), HasSubstr("JSON object"));
  EXPECT_EQ(plant.alarms.list({})[0].acknowledged, 0);
}

}  // namespace
}  // namespace millwright::api::testing
