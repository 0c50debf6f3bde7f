#include "connectors/modbus_options.hpp"

#include <array>
#include <filesystem>
#include <set>

#include <fmt/format.h>

#include "core/text.hpp"

namespace millwright::connectors {
namespace {

using config::Section;
using protocol::modbus::Encoding;
using protocol::modbus::Table;

constexpr int kUnitMax = 255;  // 248 to 255 are reserved on a serial line, but used behind gateways
constexpr std::size_t kRegistersMax = 10'000;
constexpr std::array<std::string_view, 2> kTransports{"tcp", "rtu"};
constexpr std::array<std::string_view, 3> kParities{"none", "even", "odd"};
constexpr std::array<std::string_view, 2> kOrders{"big", "little"};
// In the order of Table and Encoding.
constexpr std::array<std::string_view, 4> kTables{"coil", "discrete", "holding", "input"};
constexpr std::array<std::string_view, 8> kEncodings{"uint16", "int16", "uint32",  "int32",
                                                     "uint64", "int64", "float32", "float64"};

struct Orders {
  std::size_t word = 0;
  std::size_t byte = 0;
};
Orders read_orders(Section& section, const Orders& fallback) {
  return {section.choice("word_order", kOrders, fallback.word), section.choice("byte_order", kOrders, fallback.byte)};
}

// `bit: 3` or `bits: [4, 7]`.
void read_bit_field(Section& section, protocol::modbus::Layout& layout) {
  const auto width = static_cast<std::int64_t>(16 * words(layout.encoding));
  if (section.has("bit") && section.has("bits")) section.problem("bits", "give bit or bits, not both");
  if (section.has("bit")) {
    layout.first_bit = static_cast<unsigned>(section.integer("bit", {.fallback = 0, .low = 0, .high = width - 1}));
    layout.bits = 1;
  } else if (section.has("bits")) {
    const std::vector<double> ends = section.numbers("bits");
    const auto whole = [&](double end) {
      return end >= 0 && end < static_cast<double>(width) && end == static_cast<int>(end);
    };
    if (ends.size() != 2 || !whole(ends[0]) || !whole(ends[1]) || ends[0] > ends[1]) {
      return section.problem(
          "bits", fmt::format("give the lowest and the highest bit, from 0 to {}, such as [4, 7]", width - 1));
    }
    layout.first_bit = static_cast<unsigned>(ends[0]);
    layout.bits = static_cast<unsigned>(ends[1] - ends[0]) + 1;
    if (layout.bits == 64) layout.bits = 0;
  }
  if (layout.bits != 0 && is_float(layout.encoding)) {
    section.problem("type", "a bit field is cut from an integer; take uint16, uint32 or uint64");
  }
}

void read_scale(Section& section, ModbusRegister& one) {
  one.scale = section.number("scale", {.fallback = 1, .low = -1e12, .high = 1e12});
  one.offset = section.number("offset", {.fallback = 0, .low = -1e15, .high = 1e15});
  if (one.scale == 0) section.problem("scale", "makes every reading the same; give a factor such as 0.1");
}

ModbusRegister read_register(Section& section, const Orders& orders, std::int64_t base, unsigned registers_max) {
  ModbusRegister one;
  one.name = section.text("name", {.fallback = std::nullopt, .length_max = 200});
  one.item.table =
      static_cast<Table>(section.choice("table", kTables, static_cast<std::size_t>(Table::kHoldingRegisters)));
  if (!is_bits(one.item.table)) {
    one.layout.encoding = static_cast<Encoding>(section.choice("type", kEncodings, 0));
    const Orders own = read_orders(section, orders);
    one.layout.low_word_first = own.word == 1;
    one.layout.low_byte_first = own.byte == 1;
    one.item.count = static_cast<std::uint16_t>(words(one.layout.encoding));
    if (one.item.count > registers_max) {
      section.problem("type",
                      fmt::format("takes {} registers, which are read at once, and the map's registers_max is {}",
                                  one.item.count, registers_max));
    }
    read_bit_field(section, one.layout);
    read_scale(section, one);
  }
  const std::int64_t last = 65536 - one.item.count;
  one.item.address = static_cast<std::uint16_t>(
      section.integer("address", {.fallback = std::nullopt, .low = base, .high = base + last}) - base);
  one.period = section.duration("period", {.fallback = 0, .high = core::kHour});
  one.writable = section.boolean("writable", false);
  const bool takes = one.item.table == Table::kCoils || one.item.table == Table::kHoldingRegisters;
  if (one.writable && (!takes || one.layout.bits != 0)) {
    section.problem("writable", "only coils and whole holding registers are written, no bit fields");
  }
  section.finish();
  return one;
}

ModbusDevice read_device(config::Document& document, Section& section) {
  ModbusDevice device;
  device.name = section.text("name", {.fallback = std::nullopt, .length_max = 200});
  device.unit = static_cast<int>(section.integer("unit", {.fallback = 1, .low = 0, .high = kUnitMax}));
  device.period =
      section.duration("period", {.fallback = device.period, .low = core::kMillisecond, .high = core::kHour});
  const std::string map = section.text("map");
  if (!map.empty()) {
    const std::string path = (std::filesystem::path(document.directory()) / map).string();
    if (auto file = document.include(path, section, "map")) device.map = read_modbus_map(*file);
  }
  section.finish();
  return device;
}

std::variant<ModbusTcp, ModbusSerial> read_bus(Section& section) {
  if (section.choice("transport", kTransports, 0) == 0) {
    ModbusTcp tcp;
    tcp.host = section.text("host");
    tcp.port = static_cast<std::uint16_t>(section.integer("port", {.fallback = tcp.port, .low = 1, .high = 65535}));
    return tcp;
  }
  ModbusSerial serial;
  serial.device = section.text("device");
  serial.baud_rate = static_cast<int>(section.integer("baud_rate", {.fallback = 19200, .low = 300, .high = 4'000'000}));
  serial.parity = std::array{'N', 'E', 'O'}[section.choice("parity", kParities, 1)];
  serial.data_bits = static_cast<int>(section.integer("data_bits", {.fallback = 8, .low = 7, .high = 8}));
  serial.stop_bits = static_cast<int>(section.integer("stop_bits", {.fallback = 1, .low = 1, .high = 2}));
  return serial;
}

}  // namespace

ModbusMap read_modbus_map(Section& section) {
  ModbusMap map;
  section.text("name", {.fallback = ""});
  section.text("description", {.fallback = ""});
  const Orders orders = read_orders(section, {});
  const std::int64_t base = section.integer("address_base", {.fallback = 0, .low = 0, .high = 1});
  map.limits.registers_max =
      static_cast<unsigned>(section.integer("registers_max", {.fallback = 125, .low = 1, .high = 125}));
  map.limits.bits_max = static_cast<unsigned>(section.integer("bits_max", {.fallback = 2000, .low = 1, .high = 2000}));
  map.limits.gap_max = static_cast<unsigned>(section.integer("gap_max", {.fallback = 8, .low = 0, .high = 124}));
  std::set<std::string> names;
  for (Section& one : section.sections("registers")) {
    map.registers.push_back(read_register(one, orders, base, map.limits.registers_max));
    const std::string& name = map.registers.back().name;
    if (!names.insert(name).second) one.problem("name", fmt::format("there is a register '{}' already", name));
    if (map.registers.size() > kRegistersMax) {
      section.problem("registers", fmt::format("more than {}; spread them over several maps", kRegistersMax));
      break;
    }
  }
  if (map.registers.empty())
    section.problem("registers", "a map without registers; list name, table, address and type");
  section.finish();
  return map;
}

ModbusOptions read_modbus_options(config::Document& document, Section& section) {
  ModbusOptions options;
  options.bus = read_bus(section);
  const auto duration = [&](std::string_view key, core::DurationNs fallback, core::DurationNs low,
                            core::DurationNs high) {
    return section.duration(key, {.fallback = fallback, .low = low, .high = high});
  };
  options.timeout = duration("timeout", options.timeout, 10 * core::kMillisecond, core::kMinute);
  options.retries = static_cast<int>(section.integer("retries", {.fallback = options.retries, .low = 0, .high = 10}));
  options.pause = duration("pause", options.pause, 0, core::kMinute);
  options.bad_register_retry =
      duration("bad_register_retry", options.bad_register_retry, 100 * core::kMillisecond, 24 * core::kHour);
  options.retry_min = duration("retry_min", options.retry_min, 10 * core::kMillisecond, core::kHour);
  options.retry_max = duration("retry_max", options.retry_max, options.retry_min, core::kHour);
  std::set<std::string> names;
  for (Section& one : section.sections("devices")) {
    options.devices.push_back(read_device(document, one));
    const std::string& name = options.devices.back().name;
    if (!names.insert(name).second) one.problem("name", fmt::format("there is a device '{}' already", name));
  }
  if (options.devices.empty()) section.problem("devices", "no devices; list them by name, unit and map");
  return options;
}

}  // namespace millwright::connectors
