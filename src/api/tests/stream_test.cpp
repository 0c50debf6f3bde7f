#include <chrono>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/tests/test_plant.hpp"

namespace millwright::api::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Ticks come often, so that tests need not wait.
Options fast() {
  Options options;
  options.sse_period = 20 * core::kMillisecond;
  return options;
}

std::unique_ptr<Connection> subscribe(Plant& plant, const std::string& query = {}, const Fields& fields = {}) {
  auto connection = std::make_unique<Connection>(plant.server.port());
  connection->send(request_text(plant.server.port(), "GET", "/v1/stream" + query, fields));
  const Reply head = connection->read_head();
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.field("content-type"), "text/event-stream");
  EXPECT_EQ(head.field("cache-control"), "no-store");
  EXPECT_EQ(head.field("x-content-type-options"), "nosniff");
  EXPECT_EQ(connection->read_event().name, "retry");
  return connection;
}

// The next event of a name; an empty one at the end of the stream.
Event next(Connection& connection, const std::string& name) {
  for (;;) {
    Event event = connection.read_event();
    if (event.name == name || connection.at_end()) return event;
  }
}

template <typename Condition>
void wait_until(const Condition& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "waited in vain";
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

double clients(Plant& plant) {
  return plant.metrics.gauge("millwright_sse_clients", "").Value();
}

TEST(Stream, SendsReadingsOfAllMachinesAndStatistics) {
  Plant plant(fast());
  plant.write("state", std::int32_t{2});
  const auto stream = subscribe(plant);
  const auto readings = next(*stream, "readings").json();
  EXPECT_EQ(readings["time"], "2026-11-21T08:00:00Z");
  ASSERT_EQ(readings["machines"].size(), 3u);
  EXPECT_EQ(readings["machines"][0]["id"], "pump-1");
  EXPECT_EQ(readings["machines"][0]["state"], "running");
  EXPECT_FALSE(readings["machines"][0].contains("sensors"));
  const auto stats = next(*stream, "stats").json();
  EXPECT_EQ(stats["readings"], 123);
  EXPECT_EQ(stats["disk_full"], false);
}

TEST(Stream, SendsSensorsOfTheMachinesAskedFor) {
  Plant plant(fast());
  plant.write("motor/temperature", 21.5);
  pipeline::Rollup rollup;
  rollup.start = kNow - core::kSecond;
  rollup.count = 2;
  rollup.min = 1;
  rollup.max = 3;
  rollup.sum = 4;
  plant.live.write_rollup(plant.sensor("motor/temperature"), rollup);
  const auto stream = subscribe(plant, "?machine=pump-2,pump-1,pump-2");
  const auto machines = next(*stream, "readings").json()["machines"];
  ASSERT_EQ(machines.size(), 2u);
  EXPECT_EQ(machines[0]["id"], "pump-2");
  const auto& sensor = machines[1]["sensors"][3];
  EXPECT_EQ(sensor["path"], kPump + "/motor/temperature");
  EXPECT_EQ(sensor["value"], 21.5);
  EXPECT_EQ(sensor["quality"], "Good");
  EXPECT_EQ(sensor["mean"], 2.0);
  EXPECT_EQ(sensor["min"], 1.0);
  EXPECT_EQ(sensor["max"], 3.0);
  EXPECT_EQ(sensor["time"], "2026-11-21T08:00:00Z");
  EXPECT_TRUE(machines[1]["sensors"][1]["value"].is_null());
  plant.write("motor/temperature", 22.5);
  wait_until([&] { return next(*stream, "readings").json()["machines"][1]["sensors"][3]["value"] == 22.5; });
}

TEST(Stream, SendsAlarmsAtOnceInOrder) {
  Options options;
  options.sse_period = core::kHour;
  Plant plant(options);
  const auto stream = subscribe(plant);
  for (std::uint64_t id = 1; id <= 50; ++id) plant.raise(id);
  plant.post("/v1/alarms/1/acknowledge", R"({"by":"a"})");
  for (std::uint64_t version = 1; version <= 51; ++version) {
    const Event event = next(*stream, "alarm");
    EXPECT_EQ(event.id, std::to_string(version));
    EXPECT_EQ(event.json()["version"], version);
  }
}

TEST(Stream, ResumesWithTheAlarmsThatChangedSince) {
  Options options;
  options.sse_period = core::kHour;
  Plant plant(options);
  for (const std::uint64_t id : {1, 2, 3}) plant.raise(id);  // versions 1 to 3
  plant.post("/v1/alarms/1/acknowledge", R"({"by":"a"})");   // version 4
  wait_until([&] { return plant.alarms.list({}).size() == 3; });
  const auto stream = subscribe(plant, "", {{"Last-Event-ID", "2"}});
  EXPECT_EQ(next(*stream, "alarm").id, "3");
  EXPECT_EQ(next(*stream, "alarm").id, "4");
  plant.raise(9);
  EXPECT_EQ(next(*stream, "alarm").id, "5");
}

TEST(Stream, AnIdFromAlarmsThatAreGoneBringsAll) {
  Options options;
  options.sse_period = core::kHour;
  Plant plant(options);
  plant.raise(1);
  const auto stream = subscribe(plant, "", {{"Last-Event-ID", "900"}});
  EXPECT_EQ(next(*stream, "alarm").id, "1");
}

TEST(Stream, AnAlarmFloodLosesNothing) {
  Options options;
  options.sse_period = core::kHour;
  options.sse_queue_bytes_max = 64 << 20;
  Plant plant(options);
  const auto stream = subscribe(plant);
  constexpr std::uint64_t kFlood = 3000;  // more than fit into the queue at once
  std::thread flood([&] {
    for (std::uint64_t id = 1; id <= kFlood; ++id) plant.raise(id);
  });
  std::uint64_t last = 0;
  while (last < kFlood) {
    const Event event = next(*stream, "alarm");
    ASSERT_FALSE(stream->at_end());
    const auto version = event.json()["version"].get<std::uint64_t>();
    ASSERT_EQ(version, last + 1);
    last = version;
  }
  flood.join();
}

TEST(Stream, KeepsTheConnectionAlive) {
  Options options;
  options.sse_period = core::kHour;
  options.sse_keep_alive = 20 * core::kMillisecond;
  Plant plant(options);
  const auto stream = subscribe(plant);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(stream->read_event().comment, "keep-alive");
}

TEST(Stream, ASlowClientIsEndedAndTheOthersGoOn) {
  Options options;
  options.sse_period = 100 * core::kMillisecond;
  Plant plant(options, make_large_model(10'000));  // about a megabyte an event
  const auto slow = subscribe(plant);              // all machines, and then reads nothing
  const auto good = subscribe(plant, "?machine=machine-7");
  wait_until([&] {
    const auto readings = next(*good, "readings").json();
    EXPECT_EQ(readings["machines"][0]["id"], "machine-7");
    return clients(plant) == 1;
  });
  EXPECT_EQ(next(*good, "stats").json()["readings"], 123);
  // What was on its way arrives, and why it ended.
  std::string comment;
  while (!slow->at_end()) {
    const Event event = slow->read_event();
    if (!event.comment.empty()) comment = event.comment;
  }
  EXPECT_THAT(comment, HasSubstr("not read fast enough"));
}

TEST(Stream, TakesOnlySoManyClientsAndFreesTheirPlaces) {
  Options options = fast();
  options.sse_clients_max = 2;
  Plant plant(options);
  auto first = subscribe(plant);
  const auto second = subscribe(plant);
  const Reply refused = plant.get("/v1/stream");
  EXPECT_THAT(problem_detail(refused, 503), HasSubstr("api.sse_clients_max"));
  EXPECT_NE(refused.field("retry-after"), "");
  wait_until([&] { return clients(plant) == 2; });
  first.reset();
  wait_until([&] { return clients(plant) == 1; });
  first = subscribe(plant);
  EXPECT_EQ(next(*first, "stats").name, "stats");
}

TEST(Stream, WhatIsWrongIsAProblem) {
  Plant plant;
  EXPECT_THAT(problem_detail(plant.get("/v1/stream?machine=pump-1,pmp-2"), 404), HasSubstr("did you mean 'pump-2'?"));
  problem_detail(plant.get("/v1/stream", {{"Last-Event-ID", "x"}}), 400);
  problem_detail(plant.get("/v1/stream", {{"Last-Event-ID", "-1"}}), 400);
  problem_detail(plant.get("/v1/stream?machines=pump-1"), 400);
  EXPECT_EQ(ask(plant.server.port(), "HEAD", "/v1/stream").field("content-type"), "text/event-stream");
}

TEST(Stream, StopEndsOpenStreamsSoon) {
  Plant plant(fast());
  std::vector<std::unique_ptr<Connection>> streams;
  for (int i = 0; i < 10; ++i) streams.push_back(subscribe(plant));
  wait_until([&] { return clients(plant) == 10; });
  std::thread reader([&] {
    for (auto& stream : streams) {
      while (!stream->at_end()) stream->read_event();
    }
  });
  plant.server.stop();
  reader.join();  // every stream came to its end
  EXPECT_EQ(clients(plant), 0);
  plant.raise(1);  // an alarm after the end is nobody's
}

}  // namespace
}  // namespace millwright::api::testing
