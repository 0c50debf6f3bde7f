#include "history/value_text.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include <gtest/gtest.h>

namespace millwright::history {
namespace {

using core::ValueType;

asset::Sensor sensor_of(ValueType type) {
  asset::Sensor sensor;
  sensor.type = type;
  return sensor;
}

std::optional<std::uint64_t> parsed(const asset::Sensor& sensor, std::string_view text) {
  static core::TextTable texts;
  return parse_value(sensor, text, texts);
}

std::string text_of(ValueType type, std::uint64_t bits) {
  std::string text;
  core::append_value(type, bits, text);
  return text;
}

TEST(ValueText, EveryValueReadsBackAsTheSameBits) {
  for (const double value : {0.1, -0.0, 1e300, 5e-324, 12.5, std::nan(""), -std::nan(""),
                             std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()}) {
    const auto bits = bits_of(ValueType::kFloat64, value);
    EXPECT_EQ(parsed(sensor_of(ValueType::kFloat64), text_of(ValueType::kFloat64, *bits)), bits) << value;
  }
  const auto third = bits_of(ValueType::kFloat32, 1.0 / 3);
  EXPECT_EQ(text_of(ValueType::kFloat32, *third), "0.33333334");
  EXPECT_EQ(parsed(sensor_of(ValueType::kFloat32), "0.33333334"), third);
  for (const std::int64_t value : {std::numeric_limits<std::int64_t>::min(), std::int64_t{-1}, std::int64_t{1} << 53}) {
    const auto bits = bits_of(ValueType::kInt64, value + 1);
    EXPECT_EQ(parsed(sensor_of(ValueType::kInt64), text_of(ValueType::kInt64, *bits)), bits);
  }
}

// Decimals have a way of their own: it writes what the standard library writes, which is the shortest.
template <typename T>
void expect_shortest(ValueType type, T value) {
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  ASSERT_EQ(text_of(type, *bits_of(type, static_cast<double>(value))), std::string(buffer.data(), end));
}

TEST(ValueText, DecimalsAreAsShortAsCanBe) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 300'000; ++i) {
    const int decimals = static_cast<int>(random() % 8);
    const auto integer = static_cast<double>(static_cast<std::int64_t>(random() % 20'000'000) - 10'000'000);
    const double value = integer / std::pow(10.0, static_cast<int>(random() % 4)) / std::pow(10.0, decimals);
    expect_shortest(ValueType::kFloat64, value);
    expect_shortest(ValueType::kFloat32, static_cast<float>(value));
    // Neighbours are no decimals.
    expect_shortest(ValueType::kFloat64, std::nextafter(value, 1e300));
    expect_shortest(ValueType::kFloat32, std::nextafter(static_cast<float>(value), 1e30F));
  }
  for (int exponent = -12; exponent < 20; ++exponent) {
    for (int digit = 1; digit < 120; ++digit) {
      expect_shortest(ValueType::kFloat64, digit * std::pow(10.0, exponent));
      expect_shortest(ValueType::kFloat32, -static_cast<float>(digit * std::pow(10.0, exponent)));
    }
  }
}

TEST(ValueText, WholeTypesRefuseWhatTheyCannotHold) {
  EXPECT_EQ(parsed(sensor_of(ValueType::kInt64), "3.0"), bits_of(ValueType::kInt64, std::int64_t{3}));
  EXPECT_FALSE(parsed(sensor_of(ValueType::kInt64), "3.5"));
  EXPECT_FALSE(parsed(sensor_of(ValueType::kInt64), "NaN"));
  EXPECT_FALSE(parsed(sensor_of(ValueType::kInt64), "1e30"));
  EXPECT_FALSE(parsed(sensor_of(ValueType::kBool), "2"));
  EXPECT_EQ(parsed(sensor_of(ValueType::kBool), "true"), 1U);
  EXPECT_FALSE(parsed(sensor_of(ValueType::kState), "2147483648"));
  EXPECT_FALSE(parsed(sensor_of(ValueType::kFloat64), "12 "));
  EXPECT_FALSE(parsed(sensor_of(ValueType::kFloat64), ""));
}

TEST(ValueText, AStateMayBeItsName) {
  asset::Sensor sensor = sensor_of(ValueType::kState);
  sensor.states = {{0, "idle"}, {7, "running"}};
  EXPECT_EQ(parsed(sensor, "running"), 7U);
  EXPECT_FALSE(parsed(sensor, "walking"));
}

TEST(ValueText, TimesAreAsTheCoreWritesThem) {
  core::TimeWriter writer;
  TimeReader reader;
  const core::TimeNs start = *core::parse_time("2026-11-21T23:59:59Z");
  for (const core::TimeNs step :
       {core::TimeNs{0}, core::TimeNs{1}, 250 * core::kMillisecond, 10 * core::kMicrosecond, core::kSecond,
        core::kSecond + 999'999'999, -core::kHour, -3000 * 24 * core::kHour, -30'000 * 24 * core::kHour - 1}) {
    std::string text;
    writer.append(start + step, text);
    EXPECT_EQ(text, core::format_time(start + step));
    const auto read = reader.read(text);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(*read, start + step);
  }
}

TEST(ValueText, TheQuickWayReadsWhatTheSlowWayReads) {
  for (const char* text : {"2026-11-21T10:00:00+02:00", "2026-11-21 10:00:00.5", "2026-11-21T10:00:60Z",
                           "2026-11-21T24:00:00Z", "2026-11-21T10:00:00.", "2026-11-21T10:00:00.1234567891Z",
                           "2026-11-21T1:00:00Z", "2026-11-21", "2026-11-21T10:00Z", "2026-11-21X10:00:00Z"}) {
    TimeReader reader;
    ASSERT_TRUE(reader.read("2026-11-21T00:00:00Z"));  // from here on the day is known
    const auto quick = reader.read(text);
    const auto slow = core::parse_time(text);
    ASSERT_EQ(quick.has_value(), slow.has_value()) << text;
    if (slow) {
      EXPECT_EQ(*quick, *slow) << text;
    }
  }
  TimeReader reader;
  EXPECT_EQ(*reader.read("1763712000.000000001"), 1763712000 * core::kSecond + 1);
  EXPECT_FALSE(reader.read("soon"));
}

TEST(ValueText, QualitiesReadBackAsTheSameCode) {
  for (const std::uint32_t code : {0U, 0x40000001U, 0x808C0000U, 0x808C0400U, 0xFFFFFFFFU}) {
    EXPECT_EQ(core::parse_quality(core::format_quality({code})), core::Quality{code});
  }
  EXPECT_EQ(core::format_quality(core::kBadSensorFailure), "BadSensorFailure");
  EXPECT_EQ(core::parse_quality("2156658688"), core::kBadSensorFailure);
  EXPECT_FALSE(core::parse_quality("Fine"));
  EXPECT_FALSE(core::parse_quality("0x"));
}

}  // namespace
}  // namespace millwright::history
