#include "protocol/uns_command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millwright::protocol {
namespace {

using ::testing::HasSubstr;

TEST(UnsCommand, IsWrittenAsThePageShows) {
  EXPECT_EQ(encode_uns_command({.id = "18f-1",
                                .name = "set-speed",
                                .answer_topic = "millwright/answers/plant",
                                .time = 1'763'712'000'500'000'000,
                                .arguments = {{"speed", 1200.0}, {"ramp", std::int64_t{5}}, {"soft", true}}}),
            R"({"schema":1,"id":"18f-1","command":"set-speed","t":"2025-11-21T08:00:00.500Z",)"
            R"("answer":"millwright/answers/plant","arguments":{"speed":1200.0,"ramp":5,"soft":true}})");
}

TEST(UnsCommand, AnswersAreRead) {
  const auto done = parse_uns_answer(R"({"id":"18f-1","ok":true,"result":"running","more":[1]})");
  ASSERT_TRUE(done);
  EXPECT_EQ(done->id, "18f-1");
  EXPECT_TRUE(done->good);
  EXPECT_EQ(done->result, "running");
  const auto refused = parse_uns_answer(R"({"id":"18f-1","ok":false,"result":{"code":7}})");
  ASSERT_TRUE(refused);
  EXPECT_FALSE(refused->good);
  EXPECT_EQ(refused->result, R"({"code":7})");
  EXPECT_EQ(parse_uns_answer(R"({"id":"x","ok":true})")->result, "");
}

TEST(UnsCommand, WhatIsNoAnswerIsRefused) {
  for (const char* text :
       {"", "7", "[]", "{", R"({"ok":true})", R"({"id":7,"ok":true})", R"({"id":"x"})", R"({"id":"x","ok":"yes"})"}) {
    const auto answer = parse_uns_answer(text);
    ASSERT_FALSE(answer) << text;
    EXPECT_THAT(answer.error().message, HasSubstr("an answer"));
  }
  EXPECT_FALSE(parse_uns_answer(R"({"id":")" + std::string(100, 'x') + R"(","ok":true})"));
}

TEST(UnsCommand, LongResultsAreCutBetweenCharacters) {
  std::string text = "x";
  for (int i = 0; i < 1000; ++i) text += "\xC3\xA9";
  const auto answer = parse_uns_answer(R"({"id":"x","ok":true,"result":")" + text + R"("})");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->result, text.substr(0, kUnsResultBytesMax - 1));
}

}  // namespace
}  // namespace millwright::protocol
