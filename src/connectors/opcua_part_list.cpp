#include "connectors/opcua_part_list.hpp"

#include <algorithm>

namespace millwright::connectors::opcua_detail {
namespace {

// Tries what the layouts name; the value says what is there.
class Lister {
 public:
  Lister(const UA_Variant& value, const StructureTypes& types) : value_(value), types_(types) {}

  PartList run() {
    const bool is_array = !UA_Variant_isScalar(&value_);
    if (!is_array) {
      list_structure(structure_at(0), {});
    } else if (value_.arrayDimensionsSize < 2) {
      for (std::size_t i = 0; i < value_.arrayLength && !is_full(i); ++i) {
        const ValuePath path{{"", {static_cast<std::uint32_t>(i)}}};
        const Structure* structure = structure_at(i);
        if (structure != nullptr) {
          list_structure(structure, path);
        } else {
          try_part(path);
        }
      }
    }
    return std::move(out_);
  }

 private:
  bool is_full(std::size_t element = 0) {
    const bool full = element >= kElementsListed || out_.parts.size() >= kPartsListed;
    out_.is_cut = out_.is_cut || full;
    return full;
  }

  const Structure* structure_at(std::size_t i) const {
    if (value_.type == nullptr || value_.data == nullptr) return nullptr;
    if (value_.type == &UA_TYPES[UA_TYPES_EXTENSIONOBJECT]) {
      const auto& object = static_cast<const UA_ExtensionObject*>(value_.data)[i];
      if (object.encoding == UA_EXTENSIONOBJECT_ENCODED_BYTESTRING) return types_.find(object.content.encoded.typeId);
      const bool is_decoded =
          object.encoding == UA_EXTENSIONOBJECT_DECODED || object.encoding == UA_EXTENSIONOBJECT_DECODED_NODELETE;
      return is_decoded ? &types_.of(*object.content.decoded.type) : nullptr;
    }
    const std::uint32_t kind = value_.type->typeKind;
    const bool is_structure = kind == UA_DATATYPEKIND_STRUCTURE || kind == UA_DATATYPEKIND_OPTSTRUCT;
    return is_structure ? &types_.of(*value_.type) : nullptr;
  }

  UA_StatusCode try_part(const ValuePath& path) {
    Found found;
    const UA_StatusCode code = find_part(value_, path, types_, found);
    if (code == UA_STATUSCODE_GOOD && UA_Variant_isScalar(&found.value)) out_.parts.push_back(path);
    return code;
  }

  // False: there was nothing.
  bool list_structure(const Structure* structure, const ValuePath& prefix) {
    const std::size_t before = out_.parts.size();
    if (structure == nullptr || prefix.size() + 2 > kStepsMax) return false;
    for (const StructureField& field : structure->fields) {
      if (is_full()) break;
      ValuePath path = prefix;
      path.push_back({.field = field.name, .index = {}});
      if (field.dimensions == 0) {
        list_value(field.type, path);
      } else if (field.dimensions == 1) {
        path.push_back({.field = "", .index = {0}});
        for (std::uint32_t& i = path.back().index[0]; !is_full(i) && list_value(field.type, path); ++i) continue;
      }
    }
    return out_.parts.size() != before;
  }
  bool list_value(const FieldType& type, const ValuePath& path) {
    if (type.structure != nullptr) return list_structure(type.structure, path);
    return try_part(path) != UA_STATUSCODE_BADINDEXRANGENODATA;
  }

  const UA_Variant& value_;
  const StructureTypes& types_;
  PartList out_;
};

}  // namespace

PartList list_parts(const UA_Variant& value, const StructureTypes& types) {
  return Lister(value, types).run();
}

}  // namespace millwright::connectors::opcua_detail
