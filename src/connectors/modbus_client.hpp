// Modbus master: reads the registers of the devices on one bus, a TCP connection or a serial line, each at its period.
//
//   connectors:
//     - name: meters
//       type: modbus
//       host: 10.0.0.9
//       devices:
//         - {name: meter-1, unit: 1, map: maps/energy-meter.yaml, period: 1s}
//
// A sensor's address is "<device>/<register>", the register a name of the device's map. Commands write registers that
// the map says may be written.
//
// Threads: one of its own, since a bus takes one request after the other; the Connector calls from any.
// Values: the number in the registers, times scale plus offset, as the sensor's type: a float is the nearest, anything
// else only where nothing is lost, else BadTypeMismatch. The time is the answer's arrival.
// Errors: any exception of a device is an answer: after the retries of those that may pass, the request is halved until
// the register that fails stands alone; it is told once, marked, and asked for every `bad_register_retry`, and the
// others are read without it: BadNodeIdUnknown where the device has no such register, BadSensorFailure where it cannot
// give it. So is a request that gets no answer while others of the device do. A device that is silent after the
// retries, or that its gateway does not reach, is marked BadNoCommunication and tried again with growing pauses, so
// that it does not hold up the others. A lost bus marks all.
#pragma once

#include <memory>
#include <string>

#include "connectors/connector.hpp"
#include "connectors/modbus_options.hpp"

namespace millwright::connectors {

std::unique_ptr<Connector> make_modbus_client(std::string name, const ModbusOptions& options,
                                              const ConnectorContext& context);

}  // namespace millwright::connectors
