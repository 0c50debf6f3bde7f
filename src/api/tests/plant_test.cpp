// The plant as a whole: hierarchy, connectors, statistics.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/tests/test_plant.hpp"

namespace millwright::api::testing {
namespace {

TEST(PlantRoute, ShowsHierarchyConnectorsAndStatistics) {
  Plant plant;
  plant.raise(1);
  const Reply reply = plant.get("/v1/plant");
  ASSERT_EQ(reply.status, 200);
  EXPECT_EQ(reply.field("content-type"), "application/json");
  const auto json = reply.json();
  EXPECT_EQ(json["name"], "Lyon");
  EXPECT_EQ(json["started"], "2026-11-21T07:00:00Z");
  EXPECT_EQ(json["machines"], 3);
  EXPECT_EQ(json["sensors"], 8);
  ASSERT_EQ(json["hierarchy"].size(), 2u);
  const auto& lyon = json["hierarchy"][0];
  EXPECT_EQ(lyon["kind"], "site");
  EXPECT_EQ(lyon["path"], "acme/lyon");
  const auto& cell = lyon["children"][0]["children"][0]["children"][0];
  EXPECT_EQ(cell["kind"], "cell");
  ASSERT_EQ(cell["children"].size(), 2u);
  EXPECT_EQ(cell["children"][1]["path"], "acme/lyon/utilities/cooling/pumps/pump-2");
  // A level that a machine leaves out is left out of the tree.
  EXPECT_EQ(json["hierarchy"][1]["children"][0]["children"][0]["children"][0]["kind"], "machine");
  EXPECT_EQ(json["connectors"][0]["since"], "2026-11-21T08:00:00Z");
  EXPECT_EQ(json["connectors"][0]["reconnects"], 2);
  EXPECT_EQ(json["outputs"][0]["backlog"], 3);
  EXPECT_EQ(json["outputs"][0]["last_error_time"], "2026-11-21T08:00:00Z");
  EXPECT_EQ(json["stats"]["active_alarms"], 1);
  EXPECT_EQ(json["stats"]["bytes_per_reading"], 2.5);
  EXPECT_EQ(json["stats"]["alarm_latency_ms"]["p50"], 2.5);
  EXPECT_TRUE(json["stats"]["alarm_latency_ms"]["p99"].is_null());
}

}  // namespace
}  // namespace millwright::api::testing
