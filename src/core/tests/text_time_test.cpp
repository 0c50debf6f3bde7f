#include <random>

#include <gtest/gtest.h>

#include "core/bytes.hpp"
#include "core/crc32c.hpp"
#include "core/quality.hpp"
#include "core/text.hpp"
#include "core/time.hpp"
#include "core/value_text.hpp"

namespace millwright::core {
namespace {

TEST(Time, ReadsWhatItWrites) {
  for (const TimeNs t :
       {TimeNs{0}, TimeNs{1}, TimeNs{1'795'249'730'250'000'000}, TimeNs{-1}, TimeNs{-62'000'000'123}}) {
    const auto back = parse_time(format_time(t));
    ASSERT_TRUE(back) << format_time(t);
    EXPECT_EQ(*back, t);
  }
}

TEST(Time, OneWriterOfManyTimesWritesEachAsByItself) {
  std::mt19937_64 random(7);
  TimeWriter writer;
  TimeNs time = 0;
  for (int i = 0; i < 20'000; ++i) {
    switch (random() % 4) {
      case 0:
        time = static_cast<TimeNs>(random() >> 1U) - (TimeNs{1} << 62U);
        break;
      case 1:
        time = floor_to(time, kSecond) + kMillisecond * static_cast<TimeNs>(random() % 3'600'000);
        break;
      case 2:
        time = floor_to(time / 2, 24 * kHour) - static_cast<TimeNs>(random() % 3);  // about midnight
        break;
      default:
        time = time / 2 + static_cast<TimeNs>(random() % 1'000'000) * kMicrosecond;
    }
    std::string text;
    writer.append(time, text);
    ASSERT_EQ(text, format_time(time)) << time;
  }
}

TEST(Time, AcceptsTheFormsOfCsvFiles) {
  EXPECT_EQ(*parse_time("2020-03-01 15:44:06"), *parse_time("2020-03-01T15:44:06Z"));
  EXPECT_EQ(*parse_time("2020-03-01T17:44:06+02:00"), *parse_time("2020-03-01T15:44:06Z"));
  EXPECT_EQ(*parse_time("2020-03-01"), *parse_time("2020-03-01T00:00:00Z"));
  EXPECT_EQ(*parse_time("2020-03-01T15:44:06.5"), *parse_time("2020-03-01T15:44:06Z") + kSecond / 2);
}

TEST(Time, RefusesWhatIsNoTime) {
  for (const char* text : {"", "now", "2020-02-30", "2020-13-01", "2020-01-01T25:00:00Z", "2020-01-01T00:00:00X",
                           "2020-01-01T00:00:00.Z", "20200101", "1500-01-01"}) {
    EXPECT_FALSE(parse_time(text)) << text;
  }
}

TEST(Duration, NeedsAUnit) {
  EXPECT_EQ(*parse_duration("100ms"), 100 * kMillisecond);
  EXPECT_EQ(*parse_duration("1.5 s"), 1500 * kMillisecond);
  EXPECT_EQ(*parse_duration("7d"), 7 * 24 * kHour);
  for (const char* text : {"100", "", "ms", "5 parsecs", "1e30d"}) EXPECT_FALSE(parse_duration(text)) << text;
  EXPECT_EQ(format_duration(1500 * kMillisecond), "1500ms");
  EXPECT_EQ(format_duration(72 * kHour), "3d");
}

TEST(Text, FindsTheNearestName) {
  const std::string_view keys[] = {"endpoint", "security", "username"};
  EXPECT_EQ(nearest("endpont", keys), "endpoint");
  EXPECT_EQ(nearest("zzzz", keys), "");
}

TEST(Text, MatchesGlobs) {
  EXPECT_TRUE(glob_match("**/vibration-*", "acme/lyon/pump-1/bearing/vibration-x"));
  EXPECT_FALSE(glob_match("*/vibration-*", "acme/lyon/vibration-x"));
  EXPECT_TRUE(glob_match("**", ""));
  EXPECT_FALSE(glob_match("a", "b"));
}

TEST(Text, RefusesBadAssetNames) {
  EXPECT_TRUE(is_asset_name("pump-1"));
  for (const char* name : {"", "Pump", "-a", "a-", "a--b", "a/b", "a b"}) EXPECT_FALSE(is_asset_name(name)) << name;
}

TEST(Text, ParsesWholeNumbersOnly) {
  EXPECT_EQ(parse_double("1.5"), 1.5);
  EXPECT_FALSE(parse_double("1.5x"));
  EXPECT_FALSE(parse_double(""));
  EXPECT_EQ(parse_double(format_double(0.1)), 0.1);
}

TEST(Crc32c, HasTheStandardsCheckValueBothWays) {
  const auto bytes = std::as_bytes(std::span("123456789", 9));
  EXPECT_EQ(crc32c(bytes), 0xE3069283U);
  EXPECT_EQ(crc32c_portable(bytes), 0xE3069283U);
  EXPECT_EQ(crc32c(bytes.subspan(4), crc32c(bytes.first(4))), 0xE3069283U);
}

TEST(Bytes, FailsForGoodPastTheEnd) {
  std::vector<std::byte> bytes;
  ByteWriter writer(bytes);
  writer.varint(300);
  writer.zigzag(-5);
  writer.put(1.5F);
  ByteReader reader(bytes);
  EXPECT_EQ(reader.varint(), 300U);
  EXPECT_EQ(reader.zigzag(), -5);
  EXPECT_EQ(reader.get<float>(), 1.5F);
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.get<std::uint8_t>(), 0);
  EXPECT_FALSE(reader.ok());
}

TEST(Bytes, RefusesAnEndlessVarint) {
  const std::vector<std::byte> bytes(20, std::byte{0xFF});
  ByteReader reader(bytes);
  EXPECT_EQ(reader.varint(), 0U);
  EXPECT_FALSE(reader.ok());
}

TEST(Quality, HasSeverityAndLegacyByte) {
  EXPECT_TRUE(kGood.is_good());
  EXPECT_EQ(kUncertainEuExceeded.legacy(), 68);
  EXPECT_EQ(kBadSensorFailure.legacy(), 0);
  EXPECT_EQ(kGood.worse(kBad), kBad);
  EXPECT_EQ(kBad.worse(kUncertain), kBad);
  EXPECT_EQ(quality_name(kBadNotConnected), "BadNotConnected");
}

}  // namespace
}  // namespace millwright::core
