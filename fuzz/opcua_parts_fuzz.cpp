// Addresses of OPC UA sensors, and structures by a layout: what a server sends as a structure is found or refused,
// never read past its end. The first byte chooses: an address, or the bytes of a structure.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "connectors/opcua_part_list.hpp"
#include "core/assert.hpp"

namespace {

using namespace millwright::connectors::opcua_detail;

void try_address(std::string_view text) {
  const auto address = parse_address(text);
  if (!address || address->part.empty()) return;
  const auto again = parse_address(part_address("i=1", address->part));
  ASSERT(again && again->part == address->part, "an address is not what was read");
}

// A layout with every kind of field, and itself within itself.
void try_structure(std::string_view bytes) {
  StructureTypes types;
  Structure& structure = types.add();
  const auto form = bytes.empty() ? 0 : bytes[0] & 3;
  structure.form = form == 1   ? Structure::Form::kOptional
                   : form == 2 ? Structure::Form::kUnion
                               : Structure::Form::kPlain;
  for (std::uint32_t kind = 0; kind <= UA_DATATYPEKIND_DIAGNOSTICINFO; ++kind) {
    structure.fields.push_back({.name = "f" + std::to_string(kind),
                                .type = {kind, nullptr},
                                .dimensions = static_cast<int>(kind % 3),
                                .is_optional = kind % 2 == 0});
  }
  structure.fields.push_back({"self", {UA_DATATYPEKIND_STRUCTURE, &structure}, 1, true});
  structure.fields.push_back({"last", {UA_DATATYPEKIND_DOUBLE, nullptr}, 0, false});
  const UA_NodeId encoding{1, UA_NODEIDTYPE_NUMERIC, {7}};
  types.name(encoding, structure);
  UA_ExtensionObject object;
  UA_ExtensionObject_init(&object);
  object.encoding = UA_EXTENSIONOBJECT_ENCODED_BYTESTRING;
  object.content.encoded.typeId = encoding;
  object.content.encoded.body = borrow(bytes.empty() ? bytes : bytes.substr(1));
  UA_Variant value;
  UA_Variant_init(&value);
  UA_Variant_setScalar(&value, &object, &UA_TYPES[UA_TYPES_EXTENSIONOBJECT]);
  list_parts(value, types);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (size == 0) return 0;
  bytes[0] % 2 == 0 ? try_address(bytes.substr(1)) : try_structure(bytes.substr(1));
  return 0;
}
