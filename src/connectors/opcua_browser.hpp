// Looks at a server's address space: objects and variables below a node, with what a sensor needs to know of them.
//
// Threads: the caller's. Limits: so many levels and nodes; what is below is then said to be cut.
// Errors: those of connecting; kNotFound where the path does not exist.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "asset/units.hpp"
#include "connectors/opcua_client.hpp"
#include "core/block.hpp"
#include "core/result.hpp"
#include "io/clock.hpp"
#include "security/certificate_store.hpp"

namespace millwright::connectors {

struct OpcUaNode {
  std::string id;    // "nsu=urn:plc;s=Pump1.Current": as a sensor's address
  std::string name;  // the browse name, without its namespace
  std::string description;
  bool is_variable = false;
  bool is_folder = false;    // holds others, and is nothing itself
  bool is_standard = false;  // of OPC UA's own namespace
  bool is_again = false;     // is shown elsewhere, with what is below it
  bool is_cut = false;       // there is more below
  std::string unseen;        // why the server does not show what is below, or not all of it; "": it does

  // Of a variable.
  std::string data_type;                // "Double", "Int32[4]", …
  std::optional<core::ValueType> type;  // of a sensor that takes all its values
  std::string value;                    // as text
  std::string status;                   // "Good", …
  std::string unit;                     // as the server calls it
  const asset::Unit* known_unit = nullptr;
  std::optional<std::pair<double, double>> range;
  std::map<std::int64_t, std::string> states;
  bool historizing = false;

  // Of an array or a structure: its elements and fields that could be sensors, each with its address as `id`.
  std::vector<std::unique_ptr<OpcUaNode>> parts;
  bool has_more_parts = false;

  std::vector<std::unique_ptr<OpcUaNode>> children;
};

struct OpcUaBrowseOptions {
  std::string path;  // a NodeId or names below Objects; "": Objects
  std::size_t depth = 16;
  std::size_t nodes = 200'000;
  bool with_standard = false;  // also the Server object and what else OPC UA itself puts below Objects
};

core::Result<std::unique_ptr<OpcUaNode>> browse_opcua(const OpcUaClientOptions& client,
                                                      security::CertificateStore* certificates, const io::Clock& clock,
                                                      const OpcUaBrowseOptions& options);

}  // namespace millwright::connectors
