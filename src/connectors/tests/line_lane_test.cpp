#include "connectors/line_lane.hpp"

#include <cmath>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/line_values.hpp"
#include "connectors/tests/test_plant.hpp"
#include "io/sim_network.hpp"

namespace millwright::connectors {
namespace {

using core::ValueType;
using protocol::Line;
using protocol::LineReader;

// A field's text as a reading of a sensor; NaN where it does not fit.
double as(const std::string& text, ValueType type) {
  asset::Sensor sensor;
  sensor.type = type;
  sensor.states = {{0, "idle"}, {1, "running"}};
  const std::string line = "m f=" + text;
  LineReader reader(line);
  Line read;
  EXPECT_EQ(reader.next(read), LineReader::Next::kLine) << text;
  std::uint64_t bits = 0;
  core::TextTable texts;
  if (!to_reading(read.fields[0], type, sensor, texts, bits)) return std::nan("");
  core::QualityRun run{1, core::kGood};
  core::Block block{.sensor = {}, .type = type, .count = 1};
  block.values = reinterpret_cast<std::byte*>(&bits);
  block.quality = &run;
  return block.as_double(0);
}

TEST(LineValues, FitOnlyWhereTheyStayWhatTheyAre) {
  EXPECT_EQ(as("12.0", ValueType::kInt64), 12);
  EXPECT_TRUE(std::isnan(as("12.5", ValueType::kInt64)));
  EXPECT_EQ(as("7i", ValueType::kFloat32), 7);
  EXPECT_TRUE(std::isnan(as("16777217i", ValueType::kFloat32)));
  EXPECT_EQ(as("16777217i", ValueType::kFloat64), 16777217);
  EXPECT_EQ(as("9u", ValueType::kInt64), 9);
  EXPECT_TRUE(std::isnan(as("18446744073709551615u", ValueType::kInt64)));
  EXPECT_TRUE(std::isnan(as("18446744073709551615u", ValueType::kFloat64)));
  EXPECT_EQ(as("9223372036854775808u", ValueType::kFloat64), 9223372036854775808.0);
  EXPECT_EQ(as("true", ValueType::kFloat64), 1);
  EXPECT_EQ(as("1i", ValueType::kBool), 1);
  EXPECT_EQ(as("0", ValueType::kBool), 0);
  EXPECT_TRUE(std::isnan(as("2i", ValueType::kBool)));
  EXPECT_EQ(as("\"running\"", ValueType::kState), 1);
  EXPECT_TRUE(std::isnan(as("\"flying\"", ValueType::kState)));
  EXPECT_TRUE(std::isnan(as("\"1\"", ValueType::kFloat64)));
  EXPECT_EQ(as("\"B-4711\"", ValueType::kText), 1);  // the first text
  EXPECT_TRUE(std::isnan(as("1i", ValueType::kText)));
  EXPECT_TRUE(std::isnan(as("\"" + std::string(1025, 'x') + "\"", ValueType::kText)));
  EXPECT_TRUE(std::isnan(as("1e39", ValueType::kFloat32)));
  EXPECT_TRUE(std::isnan(as("3000000000i", ValueType::kState)));
}

TEST(LineValues, AFloat32IsTheNearestToTheText) {
  // By way of a double it would round twice, to 1.
  EXPECT_EQ(as("1.00000005960464477540", ValueType::kFloat32), static_cast<double>(1.00000011920928955F));
  std::mt19937_64 dice(7);
  for (int i = 0; i < 20'000; ++i) {
    const auto bits = static_cast<std::uint32_t>(dice());
    const auto low = std::bit_cast<float>(bits & 0x7F7F'FFFFU);
    const float high = std::nextafter(low, 3e38F);
    // Just above the middle between two floats, in 30 digits.
    char text[64];
    std::snprintf(text, sizeof(text), "%.25e", (static_cast<double>(low) + static_cast<double>(high)) / 2);
    const std::string middle(text);
    EXPECT_EQ(as(middle, ValueType::kFloat32), static_cast<double>(std::strtof(text, nullptr))) << middle;
  }
}

class Lane : public ::testing::Test {
 protected:
  LineLane::Outcome take(const std::string& text) {
    const auto receipt = std::make_shared<JointReceipt>([](bool) {});
    auto outcome = lane.take(text, 1, 5, receipt);
    receipt->settle();
    return outcome;
  }
  const asset::Model model = test::make_model({{"a f"}, {"b f"}, {"c,t=1 f"}});
  io::SimClock clock{1};
  io::SimNetwork network;
  test::Disk disk;
  test::Node node{model, network, clock, disk};
  Intake intake{node.context(), "line"};
  LineTargets targets = *LineTargets::make(model, "line", {});
  LineLane lane{targets, node.context(), intake, "line/0"};
};

// The series that came next the last time is only a guess: whatever the order, readings go where their line says.
TEST_F(Lane, AGuessNeverDecides) {
  std::mt19937_64 dice(3);
  std::map<std::uint32_t, std::vector<double>> expected;
  const std::vector<std::string> series = {"a", "b", "c,t=1", "ab", "c,t=2", "c,t=11"};
  double value = 0;
  for (int round = 0; round < 50; ++round) {
    std::string text;
    for (int i = 0; i < 100; ++i) {
      const auto which = static_cast<std::uint32_t>(dice() % series.size());
      value += 1;
      text += series[which] + " f=" + std::to_string(value) + " " + std::to_string(static_cast<int>(value)) + "\n";
      if (which < 3) expected[which].push_back(value);
    }
    take(text);
  }
  ASSERT_TRUE(test::eventually([&] { return disk.total() == intake.readings(); }));
  for (std::uint32_t sensor = 0; sensor < 3; ++sensor) {
    std::vector<double> got;
    for (const auto& reading : disk.of(sensor)) got.push_back(reading.value);
    EXPECT_EQ(got, expected[sensor]);
  }
}

TEST_F(Lane, EverNewSeriesDoNotFillTheMemory) {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += "series-" + std::to_string(i) + ",tag=value f=1\na f=1\n";
  const auto outcome = take(text);
  EXPECT_EQ(outcome.lines_dropped, 200'000U);
  EXPECT_EQ(outcome.readings, 200'000U);
}

}  // namespace
}  // namespace millwright::connectors
