// Fieldbuses by Apache PLC4X: a process beside the plant (drivers/plc4x, Java) that reads S7, EtherNet/IP, ADS, BACnet,
// KNX, PROFINET and Modbus devices and sends what it reads as a burst stream (docs/plc4x.md).
//
//   connectors:
//     - name: cell-2
//       type: plc4x
//       devices:
//         - {name: press, connection: "s7://10.0.0.5?remote-rack=0&remote-slot=1", period: 100ms}
//
// A sensor's address is the device's name, '/', and the address as PLC4X writes it: "press/%DB1.DBD0:REAL".
// The connector listens for the stream on loopback, writes the driver's settings, starts it, starts it again with
// growing pauses when it ends, and ends it with the plant. What the driver has read and the plant has not yet on its
// disk is in the driver's spool, in `folder`, and outlives both.
//
// Threads: one that looks after the process, and those of the burst server. Errors: no Java, no jar or a driver that
// ends is the connector's state, and tried again: the rest of the plant runs on.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/document.hpp"
#include "connectors/connector.hpp"
#include "io/network.hpp"

namespace millwright::connectors {

struct Plc4xDevice {
  std::string name;
  std::string connection;       // as PLC4X writes it
  std::string mode;             // "poll"; "changes", "cyclic": the device sends
  core::DurationNs period = 0;  // 0: what each sensor's rate_hz asks for
};

struct Plc4xOptions {
  std::vector<Plc4xDevice> devices;
  core::DurationNs timeout = 5 * core::kSecond;           // of one answer
  core::DurationNs retry_min = 500 * core::kMillisecond;  // before a device that is silent is tried again
  core::DurationNs retry_max = 10 * core::kSecond;
  std::uint64_t spool_bytes = 256ULL << 20;   // of readings that wait for the plant; then the oldest are given up
  std::uint64_t memory_bytes = 256ULL << 20;  // of Java's heap
  std::string java = "java";
  std::string jar;     // "": the shipped one, which the plant knows
  std::string folder;  // of settings and spool; the plant's to say
};

// The settings that the driver reads, for a burst server on `port`. Sensors that cannot be read go to `unread`, with
// why.
std::string plc4x_settings(const Plc4xOptions& options, const asset::Model& model, const std::string& connector,
                           std::uint16_t port, std::vector<std::string>& unread);
// What the driver needs of this machine; the error says what is missing and what to do.
core::Status check_plc4x(const Plc4xOptions& options);

// Where a device's connection goes to over TCP, with the protocol's usual port where it names none; nothing of those
// that take another way.
std::optional<io::Address> plc4x_address(const std::string& connection);

// Reads its keys from a connector's entry; `name`, `type` and finish() are the caller's. Problems go to the document.
Plc4xOptions read_plc4x_options(config::Section& section, const std::string& directory);

std::unique_ptr<Connector> make_plc4x(std::string name, const Plc4xOptions& options, const ConnectorContext& context);

}  // namespace millwright::connectors
