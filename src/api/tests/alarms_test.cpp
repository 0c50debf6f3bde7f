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

TEST(Alarms, ShelvedForATime) {
  Plant plant;
  plant.raise(1);
  const Reply reply = plant.post("/v1/alarms/1/shelve", R"({"by":"kim","duration":"30min","comment":"known"})");
  ASSERT_EQ(reply.status, 200) << reply.body;
  const auto control = reply.json();
  EXPECT_EQ(control["kind"], "shelved");
  EXPECT_EQ(control["match"], kPump + "/motor/temperature#xbar");
  EXPECT_EQ(control["until"], "2026-11-21T08:30:00Z");
  EXPECT_EQ(plant.get("/v1/alarm-controls").json()["items"].size(), 1u);
  EXPECT_EQ(plant.post("/v1/alarm-controls/7/release", R"({"by":"kim"})").json()["released"], true);
  EXPECT_EQ(plant.get("/v1/alarm-controls").json()["items"].size(), 0u);
  const auto detail = [&](const std::string& target, const std::string& body, int status) {
    return problem_detail(plant.post(target, body), status);
  };
  EXPECT_THAT(detail("/v1/alarms/1/shelve", R"({"by":"kim"})", 400), HasSubstr("duration is missing"));
  EXPECT_THAT(detail("/v1/alarms/1/shelve", R"({"by":"kim","duration":"soon"})", 400), HasSubstr("30min"));
  EXPECT_THAT(detail("/v1/alarms/9/shelve", R"({"by":"kim","duration":"1h"})", 404), HasSubstr("9"));
  EXPECT_THAT(detail("/v1/alarm-controls", R"({"by":"kim","kind":"shelvd","match":"**"})", 400),
              HasSubstr("did you mean 'shelved'?"));
  EXPECT_THAT(detail("/v1/alarm-controls", R"({"by":"kim","kind":"shelved"})", 400), HasSubstr("match is missing"));
  EXPECT_THAT(detail("/v1/alarm-controls/x/release", R"({"by":"kim"})", 404), HasSubstr("whole number"));
  EXPECT_EQ(plant.get("/v1/alarms/1/shelve").status, 405);
  EXPECT_EQ(ask(plant.server.port(), "PUT", "/v1/alarm-controls", {}, "").field("allow"), "GET, HEAD, POST");
}

TEST(Alarms, SuppressedOnesApart) {
  Plant plant;
  plant.raise(1);
  auto alarm = plant.raise(2);
  alarm.suppression = alarms::Suppression::kByDesign;
  plant.alarms.put(alarm);
  EXPECT_THAT(ids(plant.get("/v1/alarms?suppressed=false").json()), ElementsAre(1));
  EXPECT_THAT(ids(plant.get("/v1/alarms?suppressed=true").json()), ElementsAre(2));
  EXPECT_EQ(plant.get("/v1/machines/pump-1/twin").json()["active_alarms"].size(), 1u);
}

TEST(Alarms, PerformanceOfAPeriod) {
  Plant plant;
  const auto all = plant.get("/v1/alarm-performance?period=8h").json();
  EXPECT_EQ(all["period_s"], 28800.0);
  EXPECT_EQ(all["bad_actors"][0]["condition"], "a#xbar");
  EXPECT_NEAR(all["bad_actors"][0]["share"].get<double>(), 2.0 / 3, 1e-12);
  EXPECT_THAT(problem_detail(plant.get("/v1/alarm-performance?period=1s"), 400), HasSubstr("24h"));
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
