#include <cmath>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/tests/test_plant.hpp"
#include "core/text.hpp"

namespace millwright::api::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const std::string kHistory = "/v1/machines/pump-1/history?sensor=";

// 10 readings a second before now, at 100 ms.
void fill(Plant& plant, int count) {
  const auto sensor = plant.sensor("motor/temperature");
  for (int i = 0; i < count; ++i) {
    plant.historian.add_value(sensor, kNow - (count - i) * 100 * core::kMillisecond, i * 0.1,
                              i % 10 == 3 ? core::kBadSensorFailure : core::kGood);
  }
}

TEST(History, RawReadingsComeBackBitExact) {
  Plant plant;
  const auto sensor = plant.sensor("motor/temperature");
  const std::vector<double> values = {0.1 + 0.2, 1e-310, -0.0, 1.7976931348623157e308, 5e-324, 123456.789};
  for (std::size_t i = 0; i < values.size(); ++i) {
    plant.historian.add_value(sensor, kNow - core::kSecond + static_cast<core::TimeNs>(i), values[i]);
  }
  plant.historian.add_value(sensor, kNow - 10, std::numeric_limits<double>::quiet_NaN(), core::kBadSensorFailure);
  const Reply reply = plant.get(kHistory + "motor/temperature");
  ASSERT_EQ(reply.status, 200);
  const auto json = reply.json();
  EXPECT_EQ(json["machine"], "pump-1");
  EXPECT_EQ(json["sensor"], kPump + "/motor/temperature");
  EXPECT_EQ(json["unit"], "°C");
  EXPECT_EQ(json["from"], "2026-11-21T07:45:00Z");
  EXPECT_EQ(json["to"], "2026-11-21T08:00:00Z");
  ASSERT_EQ(json["items"].size(), values.size() + 1);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double got = json["items"][i]["value"].get<double>();
    EXPECT_EQ(std::bit_cast<std::uint64_t>(got), std::bit_cast<std::uint64_t>(values[i]));
  }
  EXPECT_EQ(json["items"][1]["time"], "2026-11-21T07:59:59.000000001Z");
  EXPECT_TRUE(json["items"].back()["value"].is_null());
  EXPECT_EQ(json["items"].back()["quality"], "BadSensorFailure");
  EXPECT_EQ(json["items"].back()["quality_code"], 0x808C0000u);
}

TEST(History, TextsAsTheyAre) {
  Plant plant;
  const core::SensorId batch = plant.model.find_sensor(*plant.model.find_machine("fan-1"), "batch")->id;
  plant.historian.add_value(batch, kNow - 2, *plant.historian.texts().number("a, \"b\"\n"));
  plant.historian.add_value(batch, kNow - 1, *plant.historian.texts().number("B-2"));
  const std::string of_fan = "/v1/machines/fan-1/history?sensor=batch";
  const auto items = plant.get(of_fan).json()["items"];
  EXPECT_EQ(items[0]["value"], "a, \"b\"\n");
  EXPECT_EQ(items[1]["value"], "B-2");
  EXPECT_THAT(plant.get(of_fan + "&format=csv").body, HasSubstr(",\"a, \"\"b\"\"\n\",Good,0\n"));
  const auto hour = plant.get(of_fan + "&resolution=1h").json()["items"];
  EXPECT_EQ(hour[0]["count"], 2);
  EXPECT_TRUE(hour[0]["mean"].is_null());
  const Reply refused = plant.get(of_fan + "&resolution=1h&aggregate=Average");
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.json()["detail"].get<std::string>(), HasSubstr("batch holds texts, which can only be counted"));
}

TEST(History, EachTypeAsItIs) {
  Plant plant;
  plant.historian.add_value(plant.sensor("parts"), kNow - 1, std::int64_t{-9'007'199'254'740'993});
  plant.historian.add_value(plant.sensor("door"), kNow - 1, std::uint8_t{1});
  plant.historian.add_value(plant.sensor("state"), kNow - 2, std::int32_t{3});
  plant.historian.add_value(plant.sensor("state"), kNow - 1, std::int32_t{77});
  plant.historian.add_value(plant.sensor("pump/vibration-de"), kNow - 1, 0.1F);
  const auto items = [&](const std::string& name) { return plant.get(kHistory + name).json()["items"]; };
  EXPECT_EQ(items("parts")[0]["value"].get<std::int64_t>(), -9'007'199'254'740'993);
  EXPECT_EQ(items("door")[0]["value"], true);
  EXPECT_EQ(items("state")[0]["value"], 3);
  EXPECT_EQ(items("state")[0]["state_name"], "CIP, hot");
  EXPECT_TRUE(items("state")[1]["state_name"].is_null());
  const double vibration = items("vibration-de")[0]["value"].get<double>();
  EXPECT_EQ(vibration, 0.1);
  EXPECT_EQ(static_cast<float>(vibration), 0.1F);
}

TEST(History, AggregatesCarryWhatAveragesHide) {
  Plant plant;
  fill(plant, 100);
  for (const auto& [resolution, rows] : std::map<std::string, std::size_t>{{"1s", 10}, {"1m", 1}, {"1h", 1}}) {
    const auto json = plant.get(kHistory + "motor/temperature&resolution=" + resolution).json();
    EXPECT_EQ(json["resolution"], resolution);
    EXPECT_EQ(json["items"].size(), rows);
  }
  const auto row = plant.get(kHistory + "motor/temperature&resolution=1s").json()["items"][1];
  EXPECT_EQ(row["time"], "2026-11-21T07:59:51Z");
  EXPECT_EQ(row["count"], 9);
  EXPECT_EQ(row["bad_count"], 1);
  EXPECT_EQ(row["min"].get<double>(), 10 * 0.1);
  EXPECT_EQ(row["max"].get<double>(), 19 * 0.1);
  EXPECT_EQ(row["first"], row["min"]);
  EXPECT_EQ(row["last"], row["max"]);
  EXPECT_NEAR(row["mean"].get<double>() * 9, row["sum"].get<double>(), 1e-12);
}

TEST(History, PagesJoinToTheWholeAndNowStaysWhereItWas) {
  Plant plant;
  fill(plant, 100);
  for (const std::string resolution : {"raw", "1s"}) {
    const std::string target = kHistory + "motor/temperature&from=-1min&limit=7&resolution=" + resolution;
    std::vector<core::TimeNs> times;
    auto json = plant.get(target).json();
    const std::string to = json["to"];
    for (;;) {
      EXPECT_LE(json["items"].size(), 7u);
      for (const auto& item : json["items"]) times.push_back(*core::parse_time(item["time"].get<std::string>()));
      if (json["next_cursor"].is_null()) break;
      plant.clock.advance(core::kSecond);
      json = plant.get(target + "&cursor=" + json["next_cursor"].get<std::string>()).json();
      ASSERT_TRUE(json.contains("items")) << json.dump();
      EXPECT_EQ(json["to"], to);
    }
    EXPECT_EQ(times.size(), resolution == "raw" ? 100u : 10u);
    EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
    EXPECT_EQ(std::adjacent_find(times.begin(), times.end()), times.end());
  }
}

TEST(History, LimitsGoOverSeveralSteps) {
  Plant plant;
  fill(plant, 25'000);
  const std::string all = kHistory + "motor/temperature&from=-1h&limit=";
  const auto whole = plant.get(all + "100000").json();
  EXPECT_EQ(whole["items"].size(), 25'000u);
  EXPECT_TRUE(whole["next_cursor"].is_null());
  const auto part = plant.get(all + "20000").json();
  EXPECT_EQ(part["items"].size(), 20'000u);
  EXPECT_FALSE(part["next_cursor"].is_null());
  EXPECT_EQ(plant.get(kHistory + "motor/temperature&from=-1h").json()["items"].size(), 10'000u);
}

TEST(History, CsvByAcceptOrFormat) {
  Plant plant;
  const auto state = plant.sensor("state");
  plant.historian.add_value(state, kNow - core::kSecond, std::int32_t{3});
  plant.historian.add_value(state, kNow - core::kMillisecond, std::int32_t{2}, core::kUncertain);
  const Reply csv = plant.get(kHistory + "state&limit=1", {{"Accept", "text/csv"}});
  EXPECT_THAT(csv.field("content-type"), HasSubstr("text/csv"));
  EXPECT_EQ(csv.body, "time,value,state_name,quality,quality_code\n2026-11-21T07:59:59Z,3,\"CIP, hot\",Good,0\n");
  EXPECT_THAT(csv.field("content-disposition"), HasSubstr("pump-1-state-raw.csv"));
  const std::string link = csv.field("link");
  ASSERT_THAT(link, AllOf(HasSubstr("rel=\"next\""), HasSubstr("&cursor=")));
  const Reply next = plant.get(link.substr(1, link.find('>') - 1));
  EXPECT_EQ(next.body,
            "time,value,state_name,quality,quality_code\n2026-11-21T07:59:59.999Z,2,Running,Uncertain,1073741824\n");
  EXPECT_EQ(next.field("link"), "");

  const auto motor = plant.sensor("motor/temperature");
  plant.historian.add_value(motor, kNow - 3, 0.1 + 0.2);
  plant.historian.add_value(motor, kNow - 2, std::numeric_limits<double>::infinity());
  const std::string raw = plant.get(kHistory + "motor/temperature&format=csv").body;
  EXPECT_THAT(raw, AllOf(HasSubstr(",0.30000000000000004,Good,0\n"), HasSubstr(",Infinity,Good,0\n")));
  // Of two types the one named first; ?format goes before Accept.
  EXPECT_EQ(plant.get(kHistory + "state", {{"Accept", "application/json, text/csv"}}).field("content-type"),
            "application/json");
  EXPECT_EQ(plant.get(kHistory + "state&format=json", {{"Accept", "text/csv"}}).field("content-type"),
            "application/json");
}

TEST(History, CsvOfAggregates) {
  Plant plant;
  const auto motor = plant.sensor("motor/temperature");
  plant.historian.add_value(motor, kNow - 2 * core::kSecond, 1.0, core::kBad);
  plant.historian.add_value(motor, kNow - core::kSecond, 1.5);
  plant.historian.add_value(motor, kNow - core::kSecond + 1, 2.5);
  EXPECT_EQ(plant.get(kHistory + "motor/temperature&resolution=1s&format=csv").body,
            "time,count,bad_count,min,max,mean,first,last,sum,stddev,time_weighted_mean\n"
            "2026-11-21T07:59:58Z,0,1,,,,,,,,\n"
            "2026-11-21T07:59:59Z,2,0,1.5,2.5,2,1.5,2.5,4,0,2\n");
}

TEST(History, AnyWidthOfIntervals) {
  Plant plant;
  fill(plant, 100);
  const auto json = plant.get(kHistory + "motor/temperature&resolution=2500ms").json();
  EXPECT_EQ(json["resolution"], "2500ms");
  EXPECT_EQ(json["items"].size(), 4u);
  EXPECT_TRUE(json["aggregate"].is_null());
}

TEST(History, CalculatedValuesHaveAQuality) {
  Plant plant;
  fill(plant, 100);
  const std::string target = kHistory + "motor/temperature&from=-20s&resolution=5s&aggregate=";
  const auto json = plant.get(target + "percentile(50)").json();
  EXPECT_EQ(json["aggregate"], "Percentile(50)");
  ASSERT_EQ(json["items"].size(), 4u);
  EXPECT_EQ(json["items"][0]["time"], "2026-11-21T07:59:40Z");
  EXPECT_EQ(json["items"][0]["quality"], "BadNoData");
  EXPECT_TRUE(json["items"][0]["value"].is_null());
  EXPECT_EQ(json["items"][2]["quality"], "UncertainDataSubNormal");
  EXPECT_NEAR(json["items"][2]["value"].get<double>(), 2.4, 0.11);
  EXPECT_EQ(plant.get(target + "Count&format=csv").body,
            "time,value,quality,quality_code\n"
            "2026-11-21T07:59:40Z,0,Good,0\n"
            "2026-11-21T07:59:45Z,0,Good,0\n"
            "2026-11-21T07:59:50Z,45,UncertainDataSubNormal,1084489728\n"
            "2026-11-21T07:59:55Z,45,UncertainDataSubNormal,1084489728\n");
}

TEST(History, CalculatedPagesJoinToTheWhole) {
  Plant plant;
  fill(plant, 100);
  const std::string target = kHistory + "motor/temperature&from=-10s&resolution=700ms&aggregate=Maximum&limit=4";
  std::vector<std::string> times;
  auto json = plant.get(target).json();
  for (;;) {
    for (const auto& item : json["items"]) times.push_back(item["time"]);
    if (json["next_cursor"].is_null()) break;
    json = plant.get(target + "&cursor=" + json["next_cursor"].get<std::string>()).json();
    ASSERT_TRUE(json.contains("items")) << json.dump();
  }
  EXPECT_EQ(times.size(), 15u);
  EXPECT_EQ(times[1], "2026-11-21T07:59:50.700Z");
  EXPECT_EQ(times.back(), "2026-11-21T07:59:59.800Z");
}

// ---- charts ---------------------------------------------------------------------------------------------------------

TEST(Charts, SeveralSensorsAtOnce) {
  Plant plant;
  fill(plant, 100);
  plant.historian.add_value(plant.sensor("parts"), kNow - core::kSecond, std::int64_t{7});
  const std::string target =
      "/v1/charts?from=-10s&sensors=" + kPump + "/motor/temperature," + kPump + "/parts&points=11&method=";
  const auto json = plant.get(target + "minmax").json();
  EXPECT_EQ(json["interval_s"], 1.000000001);
  ASSERT_EQ(json["series"].size(), 2u);
  EXPECT_EQ(json["series"][0]["sensor"], kPump + "/motor/temperature");
  EXPECT_EQ(json["series"][0]["unit"], "°C");
  EXPECT_LE(json["series"][0]["items"].size(), 11u);
  EXPECT_EQ(json["series"][1]["items"][0]["count"], 1);
  const auto chosen = plant.get(target + "lttb").json();
  EXPECT_TRUE(chosen["interval_s"].is_null());
  ASSERT_EQ(chosen["series"][0]["items"].size(), 11u);
  EXPECT_EQ(chosen["series"][0]["items"][0]["time"], "2026-11-21T07:59:50Z");
  EXPECT_EQ(chosen["series"][1]["items"].size(), 1u);
}

TEST(Charts, WhatIsWrongSaysWhatWhereAndWhatToDo) {
  Plant plant;
  const auto detail = [&](const std::string& query, int status) {
    return problem_detail(plant.get("/v1/charts?" + query), status);
  };
  EXPECT_THAT(detail("", 400), HasSubstr("sensors: is missing"));
  EXPECT_THAT(detail("sensors=" + kPump + "/part", 404), HasSubstr("did you mean '" + kPump + "/parts'?"));
  EXPECT_THAT(detail("sensors=" + kPump + "/parts&points=2", 400), HasSubstr("3 to 10000"));
  EXPECT_THAT(detail("sensors=" + kPump + "/parts&method=mean", 400), HasSubstr("minmax, lttb"));
}

TEST(History, WhatTakesTooLongIsEnded) {
  Options options;
  options.history_time_limit = -1;
  Plant plant(options);
  fill(plant, 10);
  EXPECT_THAT(problem_detail(plant.get(kHistory + "motor/temperature"), 504), HasSubstr("history_time_limit"));
}

TEST(History, WhatIsWrongSaysWhatWhereAndWhatToDo) {
  Plant plant;
  const auto detail = [&](const std::string& query, int status) {
    return problem_detail(plant.get("/v1/machines/pump-1/history?" + query), status);
  };
  EXPECT_THAT(detail("", 400), AllOf(HasSubstr("sensor"), HasSubstr("/v1/machines/pump-1/twin")));
  EXPECT_THAT(detail("sensor=vibration-d", 404), HasSubstr("did you mean 'vibration-de'?"));
  EXPECT_THAT(detail("sensor=mtor/temperature", 404), HasSubstr("did you mean 'motor/temperature'?"));
  EXPECT_THAT(detail("sensor=temperature", 400), HasSubstr("motor/temperature or pump/temperature"));
  EXPECT_THAT(detail("sensor=acme/lyon/utilities/cooling/pumps/pump-2/flow", 404), HasSubstr("pump-1"));
  EXPECT_THAT(detail("sensor=parts&from=yesterday", 400), AllOf(HasSubstr("from"), HasSubstr("-15min")));
  EXPECT_THAT(detail("sensor=parts&to=2026-13-01", 400), HasSubstr("to: '2026-13-01'"));
  EXPECT_THAT(detail("sensor=parts&from=now&to=-1h", 400), HasSubstr("is after"));
  EXPECT_THAT(detail("sensor=parts&resolution=1sec", 400), HasSubstr("write raw, 1s, 1m, 1h, or a duration"));
  EXPECT_THAT(detail("sensor=parts&resolution=1s&aggregate=Avg", 400), HasSubstr("there are Average"));
  EXPECT_THAT(detail("sensor=parts&aggregate=Average", 400), HasSubstr("resolution="));
  EXPECT_THAT(detail("sensor=parts&limit=100001", 400), HasSubstr("1 to 100000"));
  EXPECT_THAT(detail("sensor=parts&cursor=abc", 400), HasSubstr("cursor"));
  EXPECT_THAT(detail("sensor=parts&format=xml", 400), HasSubstr("json, csv"));
  EXPECT_THAT(detail("sensr=parts", 400), HasSubstr("did you mean 'sensor'?"));
  EXPECT_THAT(problem_detail(plant.get("/machines/pump-9/history?sensor=a"), 404), HasSubstr("did you mean"));
  // An empty range is empty, not wrong.
  EXPECT_EQ(plant.get(kHistory + "parts&from=now&to=now").json()["items"].size(), 0u);
}

TEST(History, StorageErrorsAreProblems) {
  for (const auto& [code, status] : std::map<core::ErrorCode, int>{{core::ErrorCode::kIo, 500},
                                                                   {core::ErrorCode::kCorrupt, 500},
                                                                   {core::ErrorCode::kTimeout, 504},
                                                                   {core::ErrorCode::kUnavailable, 503},
                                                                   {core::ErrorCode::kFull, 507},
                                                                   {core::ErrorCode::kUnsupported, 501}}) {
    Plant plant;
    plant.historian.fail_with({code, "segment 7"});
    EXPECT_THAT(problem_detail(plant.get(kHistory + "parts"), status), HasSubstr("segment 7"));
  }
}

TEST(History, LongQueriesStopNobodyElse) {
  Plant plant;
  plant.historian.hold();
  std::vector<std::unique_ptr<Connection>> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.push_back(std::make_unique<Connection>(plant.server.port()));
    waiting.back()->send(request_text(plant.server.port(), "GET", kHistory + "parts"));
  }
  while (plant.historian.waiting() < 2) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(plant.get("/v1/machines").status, 200);
  EXPECT_EQ(plant.get("/v1/plant").status, 200);
  plant.historian.release();
  for (auto& connection : waiting) EXPECT_EQ(connection->read_reply().status, 200);
}

TEST(History, TooManyAtOnceAreTurnedAway) {
  Plant plant;
  plant.historian.hold();
  std::vector<std::unique_ptr<Connection>> waiting;
  for (int i = 0; i < 70; ++i) {
    waiting.push_back(std::make_unique<Connection>(plant.server.port()));
    waiting.back()->send(request_text(plant.server.port(), "GET", kHistory + "parts"));
  }
  // 2 at work and 64 in the queue: the rest hear so while those still wait.
  const auto turned_away = [&] {
    return plant.metrics
        .counter("millwright_http_requests_total", "", {{"route", "/v1/machines/{id}/history"}, {"code", "503"}})
        .Value();
  };
  while (turned_away() < 4) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  plant.historian.release();
  int answered = 0;
  int refused = 0;
  for (auto& connection : waiting) {
    const Reply reply = connection->read_reply();
    answered += reply.status == 200 ? 1 : 0;
    if (reply.status == 503) {
      ++refused;
      EXPECT_NE(reply.field("retry-after"), "");
    }
  }
  EXPECT_EQ(answered + refused, 70);
  EXPECT_GE(refused, 4);
}

}  // namespace
}  // namespace millwright::api::testing
