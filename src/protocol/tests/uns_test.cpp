// Topics and payloads of a unified namespace.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/uns_json.hpp"
#include "protocol/uns_topic.hpp"

namespace millwright::protocol {
namespace {

using ::testing::HasSubstr;

UnsMessage parse(std::string_view payload, UnsTime times = UnsTime::kAuto) {
  auto message = parse_uns(payload, times);
  EXPECT_TRUE(message) << payload << ": " << message.error().message;
  return message ? *message : UnsMessage{};
}

std::string why(std::string_view payload) {
  const auto message = parse_uns(payload, UnsTime::kAuto);
  return message ? "" : message.error().message;
}

TEST(UnsTopic, NamesItsLevels) {
  const auto pattern = TopicPattern::parse("{enterprise}/+/{machine}/data/#");
  ASSERT_TRUE(pattern);
  EXPECT_EQ(pattern->filter(), "+/+/+/data/#");
  EXPECT_TRUE(pattern->names(TopicPart::kMachine));
  TopicNames names;
  ASSERT_TRUE(pattern->match("acme/lyon/pump-1/data/x/y", names));
  EXPECT_EQ(names[static_cast<std::size_t>(TopicPart::kMachine)], "pump-1");
  EXPECT_EQ(names[static_cast<std::size_t>(TopicPart::kEnterprise)], "acme");
  EXPECT_TRUE(pattern->match("acme/lyon/pump-1/data", names));
  EXPECT_FALSE(pattern->match("acme/lyon/pump-1/other", names));
  EXPECT_FALSE(pattern->match("acme/lyon/pump-1", names));
  const auto exact = TopicPattern::parse("a/{sensor}");
  EXPECT_TRUE(exact->match("a/b", names));
  EXPECT_TRUE(exact->match("a/", names));
  EXPECT_FALSE(exact->match("a", names));
  EXPECT_FALSE(exact->match("a/b/c", names));
}

TEST(UnsTopic, RefusesWhatIsNone) {
  for (const char* wrong : {"", "a/#/b", "a/b+", "{plant}/a", "{machine}/{machine}", "x{machine}"}) {
    EXPECT_FALSE(TopicPattern::parse(wrong)) << wrong;
  }
}

TEST(UnsJson, BareValues) {
  EXPECT_EQ(std::get<double>(parse("21.5").readings[0].value), 21.5);
  EXPECT_EQ(std::get<std::int64_t>(parse("-3").readings[0].value), -3);
  EXPECT_EQ(std::get<double>(parse("18446744073709551615").readings[0].value), 18446744073709551615.0);
  EXPECT_EQ(std::get<bool>(parse("true").readings[0].value), true);
  EXPECT_EQ(std::get<std::string>(parse("\"idle\"").readings[0].value), "idle");
  EXPECT_TRUE(std::holds_alternative<std::monostate>(parse("null").readings[0].value));
}

TEST(UnsJson, ValueWithQualityAndTime) {
  const UnsMessage message = parse(R"({"v":21.5,"q":"UncertainLastUsableValue","t":"2026-11-21T08:00:00.250Z","seq":7,
                                       "id":"01JD7X2Q0000000000000000AB","schema":1,"unit":"C"})");
  ASSERT_EQ(message.readings.size(), 1U);
  EXPECT_EQ(message.readings[0].field, "");
  EXPECT_EQ(message.readings[0].quality, core::kUncertainLastUsable);
  EXPECT_EQ(message.readings[0].time, *core::parse_time("2026-11-21T08:00:00.250Z"));
  EXPECT_EQ(message.sequence, 7U);
  EXPECT_EQ(message.id, "01JD7X2Q0000000000000000AB");
  EXPECT_EQ(message.problem_count, 0U);
}

TEST(UnsJson, ManyInOne) {
  const UnsMessage flat = parse(R"({"temperature":21.5,"motor":{"current":3,"state":"run"},"t":1700000000,"q":192,
                                    "late":{"v":1,"q":0,"t":1600000000123}})");
  ASSERT_EQ(flat.readings.size(), 4U);  // in the order of their names
  EXPECT_EQ(flat.readings[0].field, "late");
  EXPECT_EQ(flat.readings[0].quality, core::kBad);
  EXPECT_EQ(flat.readings[0].time, 1'600'000'000'123'000'000);
  EXPECT_EQ(flat.readings[1].field, "motor/current");
  EXPECT_EQ(flat.readings[1].time, 1'700'000'000 * core::kSecond);
  EXPECT_EQ(flat.readings[3].field, "temperature");
  const UnsMessage held = parse(R"({"schema_version":"1.2","seq":1,"ts":5,"values":{"id":4,"b":{"value":true}}})");
  ASSERT_EQ(held.readings.size(), 2U);
  EXPECT_EQ(held.readings[0].time, 5 * core::kSecond);
  const UnsMessage list = parse(R"([{"v":1,"t":1},{"v":2,"t":2}])");
  EXPECT_EQ(list.readings.size(), 2U);
}

TEST(UnsJson, TimesCountAsTold) {
  const auto time = [](std::string_view number, UnsTime times) {
    return *parse("{\"v\":1,\"t\":" + std::string(number) + "}", times).readings[0].time;
  };
  EXPECT_EQ(time("1700000000.25", UnsTime::kAuto), 1'700'000'000'250'000'000);
  EXPECT_EQ(time("1700000000123456789", UnsTime::kAuto), 1'700'000'000'123'456'789);
  EXPECT_EQ(time("1700000000123456", UnsTime::kAuto), 1'700'000'000'123'456'000);
  EXPECT_EQ(time("5", UnsTime::kMilliseconds), 5 * core::kMillisecond);
  EXPECT_EQ(time("-1", UnsTime::kSeconds), -core::kSecond);
}

TEST(UnsJson, WhatIsWrongIsTold) {
  EXPECT_THAT(why("{"), HasSubstr("parse error at line 1"));
  EXPECT_THAT(why(""), HasSubstr("no JSON"));
  EXPECT_THAT(why("1e999"), HasSubstr("no JSON"));
  EXPECT_THAT(why("\"\xff\""), HasSubstr("no JSON"));
  EXPECT_THAT(why(R"({"schema":2,"v":1})"), HasSubstr("schema 2 is not known"));
  const UnsMessage partly =
      parse(R"({"a":1,"b":{"v":2,"t":"yesterday"},"c":[1,2],"d":{"v":3,"q":"fine"},"e":{"v":{}}})");
  EXPECT_EQ(partly.readings.size(), 1U);
  EXPECT_EQ(partly.problem_count, 4U);
  EXPECT_THAT(partly.problems[0], HasSubstr("'b': \"yesterday\" is no time"));
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "{\"a\":";
  deep += "1" + std::string(1000, '}');
  EXPECT_EQ(parse(deep).problem_count, 1U);
}

// The short way and the long way through a payload come to the same; "schema" forces the long one.
// Python's json.dumps writes the first three, and str() the others.
TEST(UnsJson, WhatIsNoWordOfJsonCostsItsOwnFieldAlone) {
  const UnsMessage message = parse(
      R"({"a": NaN, "b": 1.5, "c": Infinity, "d": -Infinity, "e": True, "f": False, "g": None, "h": "NaN \" True",
          "i": {"v": nan, "t": 1790000000}, "True": 2})");
  ASSERT_EQ(message.readings.size(), 10U);
  for (const UnsReading& reading : message.readings) {
    const bool none = std::holds_alternative<std::monostate>(reading.value);
    EXPECT_EQ(none, std::string_view("acdgi").find(reading.field) != std::string_view::npos) << reading.field;
  }
  const auto value = [&](std::string_view field) {
    const auto same = [&](const UnsReading& reading) { return reading.field == field; };
    return std::find_if(message.readings.begin(), message.readings.end(), same)->value;
  };
  EXPECT_EQ(value("b"), UnsValue(1.5));
  EXPECT_EQ(value("e"), UnsValue(true));
  EXPECT_EQ(value("f"), UnsValue(false));
  EXPECT_EQ(value("h"), UnsValue("NaN \" True"));
  EXPECT_EQ(message.problem_count, 0U);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(parse("NaN").readings[0].value));
  EXPECT_TRUE(std::get<bool>(parse("True").readings[0].value));
  for (const char* wrong : {"Nan1", "1NaN", "Trueish", "-True", "{\"a\": NaN", "{NaN: 1}", "\"NaN"}) {
    EXPECT_THAT(why(wrong), HasSubstr("no JSON")) << wrong;
  }
}

TEST(UnsJson, ReadsFlatMessagesAsItReadsAllOthers) {
  for (const std::string body : {R"("v": 21.5, "t": 1790000000123, "seq": 7, "q": 192)",
                                 R"("value":-3,"quality":64)",
                                 R"("v":0)",
                                 R"("v":-0.0)",
                                 R"("v":123456789012345678)",
                                 R"("v":99999999999999999999)",
                                 R"("v":1.0e3)",
                                 R"("v":01)",
                                 R"("v":1.)",
                                 R"("v":-)",
                                 R"("v":1,"v":2)",
                                 R"("v":1,"value":2)",
                                 R"("v":1,"q":300)",
                                 R"("v":1,"q":4294967296)",
                                 R"("v":1,"q":-1)",
                                 R"("v":1,"t":1.5)",
                                 R"("v":1,"t":9223372036854775807)",
                                 R"("v":1,"t":-5)",
                                 R"("v":1,"seq":-1)",
                                 R"("v":true)",
                                 R"("v":"1")",
                                 R"("t":1)",
                                 R"("v":1,"x":2)",
                                 R"("v":0.1,"t":170)",
                                 R"("v":1,)"}) {
    const auto flat = parse_uns("{" + body + "}", UnsTime::kAuto);
    const auto full = parse_uns(R"({"schema":1,)" + body + "}", UnsTime::kAuto);
    ASSERT_EQ(flat.has_value(), full.has_value()) << body;
    if (!flat) continue;
    EXPECT_EQ(flat->sequence, full->sequence) << body;
    EXPECT_EQ(flat->problem_count, full->problem_count) << body;
    ASSERT_EQ(flat->readings.size(), full->readings.size()) << body;
    for (std::size_t i = 0; i < flat->readings.size(); ++i) {
      EXPECT_EQ(flat->readings[i].field, full->readings[i].field) << body;
      EXPECT_EQ(flat->readings[i].value, full->readings[i].value) << body;
      EXPECT_EQ(flat->readings[i].quality, full->readings[i].quality) << body;
      EXPECT_EQ(flat->readings[i].time, full->readings[i].time) << body;
    }
  }
  EXPECT_EQ(parse(" 12.5\n").readings.at(0).value, UnsValue(12.5));
  EXPECT_EQ(parse("-7").readings.at(0).value, UnsValue(std::int64_t{-7}));
  EXPECT_NE(why("012"), "");
  EXPECT_NE(why("12 13"), "");
  EXPECT_NE(why(R"({"v":1} x)"), "");
}

}  // namespace
}  // namespace millwright::protocol
