// The control charts' routes.
#include <cmath>

#include <gmock/gmock.h>

#include "api/tests/test_plant.hpp"

namespace millwright::api::testing {
namespace {

using ::testing::HasSubstr;

TEST(Limits, AreNullUntilTheyAreLearnt) {
  Plant plant;
  plant.charts = {
      {.sensor = plant.sensor("motor/temperature"), .chart = "xbar-r", .state = "running", .progress = 0.5}};
  auto chart = plant.get("/v1/machines/pump-1/limits").json()["charts"][0];
  EXPECT_EQ(chart["sensor"], kPump + "/motor/temperature");
  EXPECT_EQ(chart["progress"], 0.5);
  EXPECT_TRUE(chart["centre"].is_null());
  EXPECT_TRUE(chart["cpk"].is_null());
  plant.charts[0].trained = true;
  plant.charts[0].high = 4.5;
  plant.charts[0].cpk = 1.25;
  plant.charts[0].pp = INFINITY;
  chart = plant.get("/machines/pump-1/limits").json()["charts"][0];
  EXPECT_EQ(chart["high"], 4.5);
  EXPECT_EQ(chart["cpk"], 1.25);
  EXPECT_TRUE(chart["pp"].is_null());
}

TEST(Limits, AreLearntAnewOnCommand) {
  Plant plant;
  const std::string path = "/v1/machines/pump-1/limits/relearn";
  EXPECT_EQ(plant.post(path, "{}").json()["charts"], 2);
  EXPECT_EQ(plant.post(path, R"({"sensor":"motor/temperature","chart":"ewma"})").status, 200);
  EXPECT_EQ(plant.relearnt, (std::vector<std::string>{"* ", kPump + "/motor/temperature ewma"}));
  problem_detail(plant.post(path, R"({"sensor":"nothing"})"), 404);
  EXPECT_THAT(problem_detail(plant.post(path, R"({"chart":"none"})"), 404), HasSubstr("/limits"));
  EXPECT_THAT(problem_detail(plant.post(path, R"({"chat":"ewma"})"), 400), HasSubstr("chart"));
  problem_detail(plant.post("/v1/machines/nobody/limits/relearn", "{}"), 404);
}

TEST(AlarmCategory, IsToldByTheCondition) {
  EXPECT_EQ(alarms::category("a/b#health-stuck"), alarms::Category::kDevice);
  EXPECT_EQ(alarms::category("a/b#xbar-r"), alarms::Category::kProcess);
  EXPECT_EQ(alarms::category("a/health-b"), alarms::Category::kProcess);
}

}  // namespace
}  // namespace millwright::api::testing
