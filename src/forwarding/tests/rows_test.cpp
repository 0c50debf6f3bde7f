// The forms that readings take for databases: of every type, with what is no number, with text that must be escaped.
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "forwarding/bulk.hpp"
#include "forwarding/copy_rows.hpp"
#include "forwarding/line_rows.hpp"
#include "forwarding/sensor_lines.hpp"
#include "protocol/uns_json.hpp"

namespace millwright::forwarding {
namespace {

using core::ValueType;
using ::testing::ElementsAre;

constexpr core::TimeNs kStart = 1'763'712'931'000'000'001;

std::string rows(const RowFormat& format, ValueType type, std::vector<std::uint64_t> bits,
                 const std::string& sensor = "motor/current", const std::string& text = "") {
  historian::DecodedBlock block;
  block.type = type;
  block.count = static_cast<std::uint32_t>(bits.size());
  block.start = kStart;
  block.period = core::kSecond;
  for (const std::uint64_t one : bits) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&one);
    block.values.insert(block.values.end(), bytes, bytes + core::width(type));
  }
  block.quality = {{1, core::kGood}};
  if (block.count > 1) block.quality.push_back({block.count - 1, core::kBadSensorFailure});
  std::vector<std::uint32_t> picked;
  for (std::uint32_t i = 0; i < block.count; ++i) picked.push_back(i);
  const std::function<std::string_view(std::int32_t)> texts = [&](std::int32_t) -> std::string_view { return text; };
  std::string out;
  format.append({.series = {"acme/lyon/hall/one/cell/pump-1", sensor, type},
                 .stream = "lyon/0",
                 .epoch = 1,
                 .sequence = 2,
                 .block = 3,
                 .readings = block,
                 .picked = picked,
                 .text = texts},
                out);
  return out;
}

std::uint64_t real(double value) {
  return core::to_bits(value);
}

TEST(CopyRows, HaveEveryType) {
  const CopyRows format;
  const std::string head = "acme/lyon/hall/one/cell/pump-1\tmotor/current\t1763712931000000\t1\t";
  EXPECT_EQ(rows(format, ValueType::kFloat64, {real(12.5), real(std::numeric_limits<double>::quiet_NaN())}),
            head + "12.5\t\\N\t\\N\t0\n" +
                "acme/lyon/hall/one/cell/pump-1\tmotor/current\t1763712932000000\t1\tNaN\t\\N\t\\N\t2156658688\n");
  EXPECT_EQ(rows(format, ValueType::kFloat64, {real(-std::numeric_limits<double>::infinity())}),
            head + "-Infinity\t\\N\t\\N\t0\n");
  EXPECT_EQ(rows(format, ValueType::kBool, {1}), head + "1\t\\N\t\\N\t0\n");
  EXPECT_EQ(rows(format, ValueType::kState, {4}), head + "4\t\\N\t\\N\t0\n");
  EXPECT_EQ(rows(format, ValueType::kInt64, {core::to_bits<std::int64_t>(-7)}), head + "-7\t\\N\t\\N\t0\n");
  EXPECT_EQ(rows(format, ValueType::kInt64, {core::to_bits<std::int64_t>(9007199254740993)}),
            head + "9007199254740993\t9007199254740993\t\\N\t0\n");
}

TEST(CopyRows, EscapeTexts) {
  EXPECT_EQ(rows(CopyRows(), ValueType::kText, {7}, "a\tb", std::string("x\\y\nz\0", 6)),
            "acme/lyon/hall/one/cell/pump-1\ta\\tb\t1763712931000000\t1\t\\N\t\\N\tx\\\\y\\nz\xEF\xBF\xBD\t0\n");
}

TEST(LineRows, HaveEveryType) {
  const LineRows format("our readings");
  const std::string head =
      "our\\ readings,enterprise=acme,site=lyon,area=hall,line=one,cell=cell,machine=pump-1,component=motor,"
      "sensor=current ";
  EXPECT_EQ(rows(format, ValueType::kFloat64, {real(12.5), real(std::numeric_limits<double>::quiet_NaN())}),
            head + "value=12.5 1763712931000000001\n" + head + "quality=2156658688i 1763712932000000001\n");
  EXPECT_EQ(rows(format, ValueType::kInt64, {core::to_bits<std::int64_t>(-7), 7}),
            head + "whole=-7i 1763712931000000001\n" + head + "whole=7i,quality=2156658688i 1763712932000000001\n");
  EXPECT_EQ(rows(format, ValueType::kBool, {1}), head + "whole=1i 1763712931000000001\n");
  EXPECT_EQ(rows(LineRows("r"), ValueType::kText, {1}, "a b", "x \"y\\\n"),
            "r,enterprise=acme,site=lyon,area=hall,line=one,cell=cell,machine=pump-1,sensor=a\\ b "
            "text=\"x \\\"y\\\\ \" 1763712931000000001\n");
}

// What goes out our own way in understands.
TEST(UnsRows, AreReadByUns) {
  const std::string out = rows(UnsRows(), ValueType::kFloat32, {core::to_bits(12.5F), core::to_bits(0.25F)});
  std::vector<std::string> ids;
  std::vector<double> values;
  for_each_line(out, [&](std::string_view sensor, std::string_view payload) {
    EXPECT_EQ(sensor, "motor/current");
    const auto message =
        protocol::parse_uns("{\"schema\":1,\"seq\":7," + std::string(payload.substr(1)), protocol::UnsTime::kAuto);
    ASSERT_TRUE(message) << message.error().message;
    ASSERT_EQ(message->readings.size(), 1U);
    const protocol::UnsReading& reading = message->readings[0];
    EXPECT_EQ(reading.field, "");
    values.push_back(std::get<double>(reading.value));
    EXPECT_EQ(reading.quality, values.size() == 1 ? core::kGood : core::kBadSensorFailure);
    EXPECT_EQ(reading.time, kStart + (static_cast<std::int64_t>(values.size()) - 1) * core::kSecond);
    EXPECT_EQ(message->sequence, 7U);
    ids.push_back(message->id);
  });
  EXPECT_THAT(values, ElementsAre(12.5, 0.25));
  ASSERT_EQ(ids.size(), 2U);
  EXPECT_EQ(ids[0].size(), 26U);
  EXPECT_LT(ids[0], ids[1]) << "ULIDs are in the order of time";
  EXPECT_EQ(rows(UnsRows(), ValueType::kFloat32, {core::to_bits(12.5F), core::to_bits(0.25F)}), out);
}

TEST(UnsRows, UlidsHaveAllOfTheirBits) {
  EXPECT_EQ(to_ulid(0, 0, 0), "00000000000000000000000000");
  EXPECT_EQ(to_ulid((std::uint64_t{1} << 48) - 1, 0xFFFF, ~std::uint64_t{0}), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
  EXPECT_EQ(to_ulid(1'469'918'176'385, 0, 1), "01ARYZ6S410000000000000001");
}

TEST(Bulk, OneBadEventHoldsUpNoOther) {
  std::vector<Event> events(5);
  for (std::size_t i = 0; i < events.size(); ++i) events[i].id = i;
  std::vector<std::uint64_t> taken;
  const auto send = [&](std::span<const Event> some) -> core::Status {
    for (const Event& event : some) {
      if (event.id == 2) return core::unexpected(core::ErrorCode::kInvalid, "not this one");
      if (event.id == 4) return core::unexpected(core::ErrorCode::kUnavailable, "not now");
    }
    for (const Event& event : some) taken.push_back(event.id);
    return {};
  };
  const std::span<const Event> all(events);
  const Delivery first = deliver_in_bulk(all, send);
  EXPECT_EQ(first.delivered, 2U);
  ASSERT_TRUE(first.failure);
  EXPECT_EQ(first.failure->fate, Delivery::Fate::kRefused);
  EXPECT_EQ(first.failure->reason, "not this one");
  const Delivery second = deliver_in_bulk(all.subspan(3), send);
  EXPECT_EQ(second.delivered, 0U) << "all or none";
  EXPECT_EQ(second.failure->fate, Delivery::Fate::kRetry);
  EXPECT_FALSE(deliver_in_bulk(all.subspan(3, 1), send).failure);
  EXPECT_THAT(taken, ElementsAre(0, 1, 3));
}

}  // namespace
}  // namespace millwright::forwarding
