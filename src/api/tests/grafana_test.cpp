// Grafana's JSON data sources, with the request bodies that their own descriptions show.
#include <gmock/gmock.h>

#include "api/grafana_question.hpp"
#include "api/tests/test_plant.hpp"

namespace millwright::api::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr std::int64_t kMs = kNow / core::kMillisecond;

// As SimpleJson's and JSON's descriptions have it, with our times and targets.
Json a_question(const Json& targets) {
  return {{"panelId", 1},
          {"range",
           {{"from", "2026-11-21T07:00:00.000Z"},
            {"to", "2026-11-21T08:00:00.000Z"},
            {"raw", {{"from", "now-1h"}, {"to", "now"}}}}},
          {"rangeRaw", {{"from", "now-1h"}, {"to", "now"}}},
          {"interval", "30s"},
          {"intervalMs", 30000},
          {"targets", targets},
          {"adhocFilters", Json::array()},
          {"format", "json"},
          {"maxDataPoints", 550}};
}

class Grafana : public ::testing::Test {
 protected:
  Json ask(const std::string& path, const Json& body) {
    const Reply reply = plant.post("/grafana" + path, body.dump());
    EXPECT_EQ(reply.status, 200) << reply.body;
    return reply.json();
  }
  void SetUp() override {
    const auto temperature = plant.sensor("motor/temperature");
    for (int i = 0; i < 120; ++i)
      plant.historian.add_value(temperature, kNow - core::kHour + i * 30 * core::kSecond, i * 1.0);
    // The historian in memory takes statistics of doubles alone.
    plant.historian.add_value(plant.sensor("state"), kNow - core::kMinute, 2.0);
  }
  Plant plant;
};

TEST_F(Grafana, ATestOfTheConnectionIsAnswered) {
  for (const char* path : {"/grafana", "/grafana/", "/v1/grafana", "/v1/grafana/"}) {
    EXPECT_EQ(plant.get(path).status, 200) << path;
  }
}

TEST_F(Grafana, SearchFindsSensorsAndWhatVariablesAskFor) {
  EXPECT_THAT(ask("/search", {{"target", "TEMP"}, {"type", "timeserie"}}),
              ElementsAre("pump-1/motor/temperature", "pump-1/pump/temperature"));
  EXPECT_THAT(ask("/search", {{"target", ""}}), Contains("alarms"));
  EXPECT_THAT(ask("/search", {{"target", "machines"}}), ElementsAre("fan-1", "pump-1", "pump-2"));
  EXPECT_EQ(ask("/search", {{"target", "sensors pump-1"}}).size(), 6u);
  EXPECT_THAT(ask("/variable", {{"payload", {{"target", "sites"}}}, {"range", Json::object()}})[0]["__value"],
              ::testing::AnyOf("lyon", "ulm"));
}

TEST_F(Grafana, QueryGivesSeries) {
  const Json series =
      ask("/query", a_question({{{"target", "pump-1/motor/temperature"}, {"refId", "A"}, {"type", "timeserie"}},
                                {{"target", kPump + "/state"}, {"refId", "B"}},
                                {{"target", ""}, {"refId", "C"}},
                                {{"target", "nothing"}, {"hide", true}}}));
  ASSERT_EQ(series.size(), 2u);
  EXPECT_EQ(series[0]["target"], "pump-1/motor/temperature");
  ASSERT_EQ(series[0]["datapoints"].size(), 120u);
  EXPECT_EQ(series[0]["datapoints"][1], Json::array({1, kMs - 3'600'000 + 30'000}));
  EXPECT_EQ(series[1]["datapoints"][0][0], 2);  // a state's code, not a mean
}

TEST_F(Grafana, PointsAreAsManyAsAreAskedFor) {
  Json question = a_question({{{"target", "pump-1/motor/temperature"}}});
  question["maxDataPoints"] = 10;
  EXPECT_LE(ask("/query", question)[0]["datapoints"].size(), 10u);
  question["maxDataPoints"] = 5000;
  question["intervalMs"] = 600'000;
  EXPECT_EQ(ask("/query", question)[0]["datapoints"].size(), 6u);
  question["targets"][0]["payload"] = {{"value", "max"}};
  EXPECT_EQ(ask("/query", question)[0]["datapoints"][0][0], 19);
}

TEST_F(Grafana, TablesHaveColumnsAndRows) {
  const Json table = ask("/query", a_question({{{"target", "pump-1/state"}, {"refId", "A"}, {"type", "table"}}}))[0];
  EXPECT_EQ(table["type"], "table");
  EXPECT_EQ(table["columns"][0], Json({{"text", "Time"}, {"type", "time"}}));
  EXPECT_EQ(table["rows"][0], Json::array({kMs - 60'000, 2, 2, 2, 1, "Running"}));
}

TEST_F(Grafana, AlarmsAreATableAndAnnotations) {
  alarms::Alarm alarm = plant.raise(2);
  alarm.raised = kNow - core::kMinute;
  alarm.cleared = kNow - core::kSecond;
  alarm.state = alarms::State::kReturnedUnacknowledged;
  plant.alarms.put(alarm);
  const Json table = ask("/query", a_question({{{"target", "alarms"}, {"type", "table"}}}))[0];
  EXPECT_EQ(table["rows"][0][0], kMs - 60'000);
  EXPECT_EQ(table["rows"][0][5], "pump-1");
  const Json annotation = {{"name", "deploy"},
                           {"datasource", "Simple JSON Datasource"},
                           {"iconColor", "rgba(255, 96, 96, 1)"},
                           {"enable", true},
                           {"query", "alarms priority=high"}};
  Json body = {{"range", {{"from", "2026-11-21T07:00:00.000Z"}, {"to", "2026-11-21T08:00:00.000Z"}}},
               {"rangeRaw", {{"from", "now-1h"}, {"to", "now"}}},
               {"annotation", annotation}};
  const Json events = ask("/annotations", body);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0]["annotation"], annotation);
  EXPECT_EQ(events[0]["time"], kMs - 60'000);
  EXPECT_EQ(events[0]["timeEnd"], kMs - 1000);
  EXPECT_EQ(events[0]["isRegion"], true);
  EXPECT_THAT(events[0]["title"].get<std::string>(), HasSubstr("pump-1"));
  EXPECT_THAT(events[0]["tags"], Contains("high"));
  body["annotation"]["query"] = "alarms machine=pump-2";
  EXPECT_EQ(ask("/annotations", body).size(), 0u);
  body["range"]["to"] = "2026-11-21T07:30:00.000Z";  // before it was raised
  body["annotation"]["query"] = "";
  EXPECT_EQ(ask("/annotations", body).size(), 0u);
}

TEST_F(Grafana, AdHocFiltersLeaveOutWhatDoesNotFit) {
  EXPECT_THAT(ask("/tag-keys", Json::object()), Contains(Json({{"type", "string"}, {"text", "site"}})));
  EXPECT_THAT(ask("/tag-values", {{"key", "machine"}}), Contains(Json({{"text", "pump-2"}})));
  Json question = a_question({{{"target", "pump-1/motor/temperature"}}});
  question["adhocFilters"] = {{{"key", "machine"}, {"operator", "!="}, {"value", "pump-1"}}};
  EXPECT_EQ(ask("/query", question).size(), 0u);
  question["adhocFilters"][0]["operator"] = "=";
  EXPECT_EQ(ask("/query", question).size(), 1u);
}

TEST_F(Grafana, TheNewerPluginFindsMetricsAndTheirOptions) {
  const Json metrics = ask("/metrics", Json::object());
  EXPECT_EQ(metrics[0]["value"], "alarms");
  const Json chosen = ask("/metrics", {{"metric", "pump-1/motor/temperature"}, {"payload", {{"value", "max"}}}});
  EXPECT_EQ(chosen.size(), metrics.size());
  EXPECT_EQ(chosen.back()["payloads"][0]["name"], "value");
  EXPECT_THAT(ask("/metric-payload-options", {{"metric", "x"}, {"payload", Json::object()}, {"name", "value"}}),
              Contains(Json({{"label", "max"}, {"value", "max"}})));
}

TEST_F(Grafana, WhatIsWrongIsTold) {
  const auto told = [&](const std::string& path, const Json& body, int status) {
    return problem_detail(plant.post("/grafana" + path, body.dump()), status);
  };
  EXPECT_THAT(told("/query", a_question({{{"target", "pump-1/motor/temprature"}}}), 404),
              HasSubstr("did you mean 'motor/temperature'?"));
  EXPECT_THAT(told("/query", a_question({{{"target", "pump-9/x"}}}), 404), HasSubstr("did you mean 'pump-1'?"));
  EXPECT_THAT(told("/query", Json::array(), 400), HasSubstr("JSON object"));
  EXPECT_THAT(told("/query", {{"targets", Json::array()}}, 400), HasSubstr("range"));
  Json question = a_question({{{"target", "pump-1/state"}, {"payload", {{"value", "mx"}}}}});
  EXPECT_THAT(told("/query", question, 400), HasSubstr("did you mean 'max'?"));
  question["adhocFilters"] = {{{"key", "sit"}, {"operator", "="}, {"value", "x"}}};
  EXPECT_THAT(told("/query", question, 400), HasSubstr("is none of"));
  question = a_question(Json::array());
  for (int i = 0; i < 101; ++i) question["targets"].push_back({{"target", "pump-1/state"}});
  EXPECT_THAT(told("/query", question, 400), HasSubstr("a panel takes 100"));
  EXPECT_THAT(told("/annotations", {{"range", question["range"]}, {"annotation", {{"query", "alarm"}}}}, 400),
              HasSubstr("neither alarms, downtime"));
}

// Grafana's versions differ in what they send; nothing of it may end the server.
TEST(GrafanaQuestions, OfAnyShapeAreReadOrRefused) {
  for (const char* body :
       {"", "null", "[]", "{}", "7", R"({"range":7})", R"({"range":{"from":1,"to":2}})",
        R"({"range":{"from":"2026-01-01","to":"2026-01-02"},"targets":7})",
        R"({"range":{"from":"2026-01-01","to":"2026-01-02"},"targets":[1,null,{"target":7}]})",
        R"({"range":{"from":"2026-01-01","to":"2026-01-02"},"targets":[],"adhocFilters":[1]})",
        R"({"range":{"from":"2026-01-01","to":"2026-01-02"},"maxDataPoints":-1e300,"intervalMs":1e300})"}) {
    const auto question = parse_grafana_question(body, 100);
    if (question) {
      EXPECT_LE(question->points, 100u) << body;
    }
    static_cast<void>(parse_grafana_annotations(body));
    static_cast<void>(grafana_text(body, "payload.target"));
  }
}

}  // namespace
}  // namespace millwright::api::testing
