// What messages mean, and which of them are left out.
#include "connectors/mqtt_lane.hpp"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/document.hpp"
#include "connectors/mqtt_options.hpp"
#include "connectors/tests/test_plant.hpp"
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
    const std::size_t before = disk_.total();
    const std::size_t pending = lane_.pending() ? 1 : 0;
    if (pending != 0) lane_.submit({});
    EXPECT_TRUE(test::eventually([&] { return disk_.total() >= before + pending; }));
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
  const std::vector<protocol::TopicPattern> patterns_{*protocol::TopicPattern::parse("uns/{machine}/{sensor}"),
                                                      *protocol::TopicPattern::parse("flat/{machine}"),
                                                      *protocol::TopicPattern::parse("#")};
  const MqttTargets targets_{model_, "line", patterns_};
  Intake intake_{node_.context(), "line"};
  MqttLane lane_{targets_, node_.context(), intake_, "line", protocol::UnsTime::kAuto};
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
  EXPECT_EQ(intake_.refused(), 0U);
}

TEST_F(MqttMessages, TellsWhatItCannotUse) {
  take("uns/m-5/s", "1");  // of another connector
  EXPECT_THAT(lane_.problem(), HasSubstr("uns/m-5/s: no sensor has this topic"));
  take("plant/a", R"({"temperature":"warm","pressure":1})");
  EXPECT_THAT(lane_.problem(), HasSubstr("'temperature' does not fit into acme/lyon/hall/line/cell/m-1/s"));
  take("uns/m-2/s", "7.5");
  EXPECT_THAT(lane_.problem(), HasSubstr("which is int64"));
  take("plant/a", "{");
  EXPECT_THAT(lane_.problem(), HasSubstr("plant/a: no JSON: parse error"));
  EXPECT_EQ(intake_.refused(), 5U);
  take("plant/a", R"({"temperature":20,"on":{"v":1,"t":"never"}})");
  EXPECT_EQ(intake_.refused(), 6U);
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
    auto document = config::Document::parse(row, "plant.yaml");
    ASSERT_TRUE(document);
    config::Section root = document->root();
    read_mqtt_client_options(root, "/plant", "uns");
    root.finish();
    std::string problems;
    for (const config::Problem& one : document->problems()) problems += config::to_string(one) + "\n";
    EXPECT_THAT(problems, HasSubstr(problem)) << row;
  }
}

}  // namespace
}  // namespace millwright::connectors
