// Whether the devices of a bus answer, and have the registers that sensors name: each is read once. A device without
// sensors is asked for the first register of its map.
//
// Threads: the caller's, which waits for the bus. A serial line takes one master at a time: not beside a plant that
// runs. Errors: those of connecting.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "asset/model.hpp"
#include "connectors/modbus_options.hpp"
#include "core/result.hpp"

namespace millwright::connectors {

struct ModbusProbe {
  using Refused = std::vector<std::pair<std::string, std::string>>;  // addresses, and why
  struct Device {
    std::string name;
    int unit = 0;
    std::string silent = {};  // why it does not answer; "": it does
    std::size_t wanted = 0;   // registers
    std::size_t read = 0;
    Refused refused = {};  // at most kRefusedMax; then it is asked no more
  };
  static constexpr std::size_t kRefusedMax = 20;
  std::vector<Device> devices;
  Refused unknown;  // sensors whose address names no register of a map
};

core::Result<ModbusProbe> probe_modbus(const ModbusOptions& options, const asset::Model& model,
                                       const std::string& connector);

}  // namespace millwright::connectors
