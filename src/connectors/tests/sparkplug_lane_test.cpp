// What edge nodes say becomes readings; what they leave unsaid becomes a quality, or a question.
#include "connectors/sparkplug_lane.hpp"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/tests/test_plant.hpp"
#include "io/sim_network.hpp"

namespace millwright::connectors {
namespace {

namespace spb = protocol::sparkplug;

using core::ValueType;
using spb::DataType;
using spb::Metric;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr core::TimeNs kNow = 1'800'000'000 * core::kSecond;

class SparkplugHost : public ::testing::Test {
 protected:
  void take(const std::string& topic, std::uint64_t sequence, std::vector<Metric> metrics, bool retained = false) {
    const std::string bytes = spb::encode({.time = kNow, .sequence = sequence, .metrics = std::move(metrics)});
    lane_.take({.topic = topic, .payload = bytes, .retained = retained});
  }
  void birth() {
    take("spBv1.0/g/NBIRTH/n", 0,
         {{.name = "bdSeq", .type = DataType::kInt64, .value = std::int64_t{0}},
          {.name = "Node Control/Rebirth", .type = DataType::kBoolean, .value = false}});
    take("spBv1.0/g/DBIRTH/n/d", 1,
         {{.name = "Drive/speed", .alias = 7, .time = kNow - 1, .type = DataType::kFloat, .value = 1.5F},
          {.name = "count", .alias = 8, .time = kNow - 1, .type = DataType::kUInt64, .value = std::uint64_t{5}},
          {.name = "recipe",
           .alias = 9,
           .time = kNow - 1,
           .type = DataType::kString,
           .value = std::string_view("B-4711")},
          {.name = "table", .alias = 10, .type = DataType::kDataSet}});
  }
  void data(std::uint64_t sequence, Metric metric) { take("spBv1.0/g/DDATA/n/d", sequence, {metric}); }
  static Metric speed(float value, core::TimeNs time, bool historical = false) {
    return {.alias = 7, .time = time, .historical = historical, .value = value};
  }
  std::vector<double> values(std::uint32_t sensor) {
    lane_.lane().flush();
    EXPECT_TRUE(test::eventually([&] { return disk_.total() == lane_.lane().intake().readings(); }));
    std::vector<double> all;
    for (const test::Reading& reading : disk_.of(sensor)) all.push_back(reading.value);
    return all;
  }
  std::string text_of(std::uint32_t sensor) {
    return std::string(node_.context().texts.text(static_cast<std::int32_t>(disk_.of(sensor).back().value)).value());
  }
  // The last word on sensors that went through the pipeline.
  core::Quality last_status(std::uint64_t statuses) {
    EXPECT_TRUE(test::eventually([&] { return node_.behaviour.statuses() >= statuses; }));
    core::MutexLock lock(node_.behaviour.mutex);
    return node_.behaviour.last_status;
  }
  double counted(const char* name) { return node_.metrics().counter(name, "", {{"connector", "line"}}).Value(); }
  std::vector<std::string> due() { return lane_.due(clock_.monotonic()); }

  const asset::Model model_ = test::make_model({{"g/n/d#Drive/speed", ValueType::kFloat32},
                                                {"g/n/d#count", ValueType::kInt64},
                                                {"g/n/d#recipe", ValueType::kText},
                                                {"g/n#Node Control/Rebirth", ValueType::kBool},
                                                {"by name", ValueType::kFloat64},
                                                {"g#x", ValueType::kFloat64},
                                                {"g/other#x", ValueType::kFloat64, "another"},
                                                {"p/n#motor/speed", ValueType::kFloat64},
                                                {"p/n#motor/tank/level", ValueType::kInt64},
                                                {"p/n#curve[1]", ValueType::kInt64},
                                                {"p/n#motor", ValueType::kText},
                                                {"p/n#photo", ValueType::kText}});
  io::SimClock clock_{kNow};
  io::SimNetwork network_;
  test::Disk disk_;
  test::Node node_{model_, network_, clock_, disk_};
  SparkplugLane lane_{{}, node_.context(), "line"};
};

TEST_F(SparkplugHost, TakesBirthsAndDataByAlias) {
  EXPECT_THAT(lane_.lane().problem(), HasSubstr("'g#x' is no address"));
  birth();
  data(2, speed(2.5F, kNow));
  EXPECT_THAT(values(0), ElementsAre(1.5, 2.5));
  EXPECT_THAT(values(1), ElementsAre(5));
  EXPECT_EQ(values(2).size(), 1U);
  EXPECT_THAT(values(3), ElementsAre(0));
  EXPECT_EQ(counted("millwright_sparkplug_unmapped_total"), 1);  // bdSeq
  EXPECT_EQ(counted("millwright_sparkplug_passed_over_total"), 1);
  EXPECT_EQ(lane_.lane().intake().refused(), 0U);
  EXPECT_THAT(due(), IsEmpty());
}

TEST_F(SparkplugHost, ACommandIsAMetricAsItsBirthHasTypedIt) {
  asset::Command command;
  command.target.address = "g/n/d#count";
  const auto tell = [&](const asset::CommandValue& value) { return lane_.command(1, command, std::span(&value, 1)); };
  EXPECT_EQ(tell(7.0).error().code, core::ErrorCode::kUnavailable) << "nobody is born yet";
  birth();
  const auto message = tell(7.0);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->topic, "spBv1.0/g/DCMD/n/d");
  const auto payload = spb::decode(message->payload);
  ASSERT_TRUE(payload);
  EXPECT_FALSE(payload->sequence);
  ASSERT_EQ(payload->metrics.size(), 1U);
  EXPECT_EQ(payload->metrics[0].name, "count");
  EXPECT_EQ(payload->metrics[0].type, DataType::kUInt64);
  EXPECT_EQ(std::get<std::uint64_t>(payload->metrics[0].value), 7U);
  EXPECT_EQ(tell(7.5).error().code, core::ErrorCode::kInvalid);
  EXPECT_EQ(tell(-1.0).error().code, core::ErrorCode::kInvalid);
  EXPECT_EQ(tell(std::string("x")).error().code, core::ErrorCode::kInvalid);
  command.target.address = "g/n#Node Control/Rebirth";
  EXPECT_EQ(tell(true)->topic, "spBv1.0/g/NCMD/n");
  command.target.address = "g/n/d#nothing";
  EXPECT_EQ(tell(1.0).error().code, core::ErrorCode::kUnavailable);
  command.target.address = "g#x";
  EXPECT_EQ(tell(1.0).error().code, core::ErrorCode::kInvalid);
  take("spBv1.0/g/DDEATH/n/d", 2, {});
  command.target.address = "g/n/d#count";
  EXPECT_EQ(tell(1.0).error().code, core::ErrorCode::kUnavailable);
}

TEST_F(SparkplugHost, ACommandIsDoneWhenTheNodeReportsIt) {
  birth();
  lane_.commands().open();
  asset::Command command;
  command.target.address = "g/n/d#Drive/speed";
  const asset::CommandValue value = 4.5;
  std::thread node([&] {
    std::uint64_t asked = 0;
    while (asked == 0) {
      lane_.commands().send([&](std::uint64_t ticket, const asset::Command& told, auto values) -> core::Status {
        asked = ticket;
        EXPECT_TRUE(lane_.command(ticket, told, values));
        return {};
      });
    }
    data(2, speed(4.0F, kNow));
    EXPECT_TRUE(lane_.commands().awaits(asked)) << "another value";
    data(3, speed(4.5F, kNow, true));
    EXPECT_TRUE(lane_.commands().awaits(asked)) << "history";
    data(4, speed(4.5F, kNow + 1));
  });
  EXPECT_EQ(lane_.commands().ask(command, std::span(&value, 1), 10 * core::kSecond).value(), "reported by the node");
  node.join();
}

// Bytes of protobuf; lengths and numbers below 128.
std::string field(int number, std::string_view bytes) {
  const int key = number << 3 | 2;
  std::string out;
  if (key >= 0x80) out += static_cast<char>(0x80 | (key & 0x7F));
  out += static_cast<char>(key >= 0x80 ? key >> 7 : key);
  return (out += static_cast<char>(bytes.size())).append(bytes);
}
std::string field(int number, int value) {
  return {static_cast<char>(number << 3), static_cast<char>(value)};
}
Metric structure(std::string_view name, DataType type, Metric::Content content, std::string_view bytes) {
  return {.name = name, .time = kNow, .type = type, .content = content, .bytes = bytes};
}

TEST_F(SparkplugHost, TakesPartsOfStructuresAndTheWholeAsText) {
  const std::string inner = field(2, field(1, "level") + field(4, 1) + "\x50\xFF\xFF\xFF\xFF\x0F");
  const std::string motor = field(2, field(1, "speed") + field(4, 3) + field(10, 42)) +
                            field(2, field(1, "tank") + field(4, 19) + field(18, inner)) + field(4, "Motor");
  const std::string_view curve("\x01\x00\xFE\xFF", 4);
  take("spBv1.0/p/NBIRTH/n", 0,
       {structure("motor", DataType::kTemplate, Metric::Content::kTemplate, motor),
        structure("curve", DataType::kInt16Array, Metric::Content::kBytes, curve),
        structure("photo", DataType::kFile, Metric::Content::kBytes, "\xFF\xFE"),
        structure("nobody's", DataType::kBytes, Metric::Content::kBytes, "x")});
  EXPECT_EQ(lane_.lane().problem(),
            "p/n: the metric 'nobody's' is Bytes, and no sensor's address names it or a part of it");
  EXPECT_THAT(values(7), ElementsAre(42));
  EXPECT_THAT(values(8), ElementsAre(-1));
  EXPECT_THAT(values(9), ElementsAre(-2));
  ASSERT_EQ(values(10).size(), 1U);
  EXPECT_EQ(text_of(10), R"({"metrics":{"speed":42,"tank":{"metrics":{"level":-1}}},"template":"Motor"})");
  EXPECT_EQ(text_of(11), "//4=");
  EXPECT_EQ(counted("millwright_sparkplug_passed_over_total"), 1);
  EXPECT_EQ(lane_.lane().intake().refused(), 0U);
  // Data need not say again of what type a member is.
  const std::string again =
      field(2, field(1, "tank") + field(4, 19) + field(18, field(2, field(1, "level") + "\x50\xFE\xFF\xFF\xFF\x0F")));
  auto data = structure("motor", DataType::kTemplate, Metric::Content::kTemplate, again);
  data.time = kNow + 1'000'000;
  take("spBv1.0/p/NDATA/n", 1, {data});
  EXPECT_THAT(values(8), ElementsAre(-1, -2));
  EXPECT_THAT(values(7), ElementsAre(42));
  take("spBv1.0/p/NDATA/n", 2,
       {{.name = "motor", .time = kNow + 2'000'000, .type = DataType::kTemplate, .null = true}});
  EXPECT_EQ(values(8).size(), 3U);
  EXPECT_EQ(disk_.of(8).back().quality, core::kBadNoData);
  const std::uint64_t before = node_.behaviour.statuses();
  take("spBv1.0/p/NDEATH/n", 0, {});
  EXPECT_EQ(last_status(before + 5), core::kBadNoCommunication);
}

TEST_F(SparkplugHost, TellsWhatOfAStructureDoesNotFit) {
  const std::string large(1024, 'x');
  take("spBv1.0/p/NBIRTH/n", 0,
       {structure("motor", DataType::kInt16Array, Metric::Content::kBytes, "\x01"),
        structure("photo", DataType::kFile, Metric::Content::kBytes, large)});
  EXPECT_THAT(lane_.lane().problem(), HasSubstr("'photo' does not fit into"));
  EXPECT_THAT(lane_.lane().problem(), HasSubstr("its 1368 bytes are more than 1024"));
  EXPECT_EQ(lane_.lane().intake().refused(), 3U);
}

TEST_F(SparkplugHost, WhatTheDeadSayMakesNothingGood) {
  birth();
  values(0);
  const std::uint64_t before = node_.behaviour.statuses();
  take("spBv1.0/g/NDEATH/n", 0, {});
  EXPECT_EQ(last_status(before + 4), core::kBadNoCommunication);
  Metric late = speed(9, kNow);
  late.name = "Drive/speed";
  late.type = DataType::kFloat;
  data(2, late);
  EXPECT_THAT(values(0), ElementsAre(1.5, 9));
  EXPECT_EQ(disk_.of(0).back().quality, core::kUncertain);
  EXPECT_THAT(due(), ElementsAre("g/n"));
  birth();
  data(2, speed(9, kNow));  // now it is true
  EXPECT_THAT(values(0), ElementsAre(1.5, 9, 9));
  EXPECT_EQ(disk_.of(0).back().quality, core::kGood);
}

TEST_F(SparkplugHost, FindsSensorsByName) {
  take("spBv1.0/x/NBIRTH/y", 0, {});
  take("spBv1.0/x/DBIRTH/y/m-4", 1, {{.name = "s", .time = kNow, .type = DataType::kInt32, .value = std::int64_t{-3}}});
  take("spBv1.0/x/NDATA/m-4", 1, {{.name = "s", .time = kNow + 1'000'000, .type = DataType::kDouble, .value = 4.0}});
  EXPECT_THAT(values(4), ElementsAre(-3, 4));
}

TEST_F(SparkplugHost, ADeathIsAQualityAndABirthTakesItBack) {
  birth();
  EXPECT_THAT(values(0), ElementsAre(1.5));
  const std::uint64_t before = node_.behaviour.statuses();
  take("spBv1.0/g/DDEATH/n/d", 2, {});
  EXPECT_EQ(last_status(before + 3), core::kBadNoCommunication);
  birth();  // says the same again
  EXPECT_EQ(last_status(before + 6), core::kGood);
  EXPECT_THAT(values(0), ElementsAre(1.5));
  take("spBv1.0/g/NDEATH/n", 0, {});
  EXPECT_EQ(last_status(before + 10), core::kBadNoCommunication);
}

TEST_F(SparkplugHost, WhatIsSentAfterTheFactIsHistory) {
  birth();
  data(2, speed(9, kNow - 60 * core::kSecond, true));
  data(3, speed(1.5F, kNow - 1'000'000, true));  // the birth had it
  EXPECT_THAT(values(0), ElementsAre(1.5, 9));
  EXPECT_EQ(counted("millwright_sparkplug_historical_total"), 2);
}

TEST_F(SparkplugHost, AsksWhereItDoesNotUnderstand) {
  data(5, speed(1, kNow));
  EXPECT_THAT(due(), ElementsAre("g/n"));
  EXPECT_THAT(due(), IsEmpty());
  EXPECT_THAT(lane_.lane().problem(), HasSubstr("g/n: data by an alias that no birth has told"));
  birth();
  data(4, speed(4, kNow));
  EXPECT_THAT(due(), IsEmpty());
  clock_.advance(3 * core::kSecond);
  EXPECT_THAT(due(), IsEmpty());
  EXPECT_THAT(values(0), ElementsAre(1.5, 4));
  clock_.advance(2 * core::kSecond);  // so long after the last time
  EXPECT_THAT(due(), ElementsAre("g/n"));
  data(5, speed(5, kNow + 1));
  EXPECT_EQ(counted("millwright_sparkplug_missing_total"), 2);
}

TEST_F(SparkplugHost, AsksSilentNodesOnceItIsThere) {
  lane_.connected();
  EXPECT_THAT(due(), IsEmpty());
  clock_.advance(3 * core::kSecond);
  EXPECT_THAT(due(), ElementsAre("g/n", "p/n"));
  clock_.advance(60 * core::kSecond);
  EXPECT_THAT(due(), IsEmpty());
}

TEST_F(SparkplugHost, AskedInVainANodeIsAskedAgainForAGap) {
  lane_.connected();
  clock_.advance(2 * core::kSecond);
  EXPECT_THAT(due(), ElementsAre("g/n", "p/n"));  // nobody is there yet
  birth();
  data(4, speed(4, kNow));
  clock_.advance(2 * core::kSecond);
  EXPECT_THAT(due(), IsEmpty());
  clock_.advance(3 * core::kSecond);
  EXPECT_THAT(due(), ElementsAre("g/n"));
}

TEST_F(SparkplugHost, ComingBackItAsksWhomItHasSeen) {
  take("spBv1.0/x/NBIRTH/y", 0, {});
  birth();
  lane_.lost();
  lane_.connected();
  birth();
  clock_.advance(3 * core::kSecond);
  EXPECT_THAT(due(), ElementsAre("p/n", "x/y"));
}

TEST_F(SparkplugHost, TellsWhatABirthLacks) {
  take("spBv1.0/g/NBIRTH/n", 0, {});
  EXPECT_THAT(lane_.lane().problem(), HasSubstr("g/n: its birth has no metric 'Node Control/Rebirth'"));
  take("spBv1.0/g/DBIRTH/n/d", 1, {{.name = "count", .type = DataType::kString, .value = std::string_view("x")}});
  EXPECT_THAT(lane_.lane().problem(), HasSubstr("the metric 'count' does not fit into"));
}

TEST_F(SparkplugHost, KeepsAMetricsOwnQualityAndItsNull) {
  birth();
  data(2, {.alias = 7, .time = kNow, .null = true});
  EXPECT_EQ(values(0).size(), 2U);
  EXPECT_EQ(disk_.of(0).back().quality, core::kBadNoData);
}

}  // namespace
}  // namespace millwright::connectors
