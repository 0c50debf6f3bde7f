// Small helpers between the platform's types and open62541's.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

#include <open62541/types.h>
#include <open62541/types_generated.h>
#include <open62541/types_generated_handling.h>

#include "core/block.hpp"
#include "core/time.hpp"

namespace millwright::opcua {

// All of these point into `text` and are not to be cleared; open62541 copies what it keeps.
inline UA_String borrow(std::string_view text) {
  return {text.size(), reinterpret_cast<UA_Byte*>(const_cast<char*>(text.data()))};
}
inline UA_NodeId borrow_id(std::uint16_t ns, std::string_view text) {
  UA_NodeId id;
  UA_NodeId_init(&id);
  id.namespaceIndex = ns;
  id.identifierType = UA_NODEIDTYPE_STRING;
  id.identifier.string = borrow(text);
  return id;
}
inline UA_QualifiedName borrow_name(std::uint16_t ns, std::string_view text) {
  return {ns, borrow(text)};
}
inline UA_LocalizedText borrow_text(std::string_view text) {
  return {UA_STRING_NULL, borrow(text)};
}
inline UA_NodeId ns0(std::uint32_t id) {
  return UA_NODEID_NUMERIC(0, id);
}

// The index in UA_TYPES of what holds a reading or an argument.
inline std::size_t ua_type(core::ValueType type) {
  switch (type) {
    case core::ValueType::kFloat64:
      return UA_TYPES_DOUBLE;
    case core::ValueType::kFloat32:
      return UA_TYPES_FLOAT;
    case core::ValueType::kInt64:
      return UA_TYPES_INT64;
    case core::ValueType::kBool:
      return UA_TYPES_BOOLEAN;
    case core::ValueType::kState:
      return UA_TYPES_INT32;
    case core::ValueType::kText:
      return UA_TYPES_STRING;
  }
  return UA_TYPES_DOUBLE;
}

inline UA_String copy(std::string_view text) {
  const UA_String borrowed = borrow(text);
  UA_String out;
  UA_String_copy(&borrowed, &out);
  return out;
}
inline std::string_view view(const UA_String& text) {
  return text.length == 0 ? std::string_view()
                          : std::string_view(reinterpret_cast<const char*>(text.data), text.length);
}

// Ns since 1970 as 100 ns steps since 1601. What is finer is cut: OPC UA could say it as picoseconds, but clients in
// wide use (asyncua 2.1) then misread the server timestamp that follows.
inline UA_DateTime to_ua_time(core::TimeNs time) {
  return core::floor_to(time, 100) / 100 + UA_DATETIME_UNIX_EPOCH;
}

}  // namespace millwright::opcua
