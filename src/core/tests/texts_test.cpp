#include "core/texts.hpp"

#include <gtest/gtest.h>

#include "core/text.hpp"
#include "core/value_text.hpp"

namespace millwright::core {
namespace {

TEST(TextTable, GivesEachTextANumberOfItsOwn) {
  TextTable texts;
  const auto one = texts.number("B-4711");
  const auto two = texts.number("");
  ASSERT_TRUE(one && two);
  EXPECT_NE(*one, *two);
  EXPECT_EQ(*texts.number("B-4711"), *one);
  EXPECT_EQ(texts.text(*one), "B-4711");
  EXPECT_EQ(texts.text(*two), "");
  EXPECT_EQ(texts.of(to_bits(*one)), "B-4711");
  EXPECT_EQ(texts.text(99), std::nullopt);
  EXPECT_EQ(texts.of(to_bits(std::int32_t{99})), "");
}

TEST(TextTable, RefusesWhatIsNoShortText) {
  TextTable texts;
  EXPECT_TRUE(texts.number(std::string(kTextBytesMax, 'x')));
  const auto long_one = texts.number(std::string(kTextBytesMax + 1, 'x'));
  ASSERT_FALSE(long_one);
  EXPECT_EQ(long_one.error().code, ErrorCode::kInvalid);
  const auto broken = texts.number("caf\xe9");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().message, "a text that is not UTF-8 (byte 4)");
  EXPECT_EQ(texts.size(), 1U);
}

TEST(TextTable, KeepsWhatWasPutUnderAGivenNumber) {
  TextTable texts;
  texts.put(700, "M8x40");
  texts.put(812, "M8x40");
  EXPECT_EQ(*texts.number("M8x40"), 812);
  EXPECT_EQ(texts.text(700), "M8x40");
}

TEST(Utf8, KnowsCharactersFromWhatIsNone) {
  EXPECT_EQ(utf8_length("a"), 1U);
  EXPECT_EQ(utf8_length("é"), 2U);
  EXPECT_EQ(utf8_length("€"), 3U);
  EXPECT_EQ(utf8_length("😀"), 4U);
  for (const char* wrong : {"\x80", "\xC1\x81", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
                            "\xE2\x82", "\xFF"}) {
    EXPECT_EQ(utf8_length(wrong), 0U) << wrong;
  }
  EXPECT_EQ(utf8_length(""), 0U);
}

TEST(JsonText, EscapesWhatMustBe) {
  std::string out;
  append_json_text("a\"b\\c\nd\x01é", out);
  EXPECT_EQ(out, "\"a\\\"b\\\\c\\u000ad\\u0001é\"");
}

}  // namespace
}  // namespace millwright::core
