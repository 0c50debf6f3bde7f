#include "protocol/modbus_registers.hpp"

#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millwright::protocol::modbus {
namespace {

using testing::ElementsAre;

std::int64_t whole(const std::vector<std::uint16_t>& registers, const Layout& layout) {
  return std::get<std::int64_t>(decode(registers, layout));
}
double real(const std::vector<std::uint16_t>& registers, const Layout& layout) {
  return std::get<double>(decode(registers, layout));
}

TEST(ModbusDecode, IntegersOfEveryWidth) {
  EXPECT_EQ(whole({0xFFFE}, {.encoding = Encoding::kUint16}), 65534);
  EXPECT_EQ(whole({0xFFFE}, {.encoding = Encoding::kInt16}), -2);
  EXPECT_EQ(whole({0x0001, 0x0002}, {.encoding = Encoding::kUint32}), 0x10002);
  EXPECT_EQ(whole({0xFFFF, 0xFFFE}, {.encoding = Encoding::kInt32}), -2);
  EXPECT_EQ(whole({0xFFFF, 0xFFFF, 0xFFFF, 0xFFFD}, {.encoding = Encoding::kInt64}), -3);
  EXPECT_EQ(std::get<std::uint64_t>(
                decode(std::vector<std::uint16_t>{0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE}, {.encoding = Encoding::kUint64})),
            0xFFFFFFFFFFFFFFFEULL);
}

// 123.456 as float32 is 42F6 E979; by the letters that makers use, ABCD, CDAB, BADC and DCBA.
TEST(ModbusDecode, EveryOrderOfWordsAndBytes) {
  constexpr auto kFloat = Encoding::kFloat32;
  const auto expected = static_cast<double>(123.456F);
  EXPECT_EQ(real({0x42F6, 0xE979}, {.encoding = kFloat}), expected);
  EXPECT_EQ(real({0xE979, 0x42F6}, {.encoding = kFloat, .low_word_first = true}), expected);
  EXPECT_EQ(real({0xF642, 0x79E9}, {.encoding = kFloat, .low_byte_first = true}), expected);
  EXPECT_EQ(real({0x79E9, 0xF642}, {.encoding = kFloat, .low_word_first = true, .low_byte_first = true}), expected);
  EXPECT_EQ(real({0x405E, 0xDD2F, 0x1A9F, 0xBE77}, {.encoding = Encoding::kFloat64}), 123.456);
  EXPECT_EQ(real({0xBE77, 0x1A9F, 0xDD2F, 0x405E}, {.encoding = Encoding::kFloat64, .low_word_first = true}), 123.456);
}

TEST(ModbusDecode, BitFields) {
  EXPECT_EQ(whole({0x00A8}, {.first_bit = 3, .bits = 1}), 1);
  EXPECT_EQ(whole({0x00A8}, {.first_bit = 4, .bits = 1}), 0);
  EXPECT_EQ(whole({0x00A8}, {.first_bit = 4, .bits = 4}), 0xA);
  EXPECT_EQ(whole({0x8000, 0x0001}, {.encoding = Encoding::kUint32, .first_bit = 31, .bits = 1}), 1);
}

std::vector<Request> plan_all(const std::vector<Item>& items, const Limits& limits = {}) {
  std::vector<std::uint32_t> wanted(items.size());
  std::iota(wanted.begin(), wanted.end(), 0);
  return plan(items, wanted, limits);
}
std::vector<std::vector<unsigned>> places(const std::vector<Request>& requests) {
  std::vector<std::vector<unsigned>> out;
  for (const Request& one : requests) {
    out.push_back({static_cast<unsigned>(one.table), one.address, one.count, static_cast<unsigned>(one.items.size())});
  }
  return out;
}
constexpr Table kHolding = Table::kHoldingRegisters;

TEST(ModbusPlan, NeighboursGoTogether) {
  const std::vector<Item> items = {
      {kHolding, 10, 2}, {kHolding, 0, 1}, {kHolding, 4, 4}, {kHolding, 40, 1}, {Table::kInputRegisters, 0, 1}};
  EXPECT_THAT(places(plan_all(items)),
              ElementsAre(ElementsAre(2, 0, 12, 3), ElementsAre(2, 40, 1, 1), ElementsAre(3, 0, 1, 1)));
  EXPECT_THAT(places(plan_all(items, {.gap_max = 0})),
              ElementsAre(ElementsAre(2, 0, 1, 1), ElementsAre(2, 4, 4, 1), ElementsAre(2, 10, 2, 1),
                          ElementsAre(2, 40, 1, 1), ElementsAre(3, 0, 1, 1)));
}

TEST(ModbusPlan, KeepsToWhatADeviceTakes) {
  std::vector<Item> items;
  for (std::uint16_t i = 0; i < 200; ++i) items.push_back({kHolding, static_cast<std::uint16_t>(2 * i), 2});
  unsigned covered = 0;
  for (const Request& one : plan_all(items)) {
    EXPECT_LE(one.count, 125);
    EXPECT_EQ(one.count % 2, 0) << "a value cut in two";
    covered += static_cast<unsigned>(one.items.size());
  }
  EXPECT_EQ(covered, 200U);
  EXPECT_EQ(plan_all(items, {.registers_max = 4}).size(), 100U);
  EXPECT_TRUE(plan_all({}).empty());
  EXPECT_THAT(places(plan_all({{kHolding, 65535, 1}, {kHolding, 65534, 1}})), ElementsAre(ElementsAre(2, 65534, 2, 2)));
  // Two names for one register, and a wide one around narrow ones.
  EXPECT_THAT(places(plan_all({{kHolding, 7, 1}, {kHolding, 7, 1}, {kHolding, 6, 4}, {kHolding, 12, 1}})),
              ElementsAre(ElementsAre(2, 6, 7, 4)));
}

TEST(ModbusPlan, ARefusedRequestIsHalved) {
  const std::vector<Item> items = {{kHolding, 0, 1}, {kHolding, 5, 1}, {kHolding, 7, 2}};
  const auto parts = halves(items, plan_all(items).front());
  EXPECT_THAT(places(parts), ElementsAre(ElementsAre(2, 0, 1, 1), ElementsAre(2, 5, 4, 2)));
}

}  // namespace
}  // namespace millwright::protocol::modbus
