// An edge node, and a host that hears it: what is put comes out, once.
#include "protocol/sparkplug_edge.hpp"

#include <fstream>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/sparkplug_session.hpp"

namespace millwright::protocol::sparkplug {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr core::TimeNs kNow = 1'790'000'000 * core::kSecond;

class Edge : public ::testing::Test, public SessionEvents {
 protected:
  void update(const Update& update) override {
    const Value value = interpret(update.metric.value, update.type);
    std::string text = "?";
    if (const auto* number = std::get_if<std::int64_t>(&value)) text = fmt::format("{}", *number);
    if (const auto* number = std::get_if<double>(&value)) text = fmt::format("{}", *number);
    if (const auto* one = std::get_if<std::string_view>(&value)) text = *one;
    if (std::holds_alternative<std::monostate>(value)) text = "null";
    if (update.device.empty()) return;
    heard_.push_back(fmt::format("{}{}/{}={}@{}",
                                 update.metric.historical ? "late "
                                 : update.birth           ? "birth "
                                                          : "",
                                 update.device, update.name, text, (update.time - kNow) / core::kMillisecond));
  }
  void born(std::string_view, const Payload&) override {}
  void dead(std::string_view device) override { heard_.push_back(fmt::format("{} dead", device)); }
  void ask_rebirth() override { heard_.emplace_back("rebirth?"); }

  std::vector<std::string> hear(const std::vector<EdgeMessage>& messages) {
    for (const EdgeMessage& message : messages) {
      const auto topic = parse_topic(message.topic);
      EXPECT_TRUE(topic && topic->group == "lyon" && topic->node == "mill") << message.topic;
      EXPECT_TRUE(host_.take(topic.value_or(Topic{}), message.payload, kNow, kNow));
    }
    return std::exchange(heard_, {});
  }

  EdgeNode node_{{.group = "lyon", .node = "mill"},
                 {{"press", {{"speed", DataType::kDouble}, {"count", DataType::kInt64}}},
                  {"pump", {{"batch", DataType::kString}}}},
                 255};
  std::vector<std::string> heard_;
  Session host_{SessionOptions{}, *this};
};

TEST_F(Edge, IsBornSpeaksByAliasAndDies) {
  const EdgeMessage will = node_.will(kNow);
  EXPECT_EQ(will.topic, "spBv1.0/lyon/NDEATH/mill");
  node_.know(2, std::int64_t{-7}, kNow - core::kMillisecond);
  EXPECT_THAT(hear(node_.births(kNow)),
              ElementsAre("birth press/speed=null@0", "birth press/count=-7@-1", "birth pump/batch=null@0"));
  node_.put(3, std::string("B-1"), kNow + core::kMillisecond);
  node_.put(1, 2.5, kNow + core::kMillisecond);
  node_.put(1, 3.5, kNow + 2 * core::kMillisecond);
  EXPECT_THAT(hear(node_.data(kNow)), ElementsAre("press/speed=2.5@1", "press/speed=3.5@2", "pump/batch=B-1@1"));
  EXPECT_THAT(hear(node_.data(kNow)), IsEmpty());
  EXPECT_THAT(hear({will}), ElementsAre(" dead"));
  EXPECT_EQ(host_.dropped(), 0U);
}

TEST_F(Edge, WhatIsHistoricalGoesByItself) {
  node_.will(kNow);
  EXPECT_EQ(node_.birth_sequence(), 255U);
  node_.will(kNow);
  EXPECT_EQ(node_.birth_sequence(), 0U);  // counts around
  hear(node_.births(kNow));
  for (int i = 0; i < 1200; ++i) {
    node_.put(2, std::int64_t{i}, kNow + i * core::kMillisecond, EdgeNode::When::kHistorical);
    if (i % 100 == 0) node_.put(1, 0.5 * i, kNow + 5 * core::kSecond + i);
  }
  const auto messages = node_.data(kNow);
  EXPECT_EQ(messages.size(), 4U) << "three of 500 at most that are historical, one that is live";
  const auto heard = hear(messages);
  ASSERT_EQ(heard.size(), 1212U);
  EXPECT_EQ(heard[0], "late press/count=0@0");
  EXPECT_EQ(heard[1199], "late press/count=1199@1199");
  EXPECT_EQ(heard[1200], "press/speed=0@5000");
  node_.put(2, std::int64_t{7}, kNow, EdgeNode::When::kHistorical);
  hear(node_.data(kNow));
  EXPECT_EQ(hear(node_.births(kNow))[1], "birth press/count=1199@1199") << "late data do not say how things stand";
}

TEST_F(Edge, IsBornAgainWhenItIsAsked) {
  node_.will(kNow);
  hear(node_.births(kNow));
  EXPECT_EQ(node_.command_topic(), "spBv1.0/lyon/NCMD/mill");
  EXPECT_TRUE(node_.wants_rebirth(node_.command_topic(), encode_rebirth(kNow)));
  EXPECT_FALSE(node_.wants_rebirth("spBv1.0/lyon/NCMD/other", encode_rebirth(kNow)));
  EXPECT_FALSE(node_.wants_rebirth(node_.command_topic(), "garbage"));
  for (int i = 0; i < 600; ++i) {
    node_.put(1, 1.0 * i, kNow + i);
    EXPECT_EQ(hear(node_.data(kNow)).size(), 1U);  // seq counts around
  }
  EXPECT_EQ(hear(node_.births(kNow)).size(), 3U);
  node_.put(1, 7.0, kNow + core::kSecond);
  EXPECT_THAT(hear(node_.data(kNow)), ElementsAre("press/speed=7@1000"));
}

// What a foreign decoder reads of the same bytes: tests/e2e/test_sparkplug.py.
TEST(EdgeGolden, SaysWhatTheFileSays) {
  EdgeNode node({.group = "lyon", .node = "mill"},
                {{"press",
                  {{"i8", DataType::kInt8},
                   {"i64", DataType::kInt64},
                   {"u64", DataType::kUInt64},
                   {"f", DataType::kFloat},
                   {"d", DataType::kDouble},
                   {"b", DataType::kBoolean},
                   {"s", DataType::kString}}}},
                7);
  std::vector<EdgeMessage> all{node.will(kNow)};
  const auto add = [&all](std::vector<EdgeMessage> more) {
    for (EdgeMessage& message : more) all.push_back(std::move(message));
  };
  node.put(4, 1.5F, kNow - core::kSecond, EdgeNode::When::kHistorical);
  add(node.births(kNow));
  add(node.data(kNow));
  node.put(1, std::int64_t{-1}, kNow);
  node.put(2, std::int64_t{-5'000'000'000}, kNow);
  node.put(3, std::uint64_t{UINT64_MAX}, kNow);
  node.put(5, 2.5, kNow);
  node.put(6, true, kNow);
  node.put(7, std::string("B-4711"), kNow);
  node.put(7, {}, kNow + core::kMillisecond);
  add(node.data(kNow));
  std::string text;
  for (const EdgeMessage& message : all) {
    text += message.topic + " ";
    for (const char byte : message.payload) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    text += "\n";
  }
  std::stringstream golden;
  golden << std::ifstream(MILLWRIGHT_SOURCE_DIR "/tests/e2e/mqtt/edge_messages.txt").rdbuf();
  EXPECT_EQ(text, golden.str());
}

}  // namespace
}  // namespace millwright::protocol::sparkplug
