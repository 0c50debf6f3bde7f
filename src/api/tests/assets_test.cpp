#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/tests/test_plant.hpp"

namespace millwright::api::testing {
namespace {

using ::testing::HasSubstr;

const std::string kPump1 = "/v1/assets/machines/pump-1";

TEST(AssetRoutes, ShowTheNewestVersion) {
  Plant plant;
  const Reply reply = plant.get("/v1/assets");
  EXPECT_THAT(reply.field("etag"), ::testing::StartsWith("\"1-"));
  EXPECT_EQ(reply.json()["version"], 1);
  EXPECT_EQ(reply.json()["running"], true);
  EXPECT_EQ(reply.json()["assets"]["enterprise"], "acme");
  EXPECT_THAT(plant.get("/v1/assets?format=yaml").body, HasSubstr("- name: pump-1\n"));
  EXPECT_EQ(plant.get(kPump1).json()["place"], "acme/lyon/utilities/cooling/pumps");
  problem_detail(plant.get("/v1/assets/machines/pump-9"), 404);
}

TEST(AssetRoutes, AnEditIsAVersionThatThePlantIsAskedToTake) {
  Plant plant;
  const std::string patch = R"({"description":"Spare"})";
  const Reply changed =
      plant.send("PATCH", kPump1, patch, {{"Content-Type", "application/merge-patch+json"}, {"If-Match", "\"1\""}});
  EXPECT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(changed.json()["version"], 2);
  EXPECT_EQ(changed.json()["running"], false);
  EXPECT_EQ(changed.json()["who"], "local");
  EXPECT_EQ(plant.registry.reloads, 1);
  EXPECT_EQ(plant.get(kPump1).json()["machine"]["description"], "Spare");
  EXPECT_THAT(problem_detail(plant.send("PATCH", kPump1, patch,
                                        {{"Content-Type", "application/merge-patch+json"}, {"If-Match", "\"1\""}}),
                             412),
              HasSubstr("at version 2"));
  EXPECT_EQ(plant.send("DELETE", "/v1/assets/machines/pump-2", "").status, 200);
  EXPECT_EQ(plant.get("/v1/assets/versions").json()["items"].size(), 3U);
  problem_detail(plant.get("/v1/assets/machines/pump-2"), 404);
}

TEST(AssetRoutes, WhatNoPlantCouldBeMadeOfIsRefused) {
  Plant plant;
  const auto put = [&](const std::string& body) {
    return plant.send("PUT", kPump1, body, {{"Content-Type", "application/json"}});
  };
  const std::string place = R"("place":"acme/lyon/utilities/cooling/pumps")";
  EXPECT_THAT(problem_detail(put("{" + place + R"(,"machine":{"type":"wrong"}})"), 400), HasSubstr("assets: wrong"));
  EXPECT_THAT(problem_detail(put("{" + place + R"(,"machine":{"name":"pump-2"}})"), 400),
              HasSubstr("as the path says"));
  problem_detail(put("{" + place + "}"), 400);
  problem_detail(put("["), 400);
  problem_detail(put(R"({"place":"acme","machine":{}})"), 400);
  problem_detail(plant.send("PATCH", kPump1, "[]", {{"Content-Type", "application/merge-patch+json"}}), 400);
  problem_detail(plant.send("PATCH", kPump1, "{}", {{"Content-Type", "application/json"}}), 415);
  problem_detail(plant.send("DELETE", "/v1/assets/machines/pump-9", ""), 404);
  EXPECT_EQ(plant.get("/v1/assets").json()["version"], 1);
  EXPECT_EQ(plant.registry.reloads, 0);
}

}  // namespace
}  // namespace millwright::api::testing
