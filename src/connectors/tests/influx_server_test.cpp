// The influx server over real HTTP, against a pipeline whose disk the test holds.
#include "connectors/influx_server.hpp"

#include <algorithm>
#include <chrono>
#include <span>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/line_stream.hpp"
#include "connectors/tests/test_plant.hpp"
#include "http/gzip.hpp"
#include "http/tests/test_client.hpp"
#include "io/sim_network.hpp"

namespace millwright::connectors {
namespace {

using core::ValueType;
using http::testing::Connection;
using http::testing::Reply;
using http::testing::request_text;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr core::TimeNs kNow = 1'763'712'000 * core::kSecond;

class Influx : public ::testing::Test {
 protected:
  explicit Influx(InfluxServerOptions options = {}) {
    options.port = 0;
    options.workers = options.workers != 0 ? options.workers : 2;
    node = std::make_unique<test::Node>(model, network, clock, disk, pipeline::PipelineOptions{.shards = 2});
    server = std::make_unique<InfluxServer>("line", options, node->context());
    const auto up = server->start();
    EXPECT_TRUE(up) << up.error().message;
  }

  Reply post(const std::string& target, const std::string& body, const http::testing::Fields& fields = {}) {
    return http::testing::ask(server->port(), "POST", target, fields, body);
  }
  Reply write(const std::string& body) { return post("/write?db=x", body); }

  const asset::Model model = test::make_model({{"pump,line=1,cell=a current", ValueType::kFloat32},
                                               {"pump,cell=a,line=1 running", ValueType::kBool},
                                               {"pump,cell=a,line=1 count", ValueType::kInt64},
                                               {"m-3.s", ValueType::kFloat64},
                                               {"spaced\\ name,k=v\\ w f\\ g", ValueType::kFloat64},
                                               {"ns=2", ValueType::kFloat64, "plc"}});
  io::SimClock clock{kNow};
  io::SimNetwork network;
  test::Disk disk;
  std::unique_ptr<test::Node> node;
  std::unique_ptr<InfluxServer> server;
};

test::Reading good(core::TimeNs time, double value) {
  return {time, value, core::kGood};
}

TEST_F(Influx, LinesBecomeReadings) {
  const Reply reply = write(
      "pump,line=1,cell=a current=12.41,running=true,count=7i 1000\n"
      "pump,cell=a,line=1 current=12.5,running=f,count=8i 2000\n"
      "m-3.s value=0.1 1000\n"
      "spaced\\ name,k=v\\ w f\\ g=5 1000\n");
  EXPECT_EQ(reply.status, 204) << reply.body;
  EXPECT_EQ(reply.body, "");
  EXPECT_NE(reply.field("x-influxdb-version"), "");
  EXPECT_THAT(disk.of(0), ElementsAre(good(1000, static_cast<double>(12.41F)), good(2000, 12.5)));
  EXPECT_THAT(disk.of(1), ElementsAre(good(1000, 1), good(2000, 0)));
  EXPECT_THAT(disk.of(2), ElementsAre(good(1000, 7), good(2000, 8)));
  EXPECT_THAT(disk.of(3), ElementsAre(good(1000, 0.1)));
  EXPECT_THAT(disk.of(4), ElementsAre(good(1000, 5)));
  EXPECT_EQ(server->status().readings, 8U);
  EXPECT_EQ(server->status().state, ConnectorState::kConnected);
}

TEST_F(Influx, ASensorsPathIsAnAddressToo) {
  EXPECT_EQ(
      write("acme/lyon/hall/line/cell/m-0/s value=1 1\nany,host=h,sensor=acme/lyon/hall/line/cell/m-0/s value=2 2")
          .status,
      204);
  EXPECT_THAT(disk.of(0), ElementsAre(good(1, 1), good(2, 2)));
  EXPECT_THAT(write("acme/lyon/hall/line/cell/m-5/s value=1 1").body, HasSubstr("is read by the connector 'plc'"));
  EXPECT_THAT(write("acme/lyon/hall/line/cell/m-0/s current=1 1").body, HasSubstr("are the field 'value', not"));
  EXPECT_EQ(disk.total(), 2U);
}

TEST_F(Influx, WhatIsOfOneSensorIsOneBlockInOrderOfTime) {
  std::string lines;
  for (int i = 0; i < 20'000; ++i) {
    const int time = i % 2 == 0 ? i + 1 : i - 1;  // each pair the wrong way round
    lines += "m-3.s value=" + std::to_string(time) + " " + std::to_string(time) + "\n";
    lines += "pump,line=1,cell=a count=" + std::to_string(i) + "i " + std::to_string(i) + "\n";
  }
  EXPECT_EQ(write(lines).status, 204);
  const auto readings = disk.of(3);
  ASSERT_EQ(readings.size(), 20'000U);
  for (int i = 0; i < 20'000; ++i) EXPECT_EQ(readings[static_cast<std::size_t>(i)], good(i, i));
  EXPECT_EQ(disk.of(2).size(), 20'000U);
}

TEST_F(Influx, APartOfARequestThatCannotBeUsedIsToldAndTheRestKept) {
  const Reply reply = write(
      "pump,line=1,cell=a current=1,running=true 1\n"
      "pump,line=1,cell=a current=1x 2\n"
      "pump,line=1,cell=a currant=1,running=false 3\n"
      "pump,line=1,cell=a count=1.5 4\n"
      "pump,line=1,line=2 current=1 5\n"
      "pump,line=1,cell=a current=2 6\n");
  EXPECT_EQ(reply.status, 400);
  const std::string error = reply.json()["error"];
  EXPECT_THAT(error,
              AllOf(HasSubstr("partial write: line 2: column 28: '1x' is no value"),
                    HasSubstr("line 3: no sensor has the address 'pump,cell=a,line=1 currant'"),
                    HasSubstr("line 4: 1.5 does not fit into the int64 of acme/lyon/hall/line/cell/m-2/s unchanged"),
                    HasSubstr("line 5: column 1: the tag 'line' comes twice"), HasSubstr(" dropped=4")));
  EXPECT_EQ(reply.field("x-influxdb-error"), error);
  EXPECT_THAT(disk.of(0), ElementsAre(good(1, 1), good(6, 2)));
  EXPECT_THAT(disk.of(1), ElementsAre(good(1, 1), good(3, 0)));
  EXPECT_EQ(server->status().refused, 4U);
  EXPECT_THAT(write("pump,line=1,cell=b current=1 1").body, HasSubstr("(did you mean 'pump,cell=a,line=1 current'?)"));
}

TEST_F(Influx, ManyBadLinesAreCountedAndTheFirstOnesTold) {
  std::string lines;
  for (int i = 0; i < 100; ++i) lines += "x\n";
  EXPECT_THAT(write(lines).json()["error"],
              AllOf(HasSubstr("line 5: "), Not(HasSubstr("line 6: ")), HasSubstr("; … dropped=100")));
}

TEST_F(Influx, PrecisionIsTheRequests) {
  for (const char* precision : {"ns", "n", "u", "us", "ms", "s", "m", "h"}) {
    EXPECT_EQ(post(std::string("/write?db=x&precision=") + precision, "m-3.s value=1 3").status, 204);
  }
  std::vector<core::TimeNs> times;
  for (const auto& reading : disk.of(3)) times.push_back(reading.time);
  EXPECT_THAT(times, ElementsAre(3, 3, 3'000, 3'000, 3'000'000, 3 * core::kSecond, 3 * core::kMinute, 3 * core::kHour));
  EXPECT_THAT(post("/write?precision=d", "m-3.s value=1 3").body, HasSubstr("precision=d: must be one of ns"));
  EXPECT_THAT(post("/write?precision=h", "m-3.s value=1 1763712000000").body, HasSubstr("not between 1684 and 2255"));
}

TEST_F(Influx, ALineWithoutATimeIsOfNow) {
  EXPECT_EQ(write("m-3.s value=1").status, 204);
  EXPECT_THAT(disk.of(3), ElementsAre(good(kNow, 1)));
}

TEST_F(Influx, NonsenseIsKeptAndMarked) {
  EXPECT_EQ(post("/write?precision=s", "m-3.s value=NaN 1\nm-3.s value=1 1763719200").status, 204);
  const auto readings = disk.of(3);
  ASSERT_EQ(readings.size(), 2U);
  EXPECT_EQ(readings[0].quality, core::kBadSensorFailure);
  EXPECT_EQ(readings[1].quality, core::kBadInvalidTimestamp);
}

TEST_F(Influx, TakesGzip) {
  const http::testing::Fields fields = {{"Content-Encoding", "gzip"}};
  EXPECT_EQ(post("/write", http::gzip("m-3.s value=1 1"), fields).status, 204);
  EXPECT_THAT(disk.of(3), ElementsAre(good(1, 1)));
  const Reply broken = post("/write", "m-3.s value=1 1", fields);
  EXPECT_EQ(broken.status, 400);
  EXPECT_THAT(broken.body, HasSubstr("no whole gzip"));
  EXPECT_EQ(post("/write", "x", {{"Content-Encoding", "br"}}).status, 415);
}

TEST_F(Influx, VersionTwoHasItsOwnWords) {
  EXPECT_EQ(post("/api/v2/write?org=o&bucket=b&precision=ms", "m-3.s value=1 1", {{"Authorization", "Token t"}}).status,
            204);
  EXPECT_THAT(disk.of(3), ElementsAre(good(1'000'000, 1)));
  const Reply reply = post("/api/v2/write?org=o&bucket=b", "x");
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.json()["code"], "invalid");
  EXPECT_THAT(std::string(reply.json()["message"]), HasSubstr("partial write: line 1"));
}

TEST_F(Influx, AnswersWhatClientsAskBesides) {
  const auto ask = [&](const std::string& method, const std::string& target, const http::testing::Fields& fields = {}) {
    return http::testing::ask(server->port(), method, target, fields);
  };
  EXPECT_EQ(ask("GET", "/ping").status, 204);
  EXPECT_EQ(ask("HEAD", "/ping").status, 204);
  EXPECT_EQ(ask("GET", "/health").json()["status"], "pass");
  EXPECT_EQ(ask("POST", "/query?q=CREATE%20DATABASE+%22x%22").status, 200);
  EXPECT_EQ(ask("GET", "/query?q=SELECT+1").status, 501);
  EXPECT_EQ(ask("GET", "/else").status, 404);
  const Reply wrong = ask("GET", "/write");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.field("allow"), "POST");
  EXPECT_EQ(ask("POST", "/write", {{"Host", "evil.example"}}).status, 421);
  EXPECT_EQ(ask("POST", "/write", {{"Origin", "http://evil.example"}}).status, 403);
}

TEST_F(Influx, AnswersOnlyWhatIsDurable) {
  node->behaviour.set_commits(false);
  Connection connection(server->port());
  connection.send(request_text(1, "POST", "/write", {}, "m-3.s value=1 1"));
  ASSERT_TRUE(test::eventually([&] { return server->status().readings == 1; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_THAT(server->status().detail, HasSubstr("1 writes on their way"));
  EXPECT_EQ(disk.total(), 0U);
  node->behaviour.set_commits(true);
  EXPECT_EQ(connection.read_reply().status, 204);
  EXPECT_EQ(disk.total(), 1U);
}

TEST_F(Influx, WhatIsNotDurableInTimeIsToBeSentAgain) {
  node->behaviour.set_commits(false);
  Connection connection(server->port());
  connection.send(request_text(1, "POST", "/write", {}, "m-3.s value=1 1"));
  ASSERT_TRUE(test::eventually([&] { return server->status().readings == 1; }));
  clock.advance(31 * core::kSecond);
  const Reply reply = connection.read_reply();
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.field("retry-after"), "5");
  node->behaviour.set_commits(true);  // the late receipt finds nobody
  EXPECT_EQ(write("m-3.s value=2 2").status, 204);
}

TEST_F(Influx, APipelineThatHasEndedIsTold) {
  node->pipeline().stop();
  const Reply reply = write("m-3.s value=1 1");
  EXPECT_EQ(reply.status, 503);
  EXPECT_THAT(reply.body, HasSubstr("not on disk"));
}

TEST_F(Influx, StoppingAnswersWhatIsOnItsWay) {
  node->behaviour.set_commits(false);
  Connection connection(server->port());
  connection.send(request_text(1, "POST", "/write", {}, "m-3.s value=1 1"));
  ASSERT_TRUE(test::eventually([&] { return server->status().readings == 1; }));
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    node->behaviour.set_commits(true);
  });
  server->stop();
  later.join();
  EXPECT_EQ(connection.read_reply().status, 204);
  EXPECT_EQ(server->status().state, ConnectorState::kStopped);
}

TEST_F(Influx, ManyClientsAtOnce) {
  constexpr int kClients = 8;
  constexpr int kRequests = 30;
  std::vector<std::thread> clients;
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([&, c] {
      Connection connection(server->port());
      for (int r = 0; r < kRequests; ++r) {
        std::string lines;
        for (int i = 0; i < 10; ++i) {
          const int time = (r * kClients + c) * 10 + i;
          lines += "pump,line=1,cell=a count=" + std::to_string(time) + "i " + std::to_string(time) + "\n";
        }
        connection.send(request_text(1, "POST", "/write", {}, lines));
        ASSERT_EQ(connection.read_reply().status, 204);
      }
    });
  }
  for (std::thread& client : clients) client.join();
  auto readings = disk.of(2);
  std::sort(readings.begin(), readings.end(), [](const auto& a, const auto& b) { return a.time < b.time; });
  ASSERT_EQ(readings.size(), static_cast<std::size_t>(kClients * kRequests * 10));
  for (std::size_t i = 0; i < readings.size(); ++i) EXPECT_EQ(readings[i].value, static_cast<double>(i));
}

class SmallInflux : public Influx {
 protected:
  static InfluxServerOptions options() {
    InfluxServerOptions small;
    small.body_bytes_max = 1000;
    small.ignore_tags = {"host"};
    return small;
  }
  SmallInflux() : Influx(options()) {}
};

TEST_F(SmallInflux, RefusesWhatIsTooLarge) {
  EXPECT_EQ(write(std::string(1001, '#')).status, 413);
  EXPECT_EQ(write(std::string(1000, '#')).status, 204);
  EXPECT_EQ(post("/write", http::gzip(std::string(1001, '#')), {{"Content-Encoding", "gzip"}}).status, 413);
}

TEST_F(SmallInflux, IgnoresTagsThatSayNothing) {
  EXPECT_EQ(write("pump,line=1,host=h,cell=a current=1 1").status, 204);
  EXPECT_THAT(disk.of(0), ElementsAre(good(1, 1)));
}

TEST(InfluxServer, AnAddressThatCannotBeReadIsTold) {
  const auto model = test::make_model({{"pump,line current"}});
  io::SimClock clock(kNow);
  io::SimNetwork network;
  test::Disk disk;
  test::Node node(model, network, clock, disk);
  InfluxServerOptions options;
  options.port = 0;
  InfluxServer server("line", options, node.context());
  const auto started = server.start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message,
              AllOf(HasSubstr("m-0/s: the address 'pump,line current' is no series"), HasSubstr("'line' is no tag")));
}

// ---- lines over TCP -------------------------------------------------------------------------------------------------

class InfluxTcp : public Influx {
 protected:
  explicit InfluxTcp(core::DurationNs unit = 1) : Influx(options_with(unit)) {}
  static InfluxServerOptions options_with(core::DurationNs unit) {
    InfluxServerOptions options;
    options.tcp_port = 0;
    options.tcp_unit = unit;
    return options;
  }
  std::unique_ptr<io::Stream> connect() {
    auto stream = network.connect({"127.0.0.1", server->tcp_port()}, 5 * core::kSecond);
    EXPECT_TRUE(stream) << stream.error().message;
    return stream ? std::move(*stream) : nullptr;
  }
  static void send(io::Stream& stream, std::string_view text) {
    const auto sent = stream.write_all(std::as_bytes(std::span(text)), 5 * core::kSecond);
    EXPECT_TRUE(sent) << sent.error().message;
  }
  // Until the sensor has so many readings.
  std::vector<test::Reading> wait_for(std::uint32_t sensor, std::size_t count) {
    for (int i = 0; i < 1000 && disk.of(sensor).size() < count; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return disk.of(sensor);
  }
  void wait_for_refused(std::uint64_t count) {
    for (int i = 0; i < 1000 && server->status().refused < count; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_EQ(server->status().refused, count);
  }
};

TEST_F(InfluxTcp, LinesBecomeReadingsHoweverTheyAreCut) {
  const std::string lines =
      "pump,line=1,cell=a current=12.5,running=true,count=7i 1000\n"
      "# a comment, and a line that is wrong\n"
      "pump,line=1,cell=a current=1x 1500\r\n"
      "m-3.s value=0.1 1000\n";
  auto stream = connect();
  ASSERT_NE(stream, nullptr);
  for (const char c : lines) send(*stream, {&c, 1});
  EXPECT_THAT(wait_for(3, 1), ElementsAre(good(1000, 0.1)));
  EXPECT_THAT(wait_for(0, 1), ElementsAre(good(1000, 12.5)));
  EXPECT_THAT(wait_for(2, 1), ElementsAre(good(1000, 7)));
  EXPECT_EQ(server->status().refused, 1U);
  EXPECT_EQ(server->status().state, ConnectorState::kConnected);
  EXPECT_THAT(server->status().detail, HasSubstr("1 sender over TCP"));
  EXPECT_EQ(write("m-3.s value=2 2000").status, 204) << "HTTP goes on beside it";
}

TEST_F(InfluxTcp, ALineThatTheConnectionsEndCutIsNotTaken) {
  auto stream = connect();
  ASSERT_NE(stream, nullptr);
  send(*stream, "m-3.s value=1 1\nm-3.s value=12");
  EXPECT_THAT(wait_for(3, 1), ElementsAre(good(1, 1)));
  stream->shut_down();
  wait_for_refused(1);
  EXPECT_EQ(disk.of(3).size(), 1U);
}

TEST_F(InfluxTcp, ALineWithoutEndIsPassedBy) {
  auto stream = connect();
  ASSERT_NE(stream, nullptr);
  send(*stream, "m-3.s value=1 1\n" + std::string(3 * LineStream::kLineBytesMax, 'x') + "\nm-3.s value=2 2\n");
  EXPECT_THAT(wait_for(3, 2), ElementsAre(good(1, 1), good(2, 2)));
  EXPECT_EQ(server->status().refused, 1U);
}

TEST_F(InfluxTcp, ATextWithoutItsQuoteCostsItsOwnLine) {
  auto stream = connect();
  ASSERT_NE(stream, nullptr);
  std::string lines = "m-3.s value=\"never\n";
  for (int i = 0; lines.size() < 2 * LineStream::kLineBytesMax; ++i)
    lines += "m-3.s value=1 " + std::to_string(i) + "\n";
  send(*stream, lines);
  stream->shut_down();
  wait_for_refused(1);
  EXPECT_EQ(wait_for(3, 1).size() + 1, static_cast<std::size_t>(std::count(lines.begin(), lines.end(), '\n')));
}

TEST_F(InfluxTcp, AFullPipelineHoldsTheSenderAndLosesNothing) {
  node->behaviour.set_closed(true);
  auto stream = connect();
  ASSERT_NE(stream, nullptr);
  std::size_t sent = 0;
  std::thread sender([&] {
    for (; sent < 200'000; sent += 100) {
      std::string lines;
      for (std::size_t i = 0; i < 100; ++i) lines += "m-3.s value=1 " + std::to_string(sent + i) + "\n";
      send(*stream, lines);
    }
  });
  node->behaviour.set_closed(false);
  sender.join();
  EXPECT_EQ(wait_for(3, sent).size(), sent);
}

class InfluxTcpInMilliseconds : public InfluxTcp {
 protected:
  InfluxTcpInMilliseconds() : InfluxTcp(core::kMillisecond) {}
};

TEST_F(InfluxTcpInMilliseconds, TimesAreInTheConfiguredUnit) {
  auto stream = connect();
  ASSERT_NE(stream, nullptr);
  send(*stream, "m-3.s value=1 1763712000123\nm-3.s value=2\n");
  const auto readings = wait_for(3, 2);
  ASSERT_EQ(readings.size(), 2U);
  EXPECT_THAT(readings,
              ::testing::UnorderedElementsAre(good(1'763'712'000'123 * core::kMillisecond, 1), good(kNow, 2)));
}

}  // namespace
}  // namespace millwright::connectors
