// What a machine can be told to do: commands of the asset model, each with its arguments and the place at a connector
// that carries it out.
//
// Threads: plain data.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "asset/units.hpp"
#include "core/block.hpp"

namespace millwright::asset {

struct Range {
  double low = 0;
  double high = 0;
};

// Where a sensor's readings come from, or a command goes: a connector by name, and the address as that connector reads
// it (OPC UA: "nsu=urn:…;s=…" or "ns=2;s=…"; burst stream: a channel name; CSV replay: a column).
struct SourceAddress {
  std::string connector;
  std::string address;
};

// Who may give it, least first.
enum class CommandRight : std::uint8_t { kOperate, kMaintain, kEngineer };
inline constexpr std::array<std::string_view, 3> kCommandRights{"operate", "maintain", "engineer"};

enum class CommandKind : std::uint8_t {
  kWrite,  // one value to one address
  kCall,   // a method of the source, with all arguments
};

struct CommandArgument {
  std::string name;
  std::string description;
  core::ValueType type = core::ValueType::kFloat64;  // not kState
  const Unit* unit = nullptr;
  std::optional<Range> range;  // what is outside is refused
};

inline constexpr std::size_t kCommandArgumentsMax = 16;

struct Command {
  std::string name;  // "set-speed"; unique on its machine
  std::string description;
  CommandRight right = CommandRight::kOperate;
  CommandKind kind = CommandKind::kWrite;
  std::vector<CommandArgument> arguments;
  SourceAddress target;         // the variable or register, or the method
  std::string object;           // of kCall: the object that has the method
  std::optional<double> value;  // of kWrite without an argument: what is written
};

}  // namespace millwright::asset
