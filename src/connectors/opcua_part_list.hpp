// The parts of a value that could be sensors: elements of arrays, fields of structures, and so on down to plain values.
//
// Threads: pure function. Limits: so many parts, and so many elements of one array.
#pragma once

#include <cstddef>
#include <vector>

#include "connectors/opcua_structure.hpp"

namespace millwright::connectors::opcua_detail {

inline constexpr std::size_t kElementsListed = 64;
inline constexpr std::size_t kPartsListed = 512;

struct PartList {
  std::vector<ValuePath> parts;  // each of which find_part() finds, as a scalar
  bool is_cut = false;           // there are more
};
PartList list_parts(const UA_Variant& value, const StructureTypes& types);

}  // namespace millwright::connectors::opcua_detail
