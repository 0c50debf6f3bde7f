// The maintenance desk's routes: a work order from proposal to completion, what is refused, what was done to machines.
#include <gmock/gmock.h>

#include "api/tests/test_plant.hpp"

namespace millwright::api::testing {
namespace {

using ::testing::HasSubstr;

const std::string kOrders = "/v1/maintenance/work-orders";

class Maintenance : public ::testing::Test {
 protected:
  std::string propose(const std::string& more = "") {
    const Reply made =
        plant.post(kOrders, R"({"machine_id":"pump-1","recommended_action":"Replace the bearing")" + more + "}");
    EXPECT_EQ(made.status, 201) << made.body;
    EXPECT_EQ(made.field("location"), kOrders + "/" + made.json()["id"].get<std::string>());
    return made.json()["id"];
  }
  Reply move(const std::string& id, const std::string& verb, const std::string& body = "{}") {
    return plant.post(kOrders + "/" + id + "/" + verb, body);
  }
  Plant plant;
};

TEST_F(Maintenance, AnOrderGoesItsWay) {
  const std::string id = propose(R"(,"component":"motor","priority":"high","predicted_failure_date":"2026-12-24")");
  EXPECT_EQ(move(id, "complete", R"({"findings":"none"})").status, 409);  // not yet
  EXPECT_EQ(move(id, "approve", R"({"by":"kim","note":"yes"})").json()["state"], "approved");
  EXPECT_EQ(move(id, "start").json()["state"], "in-progress");
  const Reply done = move(id, "complete", R"({"findings":"worn","downtime_min":90})");
  EXPECT_EQ(done.json()["state"], "done") << done.body;
  const auto order = plant.get(kOrders + "/" + id).json();
  EXPECT_EQ(order["component"], "motor");
  EXPECT_EQ(order["changes"].size(), 4u);
  EXPECT_EQ(order["changes"][1]["who"], "kim");
}

TEST_F(Maintenance, AnEditIsOfTheVersionThatWasSeen) {
  const std::string path = kOrders + "/" + propose();
  const std::string tag = plant.get(path).field("etag");
  const auto patch = [&](const std::string& body) {
    return plant.send("PATCH", path, body, {{"Content-Type", "application/merge-patch+json"}, {"If-Match", tag}});
  };
  EXPECT_EQ(patch(R"({"priority":"urgent"})").json()["priority"], "urgent");
  EXPECT_THAT(problem_detail(patch(R"({"priority":"low"})"), 412), HasSubstr("read it again"));
}

TEST_F(Maintenance, ListsAreFilteredAndComeInPages) {
  for (int i = 0; i < 3; ++i) {
    propose();
    plant.clock.advance(core::kMinute);
  }
  move(propose(), "reject", R"({"by":"kim","note":"no"})");
  EXPECT_EQ(plant.get(kOrders + "?state=proposed").json()["items"].size(), 3u);
  EXPECT_EQ(plant.get(kOrders + "?machine=pump-2").json()["items"].size(), 0u);
  const auto first = plant.get(kOrders + "?limit=3").json();
  ASSERT_EQ(first["items"].size(), 3u);
  const std::string next = first["next_cursor"];
  EXPECT_EQ(plant.get(kOrders + "?limit=3&cursor=" + next).json()["items"].size(), 1u);
  EXPECT_THAT(problem_detail(plant.get(kOrders + "?state=propsed"), 400), HasSubstr("did you mean 'proposed'?"));
}

TEST_F(Maintenance, WhatIsWrongIsTold) {
  const auto told = [&](const std::string& body, int status) {
    return problem_detail(plant.post(kOrders, body), status);
  };
  EXPECT_THAT(told("{}", 400), HasSubstr("machine_id"));
  EXPECT_THAT(told(R"({"machine_id":"pump-1"})", 400), HasSubstr("recommended_action"));
  EXPECT_THAT(told(R"({"machine_id":"pmp-1","recommended_action":"x"})", 404), HasSubstr("did you mean 'pump-1'?"));
  EXPECT_THAT(told(R"({"machine_id":"pump-1","recommended_action":"x","component":"motr"})", 400),
              HasSubstr("did you mean 'motor'?"));
  EXPECT_THAT(told(R"({"machine_id":"pump-1","recommended_action":"x","priority":"hi"})", 400),
              HasSubstr("is none of"));
  problem_detail(plant.get(kOrders + "/nothing"), 404);
  problem_detail(move("nothing", "approve"), 404);
}

TEST_F(Maintenance, EventsAreKept) {
  const Reply made = plant.post("/v1/maintenance/events",
                                R"({"machine_id":"pump-1","component":"motor","maintenance_type":"replacement",)"
                                R"("occurred_at":"2026-11-01","technician":"kim"})");
  EXPECT_EQ(made.status, 201) << made.body;
  const auto events = plant.get("/v1/maintenance/events?machine=pump-1&from=2026-01-01").json();
  ASSERT_EQ(events["items"].size(), 1u);
  EXPECT_EQ(events["items"][0]["technician"], "kim");
  EXPECT_EQ(plant.get("/v1/maintenance/erps").json()["items"].size(), 0u);
  EXPECT_EQ(plant.get("/v1/work-order-deliveries").json()["items"].size(), 0u);
}

}  // namespace
}  // namespace millwright::api::testing
