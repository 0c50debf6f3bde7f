// One Modbus bus: a TCP connection or a serial line, over libmodbus, which stays in the .cpp.
//
// Threads: one owner. All calls wait for the bus, at most for the timeout.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "connectors/modbus_options.hpp"
#include "core/result.hpp"
#include "protocol/modbus_registers.hpp"

namespace millwright::connectors {

class ModbusLink {
 public:
  // Why a read gave nothing.
  enum class Failure : std::uint8_t {
    kRefused,  // the device lives and says that it has no such registers
    kFailed,   // the device lives and says that it cannot do it now: it is busy, or something in it is broken
    kGateway,  // a gateway lives and says that the device behind it does not answer
    kSilent,   // no answer, or a broken one
    kLost,     // the connection or the line is gone
  };
  struct Answer {
    bool good = false;
    Failure failure = Failure::kSilent;
    std::string why;
  };

  static core::Result<std::unique_ptr<ModbusLink>> open(const std::variant<ModbusTcp, ModbusSerial>& bus,
                                                        core::DurationNs timeout);
  virtual ~ModbusLink() = default;
  // Fills as many registers as the request has; of a table of bits, one a register, 0 or 1.
  virtual Answer read(int unit, const protocol::modbus::Request& request, std::vector<std::uint16_t>& registers) = 0;
  // Coils take 0 or 1 each. Once: a write that got no answer may have been done.
  virtual Answer write(int unit, const protocol::modbus::Item& item, std::span<const std::uint16_t> registers) = 0;
};

// "10.0.0.9:502", "/dev/ttyUSB0".
std::string to_string(const std::variant<ModbusTcp, ModbusSerial>& bus);

}  // namespace millwright::connectors
