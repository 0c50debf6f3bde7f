// What every route has in common: methods, hosts, origins, limits, parameters, problems, security fields, metrics.
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/cursor.hpp"
#include "api/parameters.hpp"
#include "api/tests/test_plant.hpp"
#include "config/document.hpp"

namespace millwright::api::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(Paths, ThoseThatDoNotExistAreProblems) {
  Plant plant;
  for (const char* path : {"/v1", "/v1/", "/v1/machine", "/v1/machines/", "/v1/machines/pump-9", "/v1/machines//twin",
                           "/v1/alarms/1", "/nothing", "/plant", "/"}) {
    const Reply reply = plant.get(path);
    problem_detail(reply, 404);
    EXPECT_EQ(reply.json()["instance"], path);
  }
  EXPECT_THAT(problem_detail(plant.get("/"), 404), HasSubstr("api.web_directory"));
}

TEST(Methods, OnlyThoseOfTheRoute) {
  Plant plant;
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH"}) {
    const Reply reply = ask(plant.server.port(), method, "/v1/machines");
    problem_detail(reply, 405);
    EXPECT_EQ(reply.field("allow"), "GET, HEAD");
  }
  const Reply reply = plant.get("/v1/alarms/1/acknowledge");
  problem_detail(reply, 405);
  EXPECT_EQ(reply.field("allow"), "POST");
}

TEST(Methods, HeadIsGetWithoutBody) {
  Plant plant;
  for (const std::string path : {"/healthz", "/v1/plant", "/v1/openapi.json", "/v1/machines?limit=1"}) {
    Connection connection(plant.server.port());
    connection.send(request_text(plant.server.port(), "HEAD", path));
    const Reply head = connection.read_reply(true);
    EXPECT_EQ(head.status, 200);
    // The next reply on the same connection begins right behind: nothing of a body was sent.
    connection.send(request_text(plant.server.port(), "GET", path));
    const Reply get = connection.read_reply();
    EXPECT_EQ(get.status, 200);
    EXPECT_EQ(head.field("content-length"), get.field("content-length"));
  }
}

TEST(Hosts, OnlyThisMachineByName) {
  Plant plant;
  const auto status = [&](const std::string& host) { return plant.get("/healthz", {{"Host", host}}).status; };
  for (const char* host : {"localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8080"}) {
    EXPECT_EQ(status(host), 200) << host;
  }
  for (const char* host : {"evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80",
                           "127.0.0.1:80@evil.example", "[::2]", "0.0.0.0", "localhost:x", "[::1"}) {
    EXPECT_EQ(status(host), 421) << host;
  }
  problem_detail(plant.get("/healthz", {{"Host", "evil.example"}}), 421);
  problem_detail(plant.get("/healthz", {{"Host", ""}}), 400);
}

TEST(Origins, AnotherSitesPageMayNotPost) {
  Plant plant;
  plant.raise(1);
  const std::string own = "127.0.0.1:" + std::to_string(plant.server.port());
  const std::string body = R"({"by":"eve"})";
  const auto post = [&](Fields fields) { return plant.post("/v1/alarms/1/acknowledge", body, std::move(fields)); };
  for (const char* origin : {"http://evil.example", "null", "http://127.0.0.1", "https://127.0.0.1:1"}) {
    problem_detail(post({{"Origin", origin}}), 403);
  }
  problem_detail(post({{"Origin", "https://" + own}}), 403);
  problem_detail(post({{"Sec-Fetch-Site", "cross-site"}}), 403);
  EXPECT_EQ(plant.alarms.list({})[0].acknowledged, 0);
  EXPECT_EQ(post({{"Origin", "http://" + own}, {"Sec-Fetch-Site", "same-origin"}}).status, 200);
}

TEST(Bodies, AreJsonAndSmall) {
  Plant plant;
  plant.raise(1);
  const std::string path = "/v1/alarms/1/acknowledge";
  const auto with_type = [&](const std::string& type) {
    return ask(plant.server.port(), "POST", path, {{"Content-Type", type}}, R"({"by":"a"})");
  };
  problem_detail(with_type("text/plain"), 415);
  problem_detail(ask(plant.server.port(), "POST", path, {}, R"({"by":"a"})"), 415);
  EXPECT_THAT(problem_detail(plant.post(path, std::string(70'000, ' ')), 413), HasSubstr("65536"));
  // Far larger: the connection ends, and the server goes on.
  Connection connection(plant.server.port());
  connection.send(request_text(plant.server.port(), "POST", path, {{"Content-Type", "application/json"}},
                               std::string(20'000'000, ' ')));
  EXPECT_EQ(connection.read_reply().status, 0);
  EXPECT_EQ(with_type("application/json; charset=utf-8").status, 200);
}

TEST(Limits, LongUrlsAndManyFieldsAreRefused) {
  Plant plant;
  problem_detail(plant.get("/v1/machines?cursor=" + std::string(9000, 'a')), 414);
  EXPECT_EQ(plant.get("/v1/machines?cursor=" + std::string(40'000, 'a')).status, 0);
  Fields many;
  for (int i = 0; i < 200; ++i) many.emplace_back("X-" + std::to_string(i), "1");
  EXPECT_EQ(plant.get("/healthz", many).status, 0);
  EXPECT_EQ(plant.get("/healthz").status, 200);
}

TEST(Limits, WhatIsNoHttpEndsTheConnection) {
  Plant plant;
  for (const char* bytes : {"\x16\x03\x01\x02", "GET\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"}) {
    Connection connection(plant.server.port());
    connection.send(bytes);
    EXPECT_EQ(connection.read_reply().status, 0);
  }
  EXPECT_EQ(plant.get("/healthz").status, 200);
}

TEST(Queries, UnknownParametersNameTheNearest) {
  Plant plant;
  EXPECT_THAT(problem_detail(plant.get("/v1/machines?limt=5"), 400), HasSubstr("did you mean 'limit'?"));
  EXPECT_THAT(problem_detail(plant.get("/v1/plant?x=5"), 400), HasSubstr("takes none"));
  EXPECT_THAT(problem_detail(plant.get("/v1/machines?limit=1&limit=2"), 400), HasSubstr("twice"));
  EXPECT_THAT(problem_detail(plant.get("/v1/machines?limit=%4"), 400), HasSubstr("hexadecimal"));
  for (const char* limit : {"0", "-1", "100001", "1.5", "ten", "99999999999999999999"}) {
    EXPECT_THAT(problem_detail(plant.get(std::string("/v1/machines?limit=") + limit), 400), HasSubstr("1 to 100000"));
  }
}

TEST(Queries, MomentsAsPeopleAndProgramsWriteThem) {
  const auto moment = [](std::string_view text) { return parse_moment(text, kNow); };
  const core::TimeNs quarter_past = kNow + 15 * core::kMinute;
  EXPECT_EQ(*moment("now"), kNow);
  EXPECT_EQ(*moment("-15min"), kNow - 15 * core::kMinute);
  EXPECT_EQ(*moment("2026-11-21T08:15:00Z"), quarter_past);
  EXPECT_EQ(*moment("2026-11-21T09:15:00+01:00"), quarter_past);
  EXPECT_EQ(*moment(std::to_string(quarter_past / core::kSecond)), quarter_past);
  EXPECT_EQ(*moment(std::to_string(quarter_past / core::kMillisecond)), quarter_past);
  EXPECT_EQ(*moment(std::to_string(quarter_past + 1)), quarter_past + 1);
  EXPECT_EQ(*moment("0"), 0);
  for (const char* bad : {"", "yesterday", "-15", "-", "--5s", "10000000000", "99999999999999", "99999999999999999999",
                          "2026-02-30T00:00:00Z", "12x"}) {
    EXPECT_FALSE(moment(bad)) << bad;
  }
}

TEST(Queries, PercentCodingGoesBothWays) {
  EXPECT_EQ(*percent_decode("a%2Fb+c%c3%a9"), "a/b+cé");
  EXPECT_EQ(percent_encode("a/b+cé-._~"), "a%2Fb%2Bc%C3%A9-._~");
  for (const char* bad : {"%", "%2", "%2G", "x%"}) EXPECT_FALSE(percent_decode(bad)) << bad;
}

TEST(Cursors, ReadBackAndRefuseEveryFlippedBit) {
  const Cursor cursor{query_hash("a"), -5, INT64_MAX};
  const std::string text = encode_cursor(cursor);
  const auto back = decode_cursor(text, cursor.query);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->position, -5);
  EXPECT_EQ(back->bound, INT64_MAX);
  EXPECT_FALSE(decode_cursor(text, cursor.query + 1));
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    std::string other = text;
    other[i] = other[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(decode_cursor(other, cursor.query)) << i;
  }
  EXPECT_FALSE(decode_cursor("", cursor.query));
}

TEST(Fields, EveryAnswerIsProtected) {
  Plant plant;
  for (const Reply& reply :
       {plant.get("/v1/plant"), plant.get("/v1/nothing"), plant.get("/healthz", {{"Host", "evil"}})}) {
    EXPECT_EQ(reply.field("x-content-type-options"), "nosniff");
    EXPECT_EQ(reply.field("x-frame-options"), "DENY");
    EXPECT_THAT(reply.field("content-security-policy"),
                AllOf(HasSubstr("default-src 'none'"), HasSubstr("frame-ancestors 'none'")));
    EXPECT_EQ(reply.field("cache-control"), "no-store");
    EXPECT_EQ(reply.fields.count("access-control-allow-origin"), 0u);
  }
}

TEST(Operations, HealthReadinessAndMetrics) {
  Plant plant;
  EXPECT_EQ(plant.get("/healthz").body, R"({"status":"ok"})");
  EXPECT_EQ(plant.get("/readyz").json()["status"], "ready");
  plant.checks.push_back({"opcua", false, "port 4840 is in use"});
  const Reply reply = plant.get("/readyz");
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.json()["checks"][1]["detail"], "port 4840 is in use");
  plant.get("/machines/pump-1/twin");
  plant.get("/nothing/at/all");
  const Reply metrics = plant.get("/metrics");
  EXPECT_THAT(metrics.field("content-type"), HasSubstr("text/plain"));
  EXPECT_THAT(metrics.body,
              AllOf(HasSubstr(R"(millwright_http_requests_total{code="503",route="/readyz"} 1)"),
                    HasSubstr(R"(millwright_http_requests_total{code="200",route="/v1/machines/{id}/twin"} 1)"),
                    HasSubstr(R"(millwright_http_requests_total{code="404",route="/{file}"} 1)"),
                    HasSubstr(R"(millwright_http_request_seconds_count{route="/healthz"} 1)"),
                    HasSubstr("millwright_sse_clients 0")));
}

TEST(Connections, AreKeptAndPipelined) {
  Plant plant;
  Connection connection(plant.server.port());
  const std::string request = request_text(plant.server.port(), "GET", "/healthz");
  connection.send(request + request + request);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(connection.read_reply().status, 200);
}

TEST(ServerStart, APortInUseIsAConflict) {
  Plant plant;
  Options options;
  options.port = plant.server.port();
  Server second(options, Services{plant.model, plant.live, plant.historian, plant.alarms, plant.models, plant.metrics,
                                  plant.clock, [] { return PlantStatus{}; }, [] { return std::vector<Check>{}; }});
  const auto started = second.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, core::ErrorCode::kConflict);
  EXPECT_THAT(started.error().message, AllOf(HasSubstr(std::to_string(options.port)), HasSubstr("api.port")));
  EXPECT_EQ(plant.get("/healthz").status, 200);
}

TEST(ServerStart, ListensOnThisMachineAlone) {
  Plant plant;
  Options options;
  options.host = "0.0.0.0";
  Server second(options, Services{plant.model, plant.live, plant.historian, plant.alarms, plant.models, plant.metrics,
                                  plant.clock, [] { return PlantStatus{}; }, [] { return std::vector<Check>{}; }});
  const auto started = second.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, core::ErrorCode::kInvalid);
}

TEST(ServerStart, StopsWithABusyClientAndTwice) {
  Plant plant;
  Connection idle(plant.server.port());
  Connection half(plant.server.port());
  half.send("GET /healthz HT");
  plant.server.stop();
  plant.server.stop();
  EXPECT_TRUE(idle.ended());
  EXPECT_TRUE(half.ended());
  EXPECT_FALSE(Connection(plant.server.port()).connected());
}

TEST(ReadOptions, TakesTheSectionAndRefusesOtherHosts) {
  auto document = config::Document::parse(
      "api: {port: 9090, web_directory: web, sse_clients_max: 3, body_bytes_max: 1MiB}", "plant.yaml");
  ASSERT_TRUE(document);
  const Options options = read_options(document->root().section("api"));
  EXPECT_TRUE(document->check()) << document->check().error().message;
  EXPECT_EQ(options.port, 9090);
  EXPECT_EQ(options.web_directory, "web");
  EXPECT_EQ(options.sse_clients_max, 3u);
  EXPECT_EQ(options.body_bytes_max, 1u << 20);
  EXPECT_EQ(options.host, "127.0.0.1");

  auto wrong = config::Document::parse("api: {host: 0.0.0.0, prt: 1}", "plant.yaml");
  ASSERT_TRUE(wrong);
  read_options(wrong->root().section("api"));
  ASSERT_EQ(wrong->problems().size(), 2u);
}

}  // namespace
}  // namespace millwright::api::testing
