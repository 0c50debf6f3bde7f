// Parts of OPC UA values: elements of arrays, fields of structures. Structures come as bytes (OPC 10000-6, 5.2) and are
// read by the layout that the server's DataTypeDefinition describes (OPC 10000-3, 8.47 to 8.51); those of OPC UA's own
// namespace by the layout that the library knows.
//
// Threads: one; const from any. Errors: status codes, as qualities of readings:
//   BadIndexRangeNoData          there is no such element, or it is no array
//   BadNotFound                  there is no such field
//   BadNoData                    an optional field, or a choice of a union, that is not there now
//   BadTypeMismatch              the path goes on into a plain value, or ends before one
//   BadDataEncodingUnsupported   a structure whose layout is not known; `Found::unknown` is its encoding
//   BadDecodingError             bytes that do not fit the layout
// Limits: nothing is believed before it is there: lengths are compared with the bytes that are left; 64 levels.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "connectors/opcua_address.hpp"
#include "connectors/opcua_client_types.hpp"

namespace millwright::connectors::opcua_detail {

struct Structure;

// What a field holds: a built-in kind (UA_DATATYPEKIND_…, an enumeration is an Int32), or a structure.
struct FieldType {
  std::uint32_t kind = UA_DATATYPEKIND_VARIANT;
  const Structure* structure = nullptr;
};

struct StructureField {
  std::string name;
  FieldType type;
  int dimensions = 0;  // 0: one value
  bool is_optional = false;
};

struct Structure {
  enum class Form { kPlain, kOptional, kUnion };
  Form form = Form::kPlain;
  std::vector<StructureField> fields;
  bool is_known = true;  // false: a field's type is not, so nothing behind it can be read
};

struct NodeIdLess {
  using is_transparent = void;
  static const UA_NodeId& id(const NodeId& node) { return *node; }
  static const UA_NodeId& id(const UA_NodeId& node) { return node; }
  template <typename A, typename B>
  bool operator()(const A& a, const B& b) const {
    return UA_NodeId_order(&id(a), &id(b)) == UA_ORDER_LESS;
  }
};

// The structures of a server, by the NodeId of their binary encoding.
class StructureTypes {
 public:
  // nullptr: not known (yet).
  [[nodiscard]] const Structure* find(const UA_NodeId& encoding) const;
  // That of a type that the library knows.
  const Structure& of(const UA_DataType& type) const;
  // Stays where it is.
  Structure& add() { return structures_.emplace_back(); }
  void name(const UA_NodeId& encoding, const Structure& structure);
  // Asked for in vain; it is not asked for again.
  void give_up(const UA_NodeId& encoding) { name(encoding, unknown_); }
  void clear();

 private:
  Structure unknown_{.form = Structure::Form::kPlain, .fields = {}, .is_known = false};
  std::map<NodeId, const Structure*, NodeIdLess> by_encoding_;
  mutable std::deque<Structure> structures_;
  mutable std::map<const UA_DataType*, const Structure*> of_library_;
};

// A value that was found, with what it points into.
struct Found {
  UA_Variant value{};  // a scalar, or the whole value; borrowed, not to be cleared
  NodeId unknown;
  alignas(8) std::array<std::byte, 16> scalar{};
  std::list<Ua<UA_Variant, UA_TYPES_VARIANT>> variants;
  std::list<Ua<UA_ByteString, UA_TYPES_BYTESTRING>> bytes;
};

UA_StatusCode find_part(const UA_Variant& value, std::span<const Step> path, const StructureTypes& types, Found& found);

// Whether a structure's bytes are asked for by that encoding, and are not described yet.
inline bool is_undescribed(UA_StatusCode code, const Found& found, const StructureTypes& types) {
  return code == UA_STATUSCODE_BADDATAENCODINGUNSUPPORTED && !UA_NodeId_isNull(&*found.unknown) &&
         types.find(*found.unknown) == nullptr;
}

}  // namespace millwright::connectors::opcua_detail
