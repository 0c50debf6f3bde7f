// The routes of effectiveness and downtime, without sockets: what each answers, and what a caller does not see.
#include "api/analytics.hpp"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "analytics/options.hpp"
#include "analytics/tests/memory_plant.hpp"
#include "database/database.hpp"

namespace millwright::api {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using Json = nlohmann::json;

const core::TimeNs kMonday = core::parse_time("2026-06-01T00:00:00Z").value();

class AnalyticsRoutes : public ::testing::Test {
 protected:
  AnalyticsRoutes() {
    std::string name = (std::filesystem::temp_directory_path() / "millwright routes-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    database_ = std::move(*database::Database::open({.file = folder_ + "/plant.db", .postgresql = {}, .password = {}}));
    service_ = std::move(*analytics::Service::open({}, {model_, history_, *database_, clock_, metrics_}));
    add_analytics_routes(router_, service_.get());
    for (const std::size_t machine : {0, 3}) {
      state(machine, 0, 1);
      state(machine, 100, 2);
      state(machine, 160, 1);
    }
  }
  ~AnalyticsRoutes() override {
    service_.reset();
    database_.reset();
    std::filesystem::remove_all(folder_);
  }

  void state(std::size_t sensor, int minute, std::int32_t code) {
    history_.put(core::SensorId(sensor), kMonday + minute * core::kMinute, code);
  }

  // The answer, or the error's message.
  core::Result<Response> ask(Method method, std::string path, const std::string& query = "", std::string body = "") {
    request_.method = method;
    request_.path = std::move(path);
    body_ = std::move(body);
    request_.body = body_;
    const auto match = router_.match(request_.path, method);
    EXPECT_TRUE(match && *match && (*match)->method_fits) << request_.path;
    auto parameters = Parameters::parse(query, (*match)->endpoint->parameters);
    if (!parameters) return core::unexpected(parameters.error());
    const std::function<bool()> stopping = [] { return false; };
    return (*match)->endpoint->handler({request_, (*match)->captured, *parameters, who_, stopping});
  }
  Json get(const std::string& path, const std::string& query) {
    const auto answer = ask(Method::kGet, path, query);
    EXPECT_TRUE(answer) << answer.error().message;
    return Json::parse(answer->body);
  }
  static std::string day() { return "from=2026-06-01T00:00:00Z&to=2026-06-01T10:00:00Z"; }

  const asset::Model model_ = analytics::model_of_two();
  analytics::MemoryHistory history_;
  io::SimClock clock_{kMonday + 600 * core::kMinute};
  core::Metrics metrics_;
  std::string folder_;
  std::unique_ptr<database::Database> database_;
  std::unique_ptr<analytics::Service> service_;
  Router router_;
  Request request_;
  std::string body_;
  Identity who_ = local_identity();
};

TEST_F(AnalyticsRoutes, EffectivenessAsJsonAndCsv) {
  const Json site = get("/analytics/oee", "factory_id=acme/lyon&" + day());
  ASSERT_EQ(site["items"].size(), 1U);
  EXPECT_EQ(site["items"][0]["machines"], 2);
  EXPECT_EQ(site["items"][0]["breakdowns_s"], 7200.0);
  EXPECT_DOUBLE_EQ(site["items"][0]["availability"], 0.9);
  EXPECT_EQ(get("/v1/analytics/oee", "level=machine&by=hour&" + day())["items"].size(), 20U);
  request_.accept = "text/csv";
  const auto csv = ask(Method::kGet, "/v1/analytics/oee", day());
  EXPECT_THAT(csv->content_type, StartsWith("text/csv"));
  EXPECT_THAT(csv->body, StartsWith("path,from,to,day,shift,machines,oee,"));
}

TEST_F(AnalyticsRoutes, AReasonIsGivenOnceToOneVersion) {
  const std::string id = get("/v1/downtime", "machine=press-1&" + day())["items"][0]["id"];
  request_.if_match = "\"1\"";
  const auto done = ask(Method::kPatch, "/v1/downtime/" + id, "", R"({"reason": "cleaning"})");
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(Json::parse(done->body)["changed_by"], "local");
  EXPECT_THAT(done->fields, ::testing::Contains(std::pair<std::string, std::string>("ETag", "\"2\"")));
  const auto again = ask(Method::kPatch, "/v1/downtime/" + id, "", R"({"comment": "late"})");
  EXPECT_EQ(again.error().code, core::ErrorCode::kConflict);
  EXPECT_EQ(get("/v1/downtime/" + id, "")["versions"].size(), 1U);
  EXPECT_EQ(get("/v1/downtime", "unexplained=true&" + day())["items"].size(), 1U);
}

TEST_F(AnalyticsRoutes, ListsComeInPages) {
  const Json first = get("/v1/downtime", "limit=1&" + day());
  const std::string cursor = first["next_cursor"];
  const Json second = get("/v1/downtime", "limit=1&" + day() + "&cursor=" + cursor);
  EXPECT_NE(first["items"][0]["id"], second["items"][0]["id"]);
  EXPECT_TRUE(second["next_cursor"].is_null());
}

TEST_F(AnalyticsRoutes, WhatACallerMustNotSeeIsNotThere) {
  const std::string foreign = get("/v1/downtime", "machine=press-2&" + day())["items"][0]["id"];
  ASSERT_TRUE(ask(Method::kPost, "/v1/production-orders", "",
                  R"({"id": "po-2", "equipment": "press-2", "material_definition": "washer"})"));
  who_ = {.name = "kim", .right = Right::kOperate, .places = {"acme/lyon/body/stamping/cell-1/press-1"}};
  EXPECT_EQ(get("/v1/analytics/oee", "level=machine&" + day())["items"].size(), 1U);
  EXPECT_EQ(get("/v1/downtime", day())["items"].size(), 1U);
  EXPECT_EQ(get("/v1/production-orders", "")["items"].size(), 0U);
  EXPECT_EQ(get("/v1/calendars", day())["items"][0]["machines"], Json::array({"press-1"}));
  const auto gone = [&](Method method, const std::string& path, const std::string& query, const std::string& body) {
    const auto answer = ask(method, path, query, body);
    return !answer && answer.error().code == core::ErrorCode::kNotFound;
  };
  EXPECT_TRUE(gone(Method::kGet, "/v1/analytics/oee", "machine=press-2", ""));
  EXPECT_TRUE(gone(Method::kGet, "/v1/downtime/" + foreign, "", ""));
  EXPECT_TRUE(gone(Method::kPatch, "/v1/downtime/" + foreign, "", R"({"reason": "cleaning"})"));
  EXPECT_TRUE(gone(Method::kPost, "/v1/downtime/" + foreign + "/split", "", R"({"at": "2026-06-01T02:00:00Z"})"));
  EXPECT_TRUE(gone(Method::kGet, "/v1/production-orders/po-2", "", ""));
  EXPECT_TRUE(gone(Method::kPost, "/v1/production-orders/po-2/start", "", ""));
  EXPECT_TRUE(gone(Method::kPost, "/v1/production-orders", "",
                   R"({"id": "po-3", "equipment": "press-2", "material_definition": "washer"})"));
}

TEST_F(AnalyticsRoutes, WhatIsWrongIsSaid) {
  const auto told = [&](Method method, const std::string& path, const std::string& query, const std::string& body) {
    const auto answer = ask(method, path, query, body);
    return answer ? "" : answer.error().message;
  };
  EXPECT_THAT(told(Method::kGet, "/v1/analytics/oee", "by=week", ""),
              HasSubstr("must be one of period, shift, day, hour"));
  EXPECT_THAT(told(Method::kGet, "/v1/downtime", "reason=cleanin", ""), HasSubstr("did you mean 'cleaning'?"));
  const std::string id = get("/v1/downtime", day())["items"][0]["id"];
  EXPECT_THAT(told(Method::kPost, "/v1/downtime/" + id + "/split", "", "{}"), HasSubstr("at is missing"));
  EXPECT_THAT(told(Method::kPatch, "/v1/downtime/" + id, "", R"({"reason": 7})"), HasSubstr("reason must be a text"));
  request_.if_match = "two";
  EXPECT_THAT(told(Method::kPatch, "/v1/downtime/" + id, "", R"({"reason": "cleaning"})"), HasSubstr("If-Match"));
}

}  // namespace
}  // namespace millwright::api
