#include "connectors/opcua_type_learner.hpp"

#include <algorithm>

#include <open62541/nodeids.h>

namespace millwright::connectors::opcua_detail {
namespace {

using core::ErrorCode;
using core::Status;

constexpr std::size_t kTypesMax = 2'000;
constexpr int kSubtypesMax = 32;

NodeId copy_of(const UA_NodeId& id) {
  NodeId out;
  UA_NodeId_copy(&id, &*out);
  return out;
}

// What a service refused is not known, and that is all.
Status unless_refused(const Status& status) {
  return status || status.error().code == ErrorCode::kInvalid ? Status{} : status;
}

// The same of a single node.
void stays_unknown(std::size_t, UA_StatusCode) {}

bool has_subtypes(UA_StructureType form) {
  return form == UA_STRUCTURETYPE_STRUCTUREWITHSUBTYPEDVALUES || form == UA_STRUCTURETYPE_UNIONWITHSUBTYPEDVALUES;
}

// Numbers of whatever type come with it, as Variants.
bool is_abstract_number(const UA_NodeId& id) {
  return id.namespaceIndex == 0 && id.identifierType == UA_NODEIDTYPE_NUMERIC &&
         id.identifier.numeric >= UA_NS0ID_NUMBER && id.identifier.numeric <= UA_NS0ID_UINTEGER;
}

bool is_enumeration(const UA_NodeId& id) {
  return id.namespaceIndex == 0 && id.identifierType == UA_NODEIDTYPE_NUMERIC &&
         id.identifier.numeric == UA_NS0ID_ENUMERATION;
}

}  // namespace

Status TypeLearner::learn(const std::vector<Asked>& asked) {
  std::vector<NodeId> data_types(asked.size());
  if (auto found = find_data_types(asked, data_types); !found) return found;
  std::vector<NodeId> wanted;
  for (const NodeId& type : data_types) {
    if (!UA_NodeId_isNull(&*type)) wanted.push_back(copy_of(*type));
  }
  if (auto learnt = learn_types(std::move(wanted)); !learnt) return learnt;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const Structure* structure = UA_NodeId_isNull(&*data_types[i]) ? nullptr : build(*data_types[i]);
    if (structure != nullptr) {
      types_.name(*asked[i].encoding, *structure);
    } else {
      types_.give_up(*asked[i].encoding);
    }
  }
  return {};
}

// The type that an encoding is of: the variable's own, where that says so; else what the encoding belongs to.
Status TypeLearner::find_data_types(const std::vector<Asked>& asked, std::vector<NodeId>& data_types) {
  std::vector<Services::What> what;
  for (const Asked& each : asked) what.push_back({&*each.variable, UA_ATTRIBUTEID_DATATYPE});
  std::vector<NodeId> declared(asked.size());
  const Status read = services_.read(what, [&](std::size_t i, UA_DataValue& value) {
    if (!UA_Variant_hasScalarType(&value.value, &UA_TYPES[UA_TYPES_NODEID])) return;
    declared[i] = copy_of(*static_cast<const UA_NodeId*>(value.value.data));
  });
  if (auto status = unless_refused(read); !status) return status;
  if (auto status = unless_refused(read_definitions(declared)); !status) return status;
  Ids encodings;
  for (const Asked& each : asked) encodings.push_back(&*each.encoding);
  const Services::Ways ways{.classes = 0, .reference = UA_NS0ID_HASENCODING, .is_inverse = true};
  const Status browsed = services_.browse(
      encodings, ways,
      [&](std::size_t i, const UA_ReferenceDescription& reference) {
        data_types[i] = copy_of(reference.nodeId.nodeId);
      },
      stays_unknown);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const auto own = entries_.find(*declared[i]);
    const bool is_own =
        own != entries_.end() && UA_NodeId_equal(&own->second.definition->defaultEncodingId, &*asked[i].encoding);
    if (is_own) data_types[i] = std::move(declared[i]);
  }
  return unless_refused(browsed);
}

bool TypeLearner::is_known(const UA_NodeId& data_type) const {
  return is_abstract_number(data_type) || is_enumeration(data_type) || UA_findDataType(&data_type) != nullptr ||
         entries_.find(data_type) != entries_.end();
}

// Those types and all that they are made of, a level at a time.
Status TypeLearner::learn_types(std::vector<NodeId> wanted) {
  while (!wanted.empty() && entries_.size() < kTypesMax) {
    std::vector<NodeId> next;
    std::vector<NodeId> fresh;
    for (NodeId& id : wanted) {
      if (!is_known(*id)) fresh.push_back(copy_of(*id));
    }
    if (auto read = unless_refused(read_definitions(fresh)); !read) return read;
    if (auto read = unless_refused(read_bases(fresh)); !read) return read;
    for (const NodeId& id : wanted) {
      const auto at = entries_.find(*id);
      if (at == entries_.end()) continue;
      const Entry& entry = at->second;
      for (std::size_t i = 0; i < entry.definition->fieldsSize; ++i) {
        const UA_NodeId& type = entry.definition->fields[i].dataType;
        if (!is_known(type)) next.push_back(copy_of(type));
      }
      if (!UA_NodeId_isNull(&*entry.base) && !is_known(*entry.base)) next.push_back(copy_of(*entry.base));
    }
    std::sort(next.begin(), next.end(), NodeIdLess());
    const auto same = [](const NodeId& a, const NodeId& b) { return UA_NodeId_equal(&*a, &*b); };
    next.erase(std::unique(next.begin(), next.end(), same), next.end());
    wanted = std::move(next);
  }
  return {};
}

Status TypeLearner::read_definitions(const std::vector<NodeId>& wanted) {
  std::vector<Services::What> what;
  for (const NodeId& id : wanted) {
    if (!UA_NodeId_isNull(&*id)) what.push_back({&*id, UA_ATTRIBUTEID_DATATYPEDEFINITION});
  }
  return services_.read(what, [&](std::size_t i, UA_DataValue& value) {
    const UA_Variant& v = value.value;
    if (UA_Variant_hasScalarType(&v, &UA_TYPES[UA_TYPES_STRUCTUREDEFINITION])) {
      Entry& entry = entries_[copy_of(*what[i].node)];
      entry.definition = {};
      UA_StructureDefinition_copy(static_cast<const UA_StructureDefinition*>(v.data), &*entry.definition);
    } else if (UA_Variant_hasScalarType(&v, &UA_TYPES[UA_TYPES_ENUMDEFINITION])) {
      entries_[copy_of(*what[i].node)].is_enumeration = true;
    }
  });
}

// Of those without a definition: another name of a built-in type, or an enumeration that is not described.
Status TypeLearner::read_bases(const std::vector<NodeId>& wanted) {
  Ids plain;
  for (const NodeId& id : wanted) {
    if (entries_.find(*id) == entries_.end()) plain.push_back(&*id);
  }
  const Services::Ways ways{.classes = 0, .reference = UA_NS0ID_HASSUBTYPE, .is_inverse = true};
  return services_.browse(
      plain, ways,
      [&](std::size_t i, const UA_ReferenceDescription& reference) {
        entries_[copy_of(*plain[i])].base = copy_of(reference.nodeId.nodeId);
      },
      stays_unknown);
}

// nullptr: it is no structure that the server describes.
Structure* TypeLearner::build(const UA_NodeId& data_type) {
  const auto at = entries_.find(data_type);
  if (at == entries_.end()) return nullptr;
  Entry& entry = at->second;
  const UA_StructureDefinition& definition = *entry.definition;
  if (entry.is_enumeration || !UA_NodeId_isNull(&*entry.base)) return nullptr;
  if (entry.is_built) return entry.structure;
  // Before its fields: one of them may hold it again.
  entry.is_built = true;
  entry.structure = &types_.add();
  Structure& structure = *entry.structure;
  if (definition.structureType == UA_STRUCTURETYPE_STRUCTUREWITHOPTIONALFIELDS) {
    structure.form = Structure::Form::kOptional;
  } else if (definition.structureType == UA_STRUCTURETYPE_UNION ||
             definition.structureType == UA_STRUCTURETYPE_UNIONWITHSUBTYPEDVALUES) {
    structure.form = Structure::Form::kUnion;
  }
  for (std::size_t i = 0; i < definition.fieldsSize && structure.is_known; ++i) {
    structure.is_known = add_field(definition.fields[i], has_subtypes(definition.structureType), structure);
  }
  if (!UA_NodeId_isNull(&definition.defaultEncodingId)) types_.name(definition.defaultEncodingId, structure);
  return entry.structure;
}

bool TypeLearner::add_field(const UA_StructureField& field, bool may_be_subtype, Structure& structure) {
  StructureField made;
  made.name = view(field.name);
  made.is_optional = field.isOptional;
  made.dimensions = field.valueRank > 0 ? field.valueRank : 0;
  if (!type_of(field.dataType, made.type)) return false;
  // "Optional" then says that a subtype may stand there, which comes with its own type.
  if (may_be_subtype && field.isOptional && made.type.structure != nullptr) {
    made.type = {.kind = UA_DATATYPEKIND_EXTENSIONOBJECT, .structure = nullptr};
  } else if (may_be_subtype && field.isOptional) {
    made.type = {.kind = UA_DATATYPEKIND_VARIANT, .structure = nullptr};
  }
  structure.fields.push_back(std::move(made));
  return true;
}

bool TypeLearner::type_of(const UA_NodeId& data_type, FieldType& type) {
  const UA_NodeId* id = &data_type;
  for (int level = 0; level < kSubtypesMax; ++level) {
    if (is_enumeration(*id)) {
      type.kind = UA_DATATYPEKIND_ENUM;
      return true;
    }
    if (is_abstract_number(*id)) return true;  // a Variant
    if (const UA_DataType* known = UA_findDataType(id); known != nullptr) {
      type.kind = known->typeKind;
      const bool is_structure = type.kind == UA_DATATYPEKIND_STRUCTURE || type.kind == UA_DATATYPEKIND_OPTSTRUCT ||
                                type.kind == UA_DATATYPEKIND_UNION;
      if (is_structure) type.structure = &types_.of(*known);
      return true;
    }
    const auto at = entries_.find(*id);
    if (at == entries_.end()) return false;
    if (at->second.is_enumeration) {
      type.kind = UA_DATATYPEKIND_ENUM;
      return true;
    }
    if (UA_NodeId_isNull(&*at->second.base)) {
      type.kind = UA_DATATYPEKIND_STRUCTURE;
      type.structure = build(*id);
      return type.structure != nullptr;
    }
    id = &*at->second.base;
  }
  return false;
}

}  // namespace millwright::connectors::opcua_detail
