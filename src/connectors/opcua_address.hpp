// Addresses of OPC UA sensors: a node, and in brackets at the end what to take of it and how it is watched.
//
//   "nsu=urn:plc;s=Pump1.Current"                                  a NodeId; also "ns=2;s=…", "ns=3;i=1001"
//   "Machines/pump-1/motor/current"                                a path of names below Objects
//   "ns=2;s=Temperatures [index=3]"                                an element of an array, from 0; of a matrix:
//   index=1,3 "ns=2;s=Motor [field=Drive.Speed]"                             a field of a structure;
//   "field=Axes[2].Speed" "ns=2;s=Flow [sampling_interval=10ms, queue_size=50, dead_band=0.5]"   or dead_band=2%, of
//   the node's EURange
//
// Threads: pure functions. Errors: kInvalid, with what to write instead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/opcua_client_types.hpp"
#include "connectors/opcua_dead_band.hpp"
#include "core/result.hpp"
#include "core/time.hpp"

namespace millwright::connectors::opcua_detail {

// A step into a value: to a field by name, else to an element.
struct Step {
  std::string field;
  std::vector<std::uint32_t> index;  // one number for each dimension
  bool operator==(const Step&) const = default;
};
using ValuePath = std::vector<Step>;
inline constexpr std::size_t kStepsMax = 16;

// How a node is watched, where its address says so; the connector's options say the rest.
struct Watch {
  std::optional<core::DurationNs> sampling_interval;
  std::optional<std::uint32_t> queue_size;
  std::optional<DeadBand> dead_band;
};

// A sensor's address, before the server's namespace table is known.
struct Address {
  NodeId node;                    // its namespace index counts where `namespace_uri` is empty
  std::string namespace_uri;      // of "nsu=…;"
  std::vector<std::string> path;  // names below Objects; empty: `node` counts
  std::string node_text;          // all of it but the brackets
  ValuePath part;                 // empty: the whole value
  Watch watch;
};
core::Result<Address> parse_address(std::string_view text);

// "Axes[2].Speed", "[3].Speed"
core::Result<ValuePath> parse_value_path(std::string_view text);
// The address of a part of the node `node_text`.
std::string part_address(std::string_view node_text, const ValuePath& part);
// As in an address: "Axes[2].Speed".
std::string to_string(const ValuePath& part);

}  // namespace millwright::connectors::opcua_detail
