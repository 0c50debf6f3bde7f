// The models' routes: what they ask of the plant, and what they refuse.
#include <gmock/gmock.h>

#include "api/tests/test_plant.hpp"

namespace millwright::api::testing {

core::Result<models::ModelInfo> MemoryModels::add(std::string_view file) {
  if (!file.starts_with("millwright-model")) {
    return core::unexpected(core::ErrorCode::kInvalid, "this is no model bundle");
  }
  return list().front();
}

std::vector<models::ModelInfo> MemoryModels::list() const {
  models::ModelInfo info{.id = "pump-pca@1", .sha256 = "ab", .key = "cd", .problem = {}, .bundle = {}};
  info.bundle.kind = "pca";
  info.bundle.machine_type = "pump";
  info.bundle.sensors = {"motor/temperature"};
  info.bundle.states = {1};
  if (pump_.active) info.active_on = {"pump-1"};
  return {info};
}

core::Result<std::vector<models::MachineModel>> MemoryModels::deploy(std::string_view machine, std::string_view model,
                                                                     models::Mode mode) {
  if (!machine.empty() && machine != "pump-1") return core::unexpected(core::ErrorCode::kNotFound, "no such machine");
  if (mode != models::Mode::kNone && model != "pump-pca@1") {
    return core::unexpected(core::ErrorCode::kNotFound, "no such model");
  }
  const models::Activity activity{.model = std::string(model), .rows = 7, .score = 0.5, .last_row = kNow};
  if (mode == models::Mode::kActive) pump_.active = activity;
  if (mode == models::Mode::kShadow) {
    pump_.shadow = activity;
    pump_.disagreement = {.rows = 4, .different = 1, .last = kNow};
  }
  if (mode == models::Mode::kNone) pump_ = {.machine = "pump-1", .previous = "pump-pca@1"};
  return std::vector{pump_};
}

core::Result<models::MachineModel> MemoryModels::rollback(std::string_view machine) {
  if (pump_.previous.empty()) return core::unexpected(core::ErrorCode::kConflict, "nothing to go back to");
  auto done = deploy(machine, pump_.previous, models::Mode::kActive);
  if (!done) return core::unexpected(done.error());
  return done->front();
}

core::Result<models::MachineModel> MemoryModels::find(std::string_view machine) const {
  if (machine == "pump-1") return pump_;
  return core::unexpected(core::ErrorCode::kNotFound, "no such machine");
}

namespace {

using ::testing::HasSubstr;

constexpr const char* kPath = "/v1/machines/pump-1/model";

TEST(ApiModels, ABundleIsTakenAsItIs) {
  Plant plant;
  const auto upload = [&](const std::string& type, const std::string& body) {
    return ask(plant.server.port(), "POST", "/v1/models", {{"Content-Type", type}}, body);
  };
  const std::string bundle = "millwright-model 1 {}\n" + std::string(300'000, ' ');
  EXPECT_EQ(upload("application/vnd.millwright.model", bundle).json()["id"], "pump-pca@1");
  problem_detail(upload("application/vnd.millwright.model", "x"), 400);
  EXPECT_THAT(problem_detail(upload("text/plain", bundle), 415), HasSubstr("application/vnd.millwright.model"));
  EXPECT_THAT(problem_detail(upload("application/json", bundle), 415), HasSubstr("model bundle"));
}

TEST(ApiModels, AreDeployedShadowedTakenAwayAndPutBack) {
  Plant plant;
  EXPECT_TRUE(plant.get(kPath).json()["active"].is_null());
  EXPECT_EQ(plant.post(kPath, R"({"model":"pump-pca@1"})").json()["active"]["model"], "pump-pca@1");
  EXPECT_EQ(plant.get("/v1/models").json()["items"][0]["active_on"][0], "pump-1");
  EXPECT_EQ(plant.post(kPath, R"({"model":"pump-pca@1","mode":"shadow"})").json()["disagreement"]["share"], 0.25);
  EXPECT_EQ(plant.post(kPath, R"({"mode":"none"})").json()["previous"], "pump-pca@1");
  EXPECT_EQ(plant.post(std::string(kPath) + "/rollback", "{}").json()["active"]["model"], "pump-pca@1");
  EXPECT_EQ(plant.post("/v1/models/pump-pca@1/deployment", "{}").json()["items"].size(), 1U);
}

TEST(ApiModels, WhatIsNotUnderstoodIsRefused) {
  Plant plant;
  EXPECT_THAT(problem_detail(plant.post(kPath, R"({"mode":"activ","model":"x"})"), 400), HasSubstr("'active'"));
  EXPECT_THAT(problem_detail(plant.post(kPath, "{}"), 400), HasSubstr("model is missing"));
  EXPECT_THAT(problem_detail(plant.post(kPath, R"({"models":"x"})"), 400), HasSubstr("did you mean"));
  problem_detail(plant.post(kPath, R"({"model":"y@1"})"), 404);
  problem_detail(plant.post(std::string(kPath) + "/rollback", "{}"), 409);
  problem_detail(plant.get("/v1/machines/x/model"), 404);
  problem_detail(plant.post("/v1/models/pump-pca@1/deployment", R"({"mode":"none"})"), 400);
}

}  // namespace
}  // namespace millwright::api::testing
