#include "connectors/modbus_probe.hpp"

#include <gmock/gmock.h>

#include "connectors/tests/modbus_test_server.hpp"
#include "connectors/tests/test_plant.hpp"

namespace millwright::connectors {
namespace {

using protocol::modbus::Table;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

ModbusDevice device(const std::string& name, int unit, std::initializer_list<std::uint16_t> addresses) {
  ModbusDevice one;
  one.name = name;
  one.unit = unit;
  for (const std::uint16_t address : addresses) {
    auto& added = one.map.registers.emplace_back();
    added.name = "r" + std::to_string(address);
    added.item = {Table::kHoldingRegisters, address, 1};
  }
  return one;
}

TEST(ModbusProbe, SaysWhichRegistersAndDevicesAreNotThere) {
  test::ModbusTestServer server;
  server.fail_unit(2, 0x0B);
  ModbusOptions options;
  options.bus = ModbusTcp{"127.0.0.1", server.port()};
  options.timeout = 150 * core::kMillisecond;
  options.devices = {device("meter", 1, {10, 98, 99, 100}), device("behind", 2, {1}), device("unused", 3, {7}),
                     device("wrong", 4, {500})};
  const asset::Model model = test::make_model({{"meter/r10", core::ValueType::kInt64},
                                               {"meter/r98", core::ValueType::kInt64},
                                               {"meter/r100", core::ValueType::kInt64},
                                               {"behind/r1", core::ValueType::kInt64},
                                               {"meter/r101", core::ValueType::kInt64}});
  const auto found = probe_modbus(options, model, "line");
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->devices.size(), 4U);
  EXPECT_THAT(found->unknown, ElementsAre(Pair("meter/r101", HasSubstr("no register 'r101'"))));
  EXPECT_EQ(found->devices[0].wanted, 3U);
  EXPECT_EQ(found->devices[0].read, 2U);
  EXPECT_EQ(found->devices[0].silent, "");
  EXPECT_THAT(found->devices[0].refused, ElementsAre(Pair("meter/r100", "Illegal data address")));
  EXPECT_THAT(found->devices[1].silent, HasSubstr("Target device failed to respond"));
  EXPECT_EQ(found->devices[2].read, 1U) << "the first of its map, since no sensor names any";
  EXPECT_THAT(found->devices[3].refused, ElementsAre(Pair("wrong/r500", "Illegal data address")));
}

TEST(ModbusProbe, ARequestThatIsNotAnsweredIsTold) {
  test::ModbusTestServer server;
  server.fail(11, test::ModbusTestServer::kSilence);
  ModbusOptions options;
  options.bus = ModbusTcp{"127.0.0.1", server.port()};
  options.timeout = 150 * core::kMillisecond;
  options.retries = 0;
  options.devices = {device("meter", 1, {1, 40}), device("mute", 2, {11})};
  options.devices[0].map.registers.push_back(device("", 1, {11}).map.registers.front());
  const asset::Model model = test::make_model({{"meter/r1", core::ValueType::kInt64},
                                               {"meter/r11", core::ValueType::kInt64},
                                               {"mute/r11", core::ValueType::kInt64}});
  const auto found = probe_modbus(options, model, "line");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->devices[0].read, 1U);
  EXPECT_THAT(found->devices[0].refused, ElementsAre(Pair("meter/r11", "Connection timed out")));
  EXPECT_EQ(found->devices[1].silent, "Connection timed out");
}

}  // namespace
}  // namespace millwright::connectors
