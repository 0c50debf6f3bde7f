// Idempotency keys on every change that is a POST: carried out once, answered again, refused where they stand for
// another request.
#include "api/idempotency.hpp"

#include <thread>

#include <gmock/gmock.h>

#include "api/router.hpp"
#include "api/tests/test_plant.hpp"

namespace millwright::api::testing {
namespace {

using ::testing::HasSubstr;

const std::string kOrders = "/v1/maintenance/work-orders";

std::string an_order(const std::string& action) {
  return R"({"machine_id":"pump-1","recommended_action":")" + action + "\"}";
}

Fields with_key(const std::string& key) {
  return {{"Idempotency-Key", key}};
}

TEST(IdempotencyKeys, ARepeatedRequestIsCarriedOutOnce) {
  Plant plant;
  const Reply first = plant.post(kOrders, an_order("oil"), with_key("k1"));
  ASSERT_EQ(first.status, 201) << first.body;
  EXPECT_EQ(first.field("idempotency-replayed"), "");
  const Reply again = plant.post(kOrders, an_order("oil"), with_key("k1"));
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.field("location"), first.field("location"));
  EXPECT_EQ(again.field("etag"), first.field("etag"));
  EXPECT_EQ(again.field("idempotency-replayed"), "true");
  EXPECT_EQ(plant.get(kOrders).json()["items"].size(), 1u);
  plant.post(kOrders, an_order("oil"), with_key("k2"));
  EXPECT_EQ(plant.get(kOrders).json()["items"].size(), 2u);
}

TEST(IdempotencyKeys, AnotherRequestMustHaveAnotherKey) {
  Plant plant;
  ASSERT_EQ(plant.post(kOrders, an_order("oil"), with_key("k1")).status, 201);
  EXPECT_THAT(problem_detail(plant.post(kOrders, an_order("grease"), with_key("k1")), 422), HasSubstr("k1"));
  EXPECT_EQ(plant.post("/v1/maintenance/events", an_order("oil"), with_key("k1")).status, 422);
  EXPECT_EQ(plant.post(kOrders, an_order("grease")).status, 201);  // without a key: as always
}

TEST(IdempotencyKeys, WhatWasRefusedIsRefusedAgain) {
  Plant plant;
  EXPECT_EQ(plant.post("/v1/alarms/1/acknowledge", R"({"by":"a"})", with_key("k1")).status, 404);
  plant.raise(1);
  EXPECT_EQ(plant.post("/v1/alarms/1/acknowledge", R"({"by":"a"})", with_key("k1")).status, 404);
  EXPECT_EQ(plant.post("/v1/alarms/1/acknowledge", R"({"by":"a"})", with_key("k2")).status, 200);
  EXPECT_EQ(plant.post("/v1/alarms/1/acknowledge", R"({"by":"a"})", with_key("k2")).status, 200);
  EXPECT_EQ(plant.post("/v1/alarms/1/acknowledge", R"({"by":"a"})", with_key("k3")).status, 409);
}

TEST(IdempotencyKeys, WhatFailedMayBeTriedAgain) {
  Plant plant;
  const std::string command = "/v1/machines/pump-1/commands/set-speed";
  const std::string body = R"({"arguments":{"speed":1200}})";
  plant.answer = core::unexpected(core::ErrorCode::kUnavailable, "the PLC does not answer");
  EXPECT_EQ(plant.post(command, body, with_key("k1")).status, 503);
  plant.answer = std::string("ok");
  EXPECT_EQ(plant.post(command, body, with_key("k1")).status, 200);
  const std::size_t done = plant.audit.size();
  EXPECT_EQ(plant.post(command, body, with_key("k1")).status, 200);
  EXPECT_EQ(plant.audit.size(), done);
}

TEST(IdempotencyKeys, AreKeptForADay) {
  Plant plant;
  ASSERT_EQ(plant.post(kOrders, an_order("oil"), with_key("k1")).status, 201);
  plant.clock.advance(23 * core::kHour);
  EXPECT_EQ(plant.post(kOrders, an_order("grease"), with_key("k1")).status, 422);
  plant.clock.advance(2 * core::kHour);
  EXPECT_EQ(plant.post(kOrders, an_order("grease"), with_key("k1")).status, 201);
}

TEST(IdempotencyKeys, EveryPostThatChangesSomethingHeedsThem) {
  Plant plant;
  std::size_t tried = 0;
  for (const auto& endpoint : plant.server.router().endpoints()) {
    if (endpoint->method != Method::kPost || endpoint->only_reads) continue;
    std::string path(endpoint->path);
    for (auto at = path.find('{'); at != std::string::npos; at = path.find('{')) {
      path.replace(at, path.find('}') - at + 1, "7");
    }
    const std::string key = "key-" + std::to_string(++tried);
    const Fields fields = {{"Content-Type", std::string(endpoint->media)}, {"Idempotency-Key", key}};
    const Reply first = plant.send("POST", path, "{}", fields);
    if (endpoint->secret) {
      EXPECT_THAT(problem_detail(first, 400), HasSubstr("secret")) << path;
      continue;
    }
    if (first.status >= 500) continue;  // of a part that this plant has not
    const Reply other = plant.send("POST", path, "{ }", fields);
    EXPECT_EQ(other.status, 422) << path << " " << other.body;
    EXPECT_EQ(plant.send("POST", path, "{}", fields).field("idempotency-replayed"), "true") << path;
  }
  EXPECT_GT(tried, 20u);
}

TEST(IdempotencyKeys, ThatAreNoneAreRefused) {
  Plant plant;
  for (const std::string& bad : {std::string(201, 'a'), std::string("two words"), std::string("caf\xc3\xa9")}) {
    EXPECT_THAT(problem_detail(plant.post(kOrders, an_order("oil"), with_key(bad)), 400), HasSubstr("UUID"));
  }
}

class Keys : public ::testing::Test {
 protected:
  void SetUp() override {
    request.method = Method::kPost;
    request.path = "/v1/x";
    request.idempotency_key = "k1";
    ASSERT_TRUE(keys.open());
  }
  Response once(const std::string& owner, const std::function<Response()>& work) {
    return keys.once(owner, request, kNow, work);
  }
  static Response answer(int status) {
    Response response;
    response.status = status;
    return response;
  }

  io::SimClock clock{kNow};
  TestRegistry registry{clock};
  IdempotencyKeys keys{registry.database()};
  Request request;
};

TEST_F(Keys, AreTheirSendersOwn) {
  EXPECT_EQ(once("anna", [] { return answer(200); }).status, 200);
  EXPECT_EQ(once("berta", [] { return answer(201); }).status, 201);
  EXPECT_EQ(once("anna", [] { return answer(500); }).status, 200);
}

TEST_F(Keys, WhileOneIsCarriedOutAnotherWaitsInVain) {
  const Response outer = once("anna", [&] {
    EXPECT_EQ(once("anna", [] { return answer(200); }).status, 409);
    return answer(200);
  });
  EXPECT_EQ(outer.status, 200);
  EXPECT_EQ(once("anna", [] { return answer(500); }).status, 200);
}

TEST_F(Keys, OfAPlantThatStoppedInTheMiddleSayNothing) {
  EXPECT_THROW(once("anna", []() -> Response { throw std::runtime_error("power cut"); }), std::runtime_error);
  IdempotencyKeys later(registry.database());
  ASSERT_TRUE(later.open());
  const Response told = later.once("anna", request, kNow, [] { return answer(200); });
  EXPECT_EQ(told.status, 409);
  EXPECT_THAT(told.body, HasSubstr("new key"));
}

}  // namespace
}  // namespace millwright::api::testing
