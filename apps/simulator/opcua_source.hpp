// OpcUaSource: the OPC UA server that a simulated PLC is (open62541). It holds variables in folders and tells
// subscribers of every write, or of every change, with the source's own time.
//
// A subscriber that asks for sampling interval 0 is told on each write, not by polling; whatever queue it asks for
// above one value, it gets kQueueSizeMin or more, so that a slow publishing interval loses nothing. A queue of one,
// which the client asks for with 0 or 1, stays at one.
//
// Threads: one owner for all of it; it serves the network inside run() only. Listens on 127.0.0.1.
// Errors: kConflict (the port is in use), kInvalid (an address that is no NodeId), kIo (the library refused).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/block.hpp"
#include "core/result.hpp"
#include "core/time.hpp"

namespace millwright::simulator {

inline constexpr const char* kNamespaceUri = "urn:millwright:simulator";

struct OpcUaVariable {
  // "nsu=urn:millwright:simulator;s=pump-1.motor.current", "ns=2;s=…", "ns=3;i=1001", or names below Objects,
  // "Machines/pump-1/motor/current".
  std::string address;
  std::string name;                  // browse and display name
  std::vector<std::string> folders;  // below Objects, outermost first; not used where the address is names
  core::ValueType type = core::ValueType::kFloat64;
};

struct OpcUaSourceOptions {
  std::uint16_t port = 0;  // 0: any that is free
  // kWrites: also a value that is the same as before; kChanges: as most controllers do.
  enum class Report : std::uint8_t { kWrites, kChanges } report = Report::kChanges;
};

class OpcUaSource {
 public:
  static constexpr std::uint32_t kQueueSizeMin = 100'000;
  static constexpr std::uint32_t kQueueSizeMax = 1'000'000;

  // Until its first write a variable says BadWaitingForInitialData.
  static core::Result<std::unique_ptr<OpcUaSource>> start(const OpcUaSourceOptions& options,
                                                          const std::vector<OpcUaVariable>& variables);
  ~OpcUaSource();
  OpcUaSource(const OpcUaSource&) = delete;
  OpcUaSource& operator=(const OpcUaSource&) = delete;

  // `value` points to one value of the variable's type, as a block holds it. Needs not be aligned.
  void write(std::size_t variable, const void* value, core::TimeNs source_time);
  // Serves the network until something was served or `at_most` (whole milliseconds) is over.
  void run(core::DurationNs at_most);

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] std::string endpoint() const;  // "opc.tcp://127.0.0.1:4841"
  [[nodiscard]] std::size_t sessions() const;  // open now
  // Monitored items on the variables now, and how often one was added or removed.
  [[nodiscard]] std::size_t monitored_items() const;
  [[nodiscard]] std::uint64_t monitored_item_changes() const;

 private:
  struct Impl;
  explicit OpcUaSource(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace millwright::simulator
