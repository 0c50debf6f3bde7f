#include "connectors/modbus_client.hpp"

#include <gmock/gmock.h>

#include "connectors/tests/modbus_test_server.hpp"
#include "connectors/tests/test_plant.hpp"
#include "io/clock.hpp"
#include "io/network.hpp"

namespace millwright::connectors {
namespace {

using core::ValueType;
using protocol::modbus::Encoding;
using protocol::modbus::Table;
using test::eventually;
using test::Node;
using testing::HasSubstr;

constexpr auto kHolding = Table::kHoldingRegisters;

ModbusRegister holding(const std::string& name, std::uint16_t address, Encoding encoding = Encoding::kUint16) {
  ModbusRegister one;
  one.name = name;
  one.layout.encoding = encoding;
  one.item = {kHolding, address, static_cast<std::uint16_t>(words(encoding))};
  return one;
}

ModbusOptions options_of(std::vector<ModbusRegister> registers) {
  ModbusOptions options;
  options.devices = {
      {.name = "meter", .unit = 1, .period = 20 * core::kMillisecond, .map = {{}, std::move(registers)}}};
  options.timeout = 150 * core::kMillisecond;
  options.retries = 1;
  options.retry_min = 20 * core::kMillisecond;
  options.retry_max = 50 * core::kMillisecond;
  options.bad_register_retry = 100 * core::kMillisecond;
  return options;
}

// A plant with one bus.
struct Rig {
  Rig(std::vector<test::SensorSpec> specs, ModbusOptions options)
      : model(test::make_model(specs)), node(model, network, clock, disk) {
    connector = make_modbus_client("line", options, node.context());
    EXPECT_TRUE(connector->start());
  }
  [[nodiscard]] double last(std::uint32_t sensor) const {
    const auto readings = disk.of(sensor);
    return readings.empty() ? -1 : readings.back().value;
  }
  [[nodiscard]] core::Quality quality(std::uint32_t sensor) const {
    const auto readings = disk.of(sensor);
    return readings.empty() ? core::kBadWaitingForInitialData : readings.back().quality;
  }
  core::Quality last_status() {
    core::MutexLock lock(node.behaviour.mutex);
    return node.behaviour.last_status;
  }

  asset::Model model;
  io::RealClock clock;
  io::RealNetwork network;
  test::Disk disk;
  Node node;
  std::unique_ptr<Connector> connector;
};

TEST(ModbusClient, ReadsEveryTableAndType) {
  test::ModbusTestServer server;
  server.set(0, 250);
  server.set(2, 0x42F6);
  server.set(3, 0xE979);
  server.set(4, 0xFFFF);
  server.set(5, 0xFFFE);
  server.set(9, 0x0008);
  server.set_bit(7, true);
  auto temperature = holding("temperature", 0);
  temperature.scale = 0.1;
  temperature.offset = -5;
  auto flag = holding("flag", 9);
  flag.layout.first_bit = 3;
  flag.layout.bits = 1;
  ModbusRegister coil{.name = "coil", .item = {Table::kCoils, 7, 1}, .layout = {}};
  ModbusRegister contact{.name = "contact", .item = {Table::kDiscreteInputs, 8, 1}, .layout = {}};
  ModbusRegister input{.name = "input", .item = {Table::kInputRegisters, 0, 1}, .layout = {}};
  auto options = options_of({temperature, holding("flow", 2, Encoding::kFloat32), holding("count", 4, Encoding::kInt32),
                             flag, coil, contact, input});
  options.bus = ModbusTcp{"127.0.0.1", server.port()};
  Rig rig({{"meter/temperature", ValueType::kFloat64},
           {"meter/flow", ValueType::kFloat32},
           {"meter/count", ValueType::kInt64},
           {"meter/flag", ValueType::kBool},
           {"meter/coil", ValueType::kBool},
           {"meter/contact", ValueType::kBool},
           {"meter/input", ValueType::kState}},
          options);
  ASSERT_TRUE(eventually([&] { return rig.disk.total() >= 21; }));
  EXPECT_EQ(rig.last(0), 20);
  EXPECT_EQ(rig.last(1), static_cast<double>(123.456F));
  EXPECT_EQ(rig.last(2), -2);
  EXPECT_EQ(rig.last(3), 1);
  EXPECT_EQ(rig.last(4), 1);
  EXPECT_EQ(rig.last(5), 0);
  EXPECT_EQ(rig.last(6), 250);
  EXPECT_EQ(rig.quality(0), core::kGood);
  EXPECT_EQ(rig.connector->status().state, ConnectorState::kConnected);
  server.set(0, 300);
  EXPECT_TRUE(eventually([&] { return rig.last(0) == 25; }));
}

TEST(ModbusClient, ARefusedRegisterCostsNoOther) {
  test::ModbusTestServer server;
  server.set(98, 7);
  auto options = options_of({holding("a", 97), holding("b", 98), holding("gone", 102), holding("c", 99)});
  options.bus = ModbusTcp{"127.0.0.1", server.port()};
  Rig rig({{"meter/a", ValueType::kInt64},
           {"meter/b", ValueType::kInt64},
           {"meter/gone", ValueType::kInt64},
           {"meter/c", ValueType::kInt64},
           {"meter/flwo", ValueType::kInt64}},
          options);
  ASSERT_TRUE(
      eventually([&] { return rig.disk.of(0).size() > 3 && rig.disk.of(1).size() > 3 && rig.disk.of(3).size() > 3; }));
  EXPECT_EQ(rig.last(1), 7);
  EXPECT_TRUE(rig.disk.of(2).empty());
  EXPECT_TRUE(eventually([&] { return rig.connector->status().detail.find("meter/gone") != std::string::npos; }));
  EXPECT_THAT(rig.connector->status().detail, HasSubstr("Illegal data address"));
  EXPECT_THAT(rig.connector->status().detail, HasSubstr("no register 'flwo'"));
}

// Whatever the exception, the others are read, and the connection stays.
TEST(ModbusClient, AnExceptionIsAnAnswer) {
  for (const int exception : {1, 2, 3, 4, 5, 6, 7, 8, 9, 0x80}) {
    SCOPED_TRACE(exception);
    test::ModbusTestServer server;
    server.fail(10, exception);
    auto options = options_of({holding("bad", 10), holding("a", 11), holding("b", 12), holding("c", 40)});
    options.bus = ModbusTcp{"127.0.0.1", server.port()};
    Rig rig({{"meter/bad", ValueType::kInt64},
             {"meter/a", ValueType::kInt64},
             {"meter/b", ValueType::kInt64},
             {"meter/c", ValueType::kInt64}},
            options);
    ASSERT_TRUE(eventually(
        [&] { return rig.disk.of(1).size() > 5 && rig.disk.of(2).size() > 5 && rig.disk.of(3).size() > 5; }));
    EXPECT_TRUE(rig.disk.of(0).empty());
    ASSERT_TRUE(eventually([&] { return rig.connector->status().detail.find("meter/bad") != std::string::npos; }));
    EXPECT_EQ(rig.last_status(), exception <= 3 ? core::kBadNodeIdUnknown : core::kBadSensorFailure);
    EXPECT_EQ(rig.connector->status().state, ConnectorState::kConnected);
    EXPECT_EQ(rig.connector->status().reconnects, 0U);

    server.set(10, 5);
    server.fail(10, 0);
    EXPECT_TRUE(eventually([&] { return rig.last(0) == 5; }));
    EXPECT_EQ(rig.connector->status().detail.find("meter/bad"), std::string::npos);
    EXPECT_TRUE(eventually([&] { return server.widest() == 3; })) << "its request is whole again";
  }
}

// Some devices say nothing where they ought to refuse.
TEST(ModbusClient, ARequestThatIsNotAnsweredHoldsUpNoOther) {
  test::ModbusTestServer server;
  server.fail(10, test::ModbusTestServer::kSilence);
  auto options = options_of({holding("mute", 10), holding("a", 11), holding("b", 40)});
  options.bus = ModbusTcp{"127.0.0.1", server.port()};
  Rig rig({{"meter/mute", ValueType::kInt64}, {"meter/a", ValueType::kInt64}, {"meter/b", ValueType::kInt64}}, options);
  ASSERT_TRUE(eventually([&] { return rig.disk.of(1).size() > 5 && rig.disk.of(2).size() > 5; }));
  ASSERT_TRUE(eventually(
      [&] { return rig.connector->status().detail.find("'meter/mute': no answer, though") != std::string::npos; }));
  EXPECT_TRUE(rig.disk.of(0).empty());
  EXPECT_EQ(rig.connector->status().reconnects, 0U);
  server.set(10, 5);
  server.fail(10, 0);
  EXPECT_TRUE(eventually([&] { return rig.last(0) == 5; }));
}

TEST(ModbusClient, AGatewaysWordOnOneUnitLeavesTheOthersAndTheConnection) {
  for (const int exception : {0x0A, 0x0B}) {
    test::ModbusTestServer server;
    server.fail_unit(2, exception);
    auto options = options_of({holding("a", 0)});
    options.bus = ModbusTcp{"127.0.0.1", server.port()};
    options.devices.insert(options.devices.begin(), options.devices.front());
    options.devices.front().name = "behind";
    options.devices.front().unit = 2;
    Rig rig({{"behind/a", ValueType::kInt64}, {"meter/a", ValueType::kInt64}}, options);
    ASSERT_TRUE(eventually([&] { return rig.disk.of(1).size() > 5; }));
    EXPECT_TRUE(
        eventually([&] { return rig.connector->status().detail.find("behind does not answer") != std::string::npos; }));
    EXPECT_TRUE(rig.disk.of(0).empty());
    // Nor where no unit is reached.
    server.fail_unit(1, exception);
    EXPECT_TRUE(
        eventually([&] { return rig.connector->status().detail.find("meter does not answer") != std::string::npos; }));
    const unsigned before = server.requests();
    EXPECT_TRUE(eventually([&] { return server.requests() > before + 5; }));
    EXPECT_EQ(rig.connector->status().state, ConnectorState::kConnected);
    server.set(0, 7);
    server.fail_unit(2, 0);
    EXPECT_TRUE(eventually([&] { return rig.last(0) == 7; }));
    EXPECT_EQ(rig.connector->status().reconnects, 0U);
  }
}

TEST(ModbusClient, WhatDoesNotFitIsKeptAndMarked) {
  test::ModbusTestServer server;
  server.set(0, 2);
  auto options = options_of({holding("a", 0)});
  options.bus = ModbusTcp{"127.0.0.1", server.port()};
  Rig rig({{"meter/a", ValueType::kBool}}, options);
  ASSERT_TRUE(eventually([&] { return !rig.disk.of(0).empty(); }));
  EXPECT_EQ(rig.quality(0), core::kBadTypeMismatch);
  EXPECT_GT(rig.connector->status().refused, 0U);
  server.set(0, 1);
  EXPECT_TRUE(eventually([&] { return rig.quality(0) == core::kGood; }));
}

TEST(ModbusClient, ComesBackAfterSilenceAndAfterALostConnection) {
  test::ModbusTestServer server;
  server.set(0, 1);
  auto options = options_of({holding("a", 0)});
  options.bus = ModbusTcp{"127.0.0.1", server.port()};
  Rig rig({{"meter/a", ValueType::kInt64}}, options);
  ASSERT_TRUE(eventually([&] { return rig.last(0) == 1; }));

  server.fall_silent(true);
  EXPECT_TRUE(eventually([&] { return rig.connector->status().state == ConnectorState::kBackingOff; }));
  EXPECT_TRUE(eventually([&] { return rig.last_status() == core::kBadNoCommunication; }));
  EXPECT_THAT(rig.connector->status().detail, HasSubstr("no device answers"));
  server.set(0, 2);
  server.fall_silent(false);
  EXPECT_TRUE(eventually([&] { return rig.last(0) == 2; }));

  server.drop_connection();
  server.set(0, 3);
  EXPECT_TRUE(eventually([&] { return rig.last(0) == 3; }));
  EXPECT_GE(rig.connector->status().reconnects, 1U);
  rig.connector->stop();
  EXPECT_EQ(rig.connector->status().state, ConnectorState::kStopped);
}

TEST(ModbusClient, ASerialLineWithASilentDevice) {
  test::SerialCable cable;
  test::SerialTestDevice device(cable.end(1), 1);
  device.set(41);
  auto options = options_of({holding("a", 0)});
  options.bus = ModbusSerial{.device = cable.end(0)};
  options.devices.push_back(options.devices.front());
  options.devices.back().name = "absent";
  options.devices.back().unit = 9;
  Rig rig({{"meter/a", ValueType::kInt64}, {"absent/a", ValueType::kInt64}}, options);
  ASSERT_TRUE(eventually([&] { return rig.last(0) == 41; }));
  EXPECT_TRUE(
      eventually([&] { return rig.connector->status().detail.find("absent does not answer") != std::string::npos; }));
  const std::size_t before = rig.disk.of(0).size();
  EXPECT_TRUE(eventually([&] { return rig.disk.of(0).size() > before + 20; }));
  EXPECT_TRUE(rig.disk.of(1).empty());

  cable.cut(true);
  EXPECT_TRUE(
      eventually([&] { return rig.connector->status().detail.find("meter does not answer") != std::string::npos; }));
  device.set(42);
  cable.cut(false);
  EXPECT_TRUE(eventually([&] { return rig.last(0) == 42; }));
}

TEST(ModbusClient, ABusThatIsNotThereIsTriedAgain) {
  auto options = options_of({holding("a", 0)});
  options.bus = ModbusSerial{.device = "/dev/no-such-line"};
  Rig rig({{"meter/a", ValueType::kInt64}}, options);
  EXPECT_TRUE(eventually([&] { return rig.connector->status().state == ConnectorState::kBackingOff; }));
  EXPECT_THAT(rig.connector->status().detail, HasSubstr("/dev/no-such-line: No such file or directory"));
}

std::vector<config::Problem> problems_of(const std::string& yaml, ModbusMap* map = nullptr) {
  auto document = config::Document::parse(yaml, "map.yaml");
  EXPECT_TRUE(document) << document.error().message;
  config::Section root = document->root();
  const ModbusMap read = read_modbus_map(root);
  if (map != nullptr) *map = read;
  return document->problems();
}

TEST(ModbusMap, IsReadUnderAClosedSchema) {
  ModbusMap map;
  EXPECT_TRUE(problems_of(R"(
word_order: little
address_base: 1
registers_max: 60
registers:
  - {name: power, table: input, address: 1, type: float32, scale: 0.001}
  - {name: mode, address: 5, bits: [4, 7], byte_order: little, period: 5s}
  - {name: door, table: discrete, address: 10}
)",
                          &map)
                  .empty());
  ASSERT_EQ(map.registers.size(), 3U);
  EXPECT_EQ(map.limits.registers_max, 60U);
  EXPECT_EQ(map.registers[0].item.address, 0);
  EXPECT_EQ(map.registers[0].item.count, 2);
  EXPECT_TRUE(map.registers[0].layout.low_word_first);
  EXPECT_EQ(map.registers[1].layout.first_bit, 4U);
  EXPECT_EQ(map.registers[1].layout.bits, 4U);
  EXPECT_TRUE(map.registers[1].layout.low_byte_first);
  EXPECT_EQ(map.registers[1].period, 5 * core::kSecond);

  const auto wrong = problems_of(R"(
registers:
  - {name: a, address: 65535, type: float32}
  - {name: a, address: 3, type: float32, bit: 2}
  - {name: c, address: 3, bits: [9, 4], tabel: input}
  - {name: d, address: 3, scale: 0}
registers_max: 1
)");
  std::string all;
  for (const auto& problem : wrong) all += to_string(problem) + "\n";
  EXPECT_THAT(all, HasSubstr("registers[0].address"));
  EXPECT_THAT(all, HasSubstr("there is a register 'a' already"));
  EXPECT_THAT(all, HasSubstr("a bit field is cut from an integer"));
  EXPECT_THAT(all, HasSubstr("the lowest and the highest bit"));
  EXPECT_THAT(all, HasSubstr("did you mean 'table'?"));
  EXPECT_THAT(all, HasSubstr("makes every reading the same"));
  EXPECT_THAT(all, HasSubstr("registers[0].type"));
  EXPECT_THAT(all, HasSubstr("takes 2 registers, which are read at once, and the map's registers_max is 1"));

  EXPECT_TRUE(problems_of("registers_max: 1\nregisters:\n  - {name: a, address: 3}\n", &map).empty());
  EXPECT_EQ(map.limits.registers_max, 1U);
}

TEST(ModbusClient, CommandsWriteOnlyWhatTheMapAllows) {
  test::ModbusTestServer server;
  auto speed = holding("speed", 10);
  speed.scale = 0.1;
  speed.writable = true;
  auto flow = holding("flow", 20, Encoding::kFloat32);
  flow.writable = true;
  ModbusRegister coil{.name = "run", .item = {Table::kCoils, 3, 1}, .layout = {}, .writable = true};
  auto options = options_of({speed, flow, coil, holding("fixed", 30)});
  options.bus = ModbusTcp{"127.0.0.1", server.port()};
  Rig rig({{"meter/speed", ValueType::kFloat64}}, options);
  ASSERT_TRUE(eventually([&] { return rig.disk.total() >= 3; }));
  const auto give = [&](const std::string& address, asset::CommandValue value) {
    asset::Command command;
    command.name = "go";
    command.target = {"line", address};
    return rig.connector->execute(command, std::span(&value, 1), 5 * core::kSecond);
  };
  const auto done = give("meter/speed", 120.0);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(server.get(10), 1200);
  EXPECT_TRUE(eventually([&] { return rig.last(0) == 120; })) << "and reads go on";
  ASSERT_TRUE(give("meter/flow", 123.456));
  EXPECT_EQ(server.get(20), 0x42F6);
  EXPECT_EQ(server.get(21), 0xE979);
  ASSERT_TRUE(give("meter/run", true));
  EXPECT_TRUE(server.get_bit(3));
  EXPECT_THAT(give("meter/fixed", 1.0).error().message, HasSubstr("writable: true"));
  EXPECT_EQ(give("meter/speed", 7000.0).error().code, core::ErrorCode::kInvalid);
  EXPECT_EQ(give("meter/none", 1.0).error().code, core::ErrorCode::kNotFound);
  EXPECT_EQ(give("other/speed", 1.0).error().code, core::ErrorCode::kNotFound);
  server.fall_silent(true);
  EXPECT_FALSE(give("meter/speed", 1.0));
}

}  // namespace
}  // namespace millwright::connectors
