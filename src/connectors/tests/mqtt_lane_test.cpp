// What messages mean, and which of them are left out.
#include "connectors/mqtt_lane.hpp"

#include <cmath>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <openssl/evp.h>

#include "config/document.hpp"
#include "connectors/mqtt_options.hpp"
#include "connectors/tests/test_plant.hpp"
#include "core/bytes.hpp"
#include "io/sim_network.hpp"

namespace millwright::connectors {
namespace {

using core::ValueType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr core::TimeNs kNow = 1'800'000'000 * core::kSecond;

class MqttMessages : public ::testing::Test {
 protected:
  void take(const std::string& topic, const std::string& payload, bool retained = false) {
    lane_.take({.topic = topic, .payload = payload, .retained = retained});
  }
  std::vector<double> values(std::uint32_t sensor) {
    lane_.lane().flush();
    EXPECT_TRUE(test::eventually([&] { return disk_.total() == lane_.lane().intake().readings(); }));
    std::vector<double> all;
    for (const test::Reading& reading : disk_.of(sensor)) all.push_back(reading.value);
    return all;
  }
  double counted(const char* name) { return node_.metrics().counter(name, "", {{"connector", "line"}}).Value(); }

  const asset::Model model_ = test::make_model({{"gateway/7#motor/current", ValueType::kFloat64},
                                                {"plant/a/temperature", ValueType::kFloat32},
                                                {"none", ValueType::kInt64},
                                                {"plant/a/on", ValueType::kBool},
                                                {"plant/batch", ValueType::kText},
                                                {"other", ValueType::kFloat64, "another"}});
  io::SimClock clock_{kNow};
  io::SimNetwork network_;
  test::Disk disk_;
  test::Node node_{model_, network_, clock_, disk_};
  const MqttClientOptions options_{
      .link = {},
      .topics = {*protocol::TopicPattern::parse("uns/{machine}/{sensor}"),
                 *protocol::TopicPattern::parse("flat/{machine}"), *protocol::TopicPattern::parse("#")}};
  MqttLane lane_{options_, node_.context(), "line"};
};

TEST_F(MqttMessages, FindsSensorsByAddressAndByPattern) {
  take("gateway/7", R"({"motor":{"current":3.5}})");
  EXPECT_THAT(values(0), ElementsAre(3.5));
  take("plant/a", R"({"temperature":21.5,"on":true})");
  EXPECT_THAT(values(1), ElementsAre(21.5));
  EXPECT_THAT(values(3), ElementsAre(1));
  take("uns/m-2/s", "7");
  take("flat/m-2", R"({"s":{"v":8}})");
  EXPECT_THAT(values(2), ElementsAre(7, 8));
  take("plant/batch", "\"B-4711\"");
  EXPECT_EQ(values(4).size(), 1U);
  EXPECT_EQ(lane_.lane().intake().refused(), 0U);
}

TEST_F(MqttMessages, TellsWhatItCannotUse) {
  take("uns/m-5/s", "1");  // of another connector
  EXPECT_THAT(lane_.lane().problem(), HasSubstr("uns/m-5/s: no sensor has this topic"));
  take("plant/a", R"({"temperature":"warm","pressure":1})");
  EXPECT_THAT(lane_.lane().problem(), HasSubstr("'temperature' does not fit into acme/lyon/hall/line/cell/m-1/s"));
  take("uns/m-2/s", "7.5");
  EXPECT_THAT(lane_.lane().problem(), HasSubstr("which is int64"));
  take("plant/a", "{");
  EXPECT_THAT(lane_.lane().problem(), HasSubstr("plant/a: no JSON: parse error"));
  EXPECT_EQ(lane_.lane().intake().refused(), 5U);
  take("plant/a", R"({"temperature":20,"on":{"v":1,"t":"never"}})");
  EXPECT_EQ(lane_.lane().intake().refused(), 6U);
  EXPECT_THAT(values(1), ElementsAre(20));
}

TEST_F(MqttMessages, KeepsQualityAndTime) {
  take("plant/a/temperature", R"({"v":1,"q":"Uncertain","t":1700000000})");
  take("plant/a/temperature", R"({"v":null,"t":1700000001})");
  take("plant/a/temperature", R"({"v":2})");
  EXPECT_EQ(values(1).size(), 3U);
  const auto readings = disk_.of(1);
  EXPECT_EQ(readings[0], (test::Reading{1'700'000'000 * core::kSecond, 1, core::kUncertain}));
  EXPECT_EQ(readings[1].quality, core::kBadNoData);
  EXPECT_EQ(readings[2].time, kNow);
}

TEST_F(MqttMessages, LeavesOutWhatComesAgain) {
  for (int i = 0; i < 2; ++i) {
    take("plant/a/temperature", R"({"v":1,"t":1700000000})");
    take("plant/a/temperature", R"({"v":2,"seq":7})");
    take("plant/a/temperature", R"({"v":3,"id":"01JD7X2Q0000000000000000AB"})");
    take("plant/a/temperature", "4");
  }
  EXPECT_THAT(values(1), ElementsAre(1, 2, 3, 4, 4));
  EXPECT_EQ(counted("millwright_mqtt_repeated_total"), 3);
  take("plant/a/temperature", R"({"v":5,"seq":10})");
  EXPECT_EQ(counted("millwright_mqtt_missing_total"), 2);
  take("plant/a/temperature", R"({"v":6,"seq":0})");  // begun anew
  EXPECT_EQ(counted("millwright_mqtt_missing_total"), 2);
}

TEST_F(MqttMessages, ARetainedMessageNeedsATime) {
  take("plant/a/temperature", "1", true);
  take("plant/a/temperature", R"({"v":2,"t":1700000000})", true);
  EXPECT_THAT(values(1), ElementsAre(2));
  EXPECT_EQ(counted("millwright_mqtt_retained_total"), 1);
}

// docs/format/waveform.md, by hand.
std::string chunk(const std::vector<float>& wave, std::uint32_t first, std::uint32_t count, double rate) {
  std::vector<std::byte> bytes;
  core::ByteWriter out(bytes);
  out.text("MWW1");
  out.put(std::uint32_t{0});
  out.text("0123456789abcdef");
  out.put(kNow - core::kMinute);
  out.put(rate);
  out.put(static_cast<std::uint32_t>(wave.size()));
  out.put(first);
  out.put(count);
  unsigned char sha256[32];
  EVP_Digest(wave.data(), wave.size() * sizeof(float), sha256, nullptr, EVP_sha256(), nullptr);
  out.raw(sha256, sizeof(sha256));
  out.raw(wave.data() + first, count * sizeof(float));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST_F(MqttMessages, AWaveformBecomesReadings) {
  std::vector<float> wave(10'000);
  for (std::size_t i = 0; i < wave.size(); ++i) wave[i] = static_cast<float>(i);
  take("plant/a/temperature", chunk(wave, 5'000, 5'000, 25'600));
  EXPECT_TRUE(values(1).empty());
  take("plant/a/temperature", chunk(wave, 0, 5'000, 25'600));
  const auto all = values(1);
  ASSERT_EQ(all.size(), wave.size());
  const auto readings = disk_.of(1);
  for (std::size_t i = 0; i < all.size(); ++i) {
    ASSERT_EQ(all[i], static_cast<double>(i));
    ASSERT_NEAR(static_cast<double>(readings[i].time - (kNow - core::kMinute)), static_cast<double>(i) * 39'062.5, 1);
  }
  take("plant/a/temperature", chunk(wave, 0, 5'000, 25'600));
  EXPECT_EQ(counted("millwright_mqtt_repeated_total"), 1);
  take("plant/a/on", chunk({1, 2}, 0, 2, 1000));
  EXPECT_THAT(lane_.lane().problem(), HasSubstr("a waveform does not fit into"));
  take("plant/nowhere", chunk({1, 2}, 0, 2, 1000));
  EXPECT_THAT(lane_.lane().problem(), HasSubstr("no sensor has this topic"));
}

template <typename Read>
std::string problems_of(const char* row, Read read) {
  auto document = config::Document::parse(row, "plant.yaml");
  EXPECT_TRUE(document);
  config::Section root = document->root();
  read(root, "/plant", "uns");
  root.finish();
  std::string problems;
  for (const config::Problem& one : document->problems()) problems += config::to_string(one) + "\n";
  return problems;
}

TEST(MqttOptions, MistakesAreNamed) {
  const std::pair<const char*, const char*> kCases[] = {
      {"{host: b}", "no topics"},
      {"{host: b, topics: ['a/#/b']}", "# comes last"},
      {"{host: b, topics: ['{plant}/a']}", "is no text, +, # or one of {enterprise}"},
      {"{host: b, topics: [a], share: 'x/y'}", "no name of a group"},
      {"{host: b, topics: [a], status_topic: 'x/#'}", "no topic to publish on"},
      {"{host: b, topics: [a], time_unit: h}", "time_unit"},
  };
  for (const auto& [row, problem] : kCases) {
    EXPECT_THAT(problems_of(row, read_mqtt_client_options), HasSubstr(problem)) << row;
  }
  const std::pair<const char*, const char*> kSparkplug[] = {
      {"{host: b, host_id: 'a/b'}", "no name in Sparkplug"},
      {"{host: b, groups: ['+']}", "no name in Sparkplug"},
      {"{host: b, reorder_timeout: 0s}", "reorder_timeout"},
  };
  for (const auto& [row, problem] : kSparkplug) {
    EXPECT_THAT(problems_of(row, read_sparkplug_options), HasSubstr(problem)) << row;
  }
}

// A connector whose machine can be told something.
TEST(MqttCommands, AreMessagesWithAnAnswer) {
  asset::Model plain = test::make_model({{"plant/a"}});
  std::vector<asset::Machine> machines(plain.machines().begin(), plain.machines().end());
  asset::Command command;
  command.name = "set-speed";
  command.target = {"line", "plant/a/cmd"};
  command.arguments.emplace_back().name = "speed";
  machines[0].commands = {command};
  const asset::Model model(machines, {plain.sensors().begin(), plain.sensors().end()});
  io::SimClock clock{kNow};
  io::SimNetwork network;
  test::Disk disk;
  test::Node node(model, network, clock, disk);
  MqttClientOptions options{.link = {}, .topics = {*protocol::TopicPattern::parse("plant/#")}};
  options.link.broker.client_id = "plant-1";
  MqttLane lane(options, node.context(), "line");
  EXPECT_THAT(lane.filters(), ElementsAre("plant/#", "millwright/answers/plant-1"));
  MqttLane other(options, node.context(), "other");
  EXPECT_THAT(other.filters(), ElementsAre("plant/#")) << "nothing there takes commands";

  const asset::CommandValue value = 1200.0;
  const auto payload = lane.command_payload(1, command, std::span(&value, 1));
  ASSERT_TRUE(payload);
  const auto json = nlohmann::json::parse(*payload);
  EXPECT_EQ(json["command"], "set-speed");
  EXPECT_EQ(json["answer"], "millwright/answers/plant-1");
  EXPECT_EQ(json["arguments"], nlohmann::json({{"speed", 1200.0}}));
  asset::Command wild = command;
  wild.target.address = "plant/+";
  EXPECT_EQ(lane.command_payload(1, wild, std::span(&value, 1)).error().code, core::ErrorCode::kInvalid);

  lane.commands().open();
  const auto answer = [&](const std::string& text, bool retained = false) {
    lane.take({.topic = "millwright/answers/plant-1", .payload = text, .retained = retained});
  };
  const auto give = [&](const char* ok) {
    std::thread device([&] {
      std::uint64_t asked = 0;
      while (asked == 0) {
        lane.commands().send([&](std::uint64_t ticket, const auto&, auto) -> core::Status {
          asked = ticket;
          return {};
        });
      }
      const std::string id = fmt::format("{:x}-{}", kNow, asked);
      answer(R"({"id":"0-1","ok":true})");                                      // of an earlier run
      answer(fmt::format(R"({{"id":"{}","ok":true}})", id), true);              // retained
      answer(fmt::format(R"({{"id":"{}","ok":{},"result":"ramp"}})", id, ok));  // the one
      answer(fmt::format(R"({{"id":"{}","ok":true}})", id));                    // twice on the way
      answer("?");
    });
    auto result = lane.commands().ask(command, std::span(&value, 1), 10 * core::kSecond);
    device.join();
    return result;
  };
  EXPECT_EQ(give("true").value(), "ramp");
  const auto refused = give("false");
  EXPECT_EQ(refused.error().code, core::ErrorCode::kConflict);
  EXPECT_THAT(refused.error().message, HasSubstr("the device refused: ramp"));
  EXPECT_EQ(lane.lane().intake().refused(), 2U);
}

}  // namespace
}  // namespace millwright::connectors
