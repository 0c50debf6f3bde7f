// A Modbus connector's part of the plant's file, and the register maps that it names (docs/format/modbus-map.md).
//
// Threads: pure functions. Errors: problems of the document, with file, line and key.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "config/document.hpp"
#include "core/time.hpp"
#include "protocol/modbus_registers.hpp"

namespace millwright::connectors {

struct ModbusRegister {
  std::string name;
  protocol::modbus::Item item;
  protocol::modbus::Layout layout;
  double scale = 1;  // value = raw · scale + offset
  double offset = 0;
  core::DurationNs period = 0;  // 0: the device's
  bool writable = false;        // commands may write it
};

struct ModbusMap {
  protocol::modbus::Limits limits;
  std::vector<ModbusRegister> registers;
};

struct ModbusDevice {
  std::string name;
  int unit = 1;  // the address on the bus; behind a gateway, the unit identifier
  core::DurationNs period = core::kSecond;
  ModbusMap map;
};

struct ModbusTcp {
  std::string host;
  std::uint16_t port = 502;
};
struct ModbusSerial {
  std::string device;  // "/dev/ttyUSB0"
  int baud_rate = 19200;
  char parity = 'E';  // N, E, O
  int data_bits = 8;
  int stop_bits = 1;
};

struct ModbusOptions {
  std::variant<ModbusTcp, ModbusSerial> bus;
  std::vector<ModbusDevice> devices;
  core::DurationNs timeout = core::kSecond;  // of one answer
  int retries = 2;                           // of one request
  core::DurationNs pause = 0;                // between two requests on the bus
  core::DurationNs bad_register_retry = 30 * core::kSecond;
  core::DurationNs retry_min = 500 * core::kMillisecond;  // before a device or bus that is silent is tried again
  core::DurationNs retry_max = 10 * core::kSecond;
};

// Reads its keys from a connector's entry; `name`, `type` and finish() are the caller's.
ModbusOptions read_modbus_options(config::Document& document, config::Section& section);
ModbusMap read_modbus_map(config::Section& section);

}  // namespace millwright::connectors
