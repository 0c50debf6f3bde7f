#include "connectors/factory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/tests/test_plant.hpp"
#include "io/sim_network.hpp"

namespace millwright::connectors {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Read {
  std::vector<ConnectorOptions> options;
  std::vector<std::string> problems;
};
Read read(const std::string& yaml) {
  auto document = config::Document::parse(yaml, "plants/plant.yaml");
  EXPECT_TRUE(document);
  Read out;
  auto root = document->root();
  out.options = read_options(*document, root);
  root.finish();
  for (const config::Problem& problem : document->problems()) out.problems.push_back(to_string(problem));
  return out;
}

TEST(Factory, ReadsEveryKind) {
  const Read got = read(R"(connectors:
  - {name: plc, type: opcua, endpoint: "opc.tcp://10.0.0.5:4840"}
  - {name: vibration, type: burst, port: 4851, clients_max: 7, idle_timeout: 5s, frame_bytes_max: 1MiB, future_limit: 2s,
     tls: {certificate_file: pki/plant.crt, key_file: /pki/plant.key, client_ca_file: pki/ca.crt}}
  - {name: gateway, type: influx, port: 8087, workers: 3, body_bytes_max: 1MiB, answer_timeout: 2s, ignore_tags: [host]}
  - {name: recorded, type: replay, file: pump.csv, speed: 10, loop: true, times: shift-to-now}
)");
  EXPECT_THAT(got.problems, ElementsAre());
  ASSERT_EQ(got.options.size(), 4U);
  EXPECT_EQ(got.options[0].name, "plc");
  EXPECT_EQ(std::get<OpcUaClientOptions>(got.options[0].source).endpoint, "opc.tcp://10.0.0.5:4840");
  const auto& burst = std::get<BurstServerOptions>(got.options[1].source);
  EXPECT_EQ(burst.host, "127.0.0.1");
  EXPECT_EQ(burst.port, 4851);
  EXPECT_EQ(burst.clients_max, 7U);
  EXPECT_EQ(burst.idle_timeout, 5 * core::kSecond);
  EXPECT_EQ(burst.frame_bytes_max, 1024U * 1024);
  EXPECT_EQ(burst.future_limit, 2 * core::kSecond);
  EXPECT_EQ(burst.tls.certificate, "plants/pki/plant.crt");
  EXPECT_EQ(burst.tls.key, "/pki/plant.key");
  EXPECT_EQ(burst.tls.client_ca, "plants/pki/ca.crt");
  const auto& influx = std::get<InfluxServerOptions>(got.options[2].source);
  EXPECT_EQ(influx.port, 8087);
  EXPECT_FALSE(influx.tls.given());
  EXPECT_EQ(influx.workers, 3U);
  EXPECT_EQ(influx.body_bytes_max, 1024U * 1024);
  EXPECT_EQ(influx.answer_timeout, 2 * core::kSecond);
  EXPECT_THAT(influx.ignore_tags, ElementsAre("host"));
  const auto& replay = std::get<ReplayOptions>(got.options[3].source);
  EXPECT_EQ(replay.file, "plants/pump.csv");
  EXPECT_EQ(replay.speed, 10);
  EXPECT_TRUE(replay.loop);
  EXPECT_EQ(replay.times, ReplayTimes::kShiftToNow);
}

TEST(Factory, TellsEveryMistakeAtOnce) {
  const Read got = read(R"(connectors:
  - {name: a, type: burst}
  - {name: a, type: burst, port: 4851}
  - {name: b, type: burst, prot: 4852}
  - {name: c, type: brust}
  - {name: Not A Name, type: replay, file: x.csv}
  - {name: d, type: replay}
  - {type: replay, file: y.csv, loop: true, speed: 0}
)");
  EXPECT_THAT(got.problems,
              ::testing::UnorderedElementsAre(
                  HasSubstr("connectors[1].name: another connector has the name 'a' already (plants/plant.yaml:2:"),
                  HasSubstr("connectors[2].port: the connector 'a' listens on port 4850 already"),
                  HasSubstr("connectors[2].prot: unknown key (did you mean 'port'?)"),
                  HasSubstr("connectors[3].type: there is no connector type 'brust' (did you mean 'burst'?); there are "
                            "opcua, burst, influx, replay"),
                  HasSubstr("connectors[4].name: 'Not A Name' is not a name"), HasSubstr("connectors[5].file"),
                  HasSubstr("connectors[6].name"), HasSubstr("connectors[6].loop: a loop needs a speed above 0")));
}

TEST(Factory, MakesThemAll) {
  const auto model = test::make_model({{"x"}});
  io::SimClock clock(0);
  io::SimNetwork network;
  test::Disk disk;
  test::Node node(model, network, clock, disk);
  EXPECT_EQ(make_connector({"a", BurstServerOptions{}}, node.context())->status().kind, "burst");
  EXPECT_EQ(make_connector({"i", InfluxServerOptions{}}, node.context())->status().kind, "influx");
  EXPECT_EQ(make_connector({"b", ReplayOptions{}}, node.context())->status().kind, "replay");
  EXPECT_EQ(make_connector({"m", MqttClientOptions{}}, node.context())->status().kind, "mqtt");
  const auto opcua = make_connector({"c", OpcUaClientOptions{}}, node.context());
  EXPECT_EQ(opcua->status().kind, "opcua");
  EXPECT_EQ(opcua->status().name, "c");
  EXPECT_EQ(opcua->status().state, ConnectorState::kStopped);
}

}  // namespace
}  // namespace millwright::connectors
