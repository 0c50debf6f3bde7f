#include "connectors/opcua_browser.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <deque>
#include <limits>
#include <set>

#include <fmt/format.h>
#include <open62541/nodeids.h>

#include "connectors/opcua_address.hpp"
#include "connectors/opcua_client_link.hpp"
#include "connectors/opcua_client_services.hpp"
#include "connectors/opcua_client_values.hpp"
#include "connectors/opcua_part_list.hpp"
#include "connectors/opcua_type_learner.hpp"
#include "core/text.hpp"

namespace millwright::connectors {
namespace {

using namespace opcua_detail;
using core::ErrorCode;
using core::Status;
using core::ValueType;

constexpr std::size_t kPerCall = 500;
constexpr std::size_t kMessageBytes = 16 << 20;
constexpr std::size_t kTextMax = 80;  // bytes of a value that are shown

std::string escaped(std::string_view uri) {
  std::string out;
  for (const char c : uri) out += c == ';' ? "%3B" : c == '%' ? "%25" : std::string(1, c);
  return out;
}

std::string id_text(const UA_NodeId& id, const std::vector<std::string>& namespaces) {
  UA_NodeId plain = id;  // borrows the identifier
  plain.namespaceIndex = 0;
  UA_String printed = UA_STRING_NULL;
  if (UA_NodeId_print(&plain, &printed) != UA_STATUSCODE_GOOD) return {};
  std::string text(view(printed));
  UA_String_clear(&printed);
  if (id.namespaceIndex == 0) return text;
  if (id.namespaceIndex >= namespaces.size()) return fmt::format("ns={};{}", id.namespaceIndex, text);
  return fmt::format("nsu={};{}", escaped(namespaces[id.namespaceIndex]), text);
}

std::string shortened(std::string text) {
  if (text.size() <= kTextMax) return text;
  std::size_t end = kTextMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

std::optional<ValueType> sensor_type(std::uint32_t kind, bool has_states) {
  switch (kind) {
    case UA_DATATYPEKIND_BOOLEAN:
      return ValueType::kBool;
    case UA_DATATYPEKIND_SBYTE:
    case UA_DATATYPEKIND_BYTE:
    case UA_DATATYPEKIND_INT16:
    case UA_DATATYPEKIND_UINT16:
    case UA_DATATYPEKIND_INT32:
    case UA_DATATYPEKIND_ENUM:
      return has_states ? ValueType::kState : ValueType::kInt64;
    case UA_DATATYPEKIND_UINT32:
    case UA_DATATYPEKIND_INT64:
    case UA_DATATYPEKIND_UINT64:
    case UA_DATATYPEKIND_DATETIME:
    case UA_DATATYPEKIND_STATUSCODE:
      return ValueType::kInt64;
    case UA_DATATYPEKIND_FLOAT:
      return ValueType::kFloat32;
    case UA_DATATYPEKIND_DOUBLE:
      return ValueType::kFloat64;
    case UA_DATATYPEKIND_STRING:
    case UA_DATATYPEKIND_LOCALIZEDTEXT:
    case UA_DATATYPEKIND_GUID:
    case UA_DATATYPEKIND_NODEID:
    case UA_DATATYPEKIND_EXPANDEDNODEID:
    case UA_DATATYPEKIND_QUALIFIEDNAME:
    case UA_DATATYPEKIND_XMLELEMENT:
      return ValueType::kText;
    default:
      return std::nullopt;
  }
}

std::string text_of(const UA_Variant& value) {
  if (UA_Variant_isEmpty(&value)) return {};
  if (!UA_Variant_isScalar(&value)) return fmt::format("[{} values]", value.arrayLength);
  switch (value.type->typeKind) {
    case UA_DATATYPEKIND_STRING:
      return shortened(std::string(view(*static_cast<const UA_String*>(value.data))));
    case UA_DATATYPEKIND_LOCALIZEDTEXT:
      return shortened(std::string(view(static_cast<const UA_LocalizedText*>(value.data)->text)));
    case UA_DATATYPEKIND_DOUBLE:
      return core::format_double(*static_cast<const UA_Double*>(value.data));
    case UA_DATATYPEKIND_FLOAT:
      return fmt::format("{}", *static_cast<const UA_Float*>(value.data));
    case UA_DATATYPEKIND_DATETIME:
      return core::format_time(to_ns(*static_cast<const UA_DateTime*>(value.data)));
    default:
      break;
  }
  const bool is_shown = value.type->typeKind <= UA_DATATYPEKIND_UINT64 ||
                        value.type->typeKind == UA_DATATYPEKIND_ENUM || sensor_type(value.type->typeKind, false);
  if (!is_shown) return "…";
  UA_String printed = UA_STRING_NULL;
  if (UA_print(value.data, value.type, &printed) != UA_STATUSCODE_GOOD) return {};
  std::string text = shortened(std::string(view(printed)));
  UA_String_clear(&printed);
  return text;
}

class Browser {
 public:
  Browser(Link& link, const OpcUaBrowseOptions& options) : services_(link, kPerCall), options_(options) {}

  core::Result<std::unique_ptr<OpcUaNode>> run() {
    if (auto learnt = services_.learn_sizes(); !learnt) return core::unexpected(learnt.error());
    auto namespaces = services_.namespaces();
    if (!namespaces) return core::unexpected(namespaces.error());
    namespaces_ = std::move(*namespaces);
    auto root = std::make_unique<OpcUaNode>();
    if (auto found = find_root(*root); !found) return core::unexpected(found.error());
    for (std::size_t depth = 0; !level_.empty(); ++depth) {
      if (auto browsed = browse_level(depth == options_.depth); !browsed) return core::unexpected(browsed.error());
    }
    if (auto done = read_variables(); !done) return core::unexpected(done.error());
    if (auto done = list_parts(); !done) return core::unexpected(done.error());
    return root;
  }

 private:
  struct Open {
    NodeId id;
    OpcUaNode* node;
  };
  struct Property {
    NodeId id;
    OpcUaNode* node;
    std::string name;
  };

  Status find_root(OpcUaNode& root);
  core::Result<NodeId> child_of(const NodeId& parent, const std::string& name, OpcUaNode& out);
  Status browse_level(bool is_last);
  void take(Open& parent, const UA_ReferenceDescription& reference, std::vector<Open>& next, bool is_last);
  void fill(OpcUaNode& node, const UA_ReferenceDescription& reference) const;
  Status read_variables();
  void take_value(OpcUaNode& node, UA_DataValue& value) const;
  Status list_parts();
  void add_part(OpcUaNode& node, const UA_Variant& value, const ValuePath& path) const;
  static void take_property(const Property& property, const UA_Variant& value);

  Services services_;
  const OpcUaBrowseOptions& options_;
  std::vector<std::string> namespaces_;
  std::vector<Open> level_;
  std::vector<Open> variables_;
  std::vector<Property> properties_;
  struct Whole {  // a value that has parts
    std::size_t variable;
    Ua<UA_Variant, UA_TYPES_VARIANT> value;
  };
  std::vector<Whole> wholes_;
  StructureTypes types_;
  std::set<std::string> seen_;
  std::size_t count_ = 0;
};

void Browser::fill(OpcUaNode& node, const UA_ReferenceDescription& reference) const {
  node.id = id_text(reference.nodeId.nodeId, namespaces_);
  node.name = view(reference.browseName.name);
  node.is_variable = reference.nodeClass == UA_NODECLASS_VARIABLE;
  const UA_NodeId& type = reference.typeDefinition.nodeId;
  node.is_folder = type.namespaceIndex == 0 && type.identifierType == UA_NODEIDTYPE_NUMERIC &&
                   type.identifier.numeric == UA_NS0ID_FOLDERTYPE;
  node.is_standard = reference.nodeId.nodeId.namespaceIndex == 0;
}

core::Result<NodeId> Browser::child_of(const NodeId& parent, const std::string& name, OpcUaNode& out) {
  NodeId found;
  bool is_found = false;
  const UA_NodeId* from = &*parent;
  UA_StatusCode why = UA_STATUSCODE_GOOD;
  const Status browsed = services_.browse(
      std::span(&from, 1), {.classes = UA_NODECLASS_OBJECT | UA_NODECLASS_VARIABLE},
      [&](std::size_t, const UA_ReferenceDescription& reference) {
        const bool is_it = view(reference.browseName.name) == name || view(reference.displayName.text) == name;
        if (is_found || !is_it) return;
        is_found = true;
        UA_NodeId_copy(&reference.nodeId.nodeId, &*found);
        fill(out, reference);
      },
      [&](std::size_t, UA_StatusCode code) { why = code; });
  if (!browsed) return core::unexpected(browsed.error());
  if (!is_found && why != UA_STATUSCODE_GOOD) {
    return core::unexpected(ErrorCode::kUnavailable,
                            fmt::format("the server does not show what is in '{}', on the way of '{}': {}", out.name,
                                        options_.path, UA_StatusCode_name(why)));
  }
  if (!is_found) {
    return core::unexpected(ErrorCode::kNotFound,
                            fmt::format("there is no '{}' in '{}' on the way of '{}'", name, out.name, options_.path));
  }
  return found;
}

Status Browser::find_root(OpcUaNode& root) {
  NodeId id;
  *id = UA_NODEID_NUMERIC(0, UA_NS0ID_OBJECTSFOLDER);
  root.name = "Objects";
  root.is_folder = true;
  root.is_standard = true;
  if (!options_.path.empty() && options_.path != "Objects") {
    auto address = parse_address(options_.path);
    if (!address) return core::unexpected(address.error());
    if (address->path.empty()) {
      UA_NodeId_copy(&*address->node, &*id);
      root.name = options_.path;
      if (!address->namespace_uri.empty()) {
        const auto at = std::find(namespaces_.begin(), namespaces_.end(), address->namespace_uri);
        if (at == namespaces_.end()) {
          return core::unexpected(ErrorCode::kNotFound,
                                  fmt::format("the server has no namespace '{}'", address->namespace_uri));
        }
        id->namespaceIndex = static_cast<UA_UInt16>(at - namespaces_.begin());
      }
    }
    for (const std::string& name : address->path) {
      auto next = child_of(id, name, root);
      if (!next) return core::unexpected(next.error());
      id = std::move(*next);
    }
  }
  root.id = id_text(*id, namespaces_);
  seen_.insert(root.id);
  level_.push_back({std::move(id), &root});
  return {};
}

void Browser::take(Open& parent, const UA_ReferenceDescription& reference, std::vector<Open>& next, bool is_last) {
  const UA_NodeId& by = reference.referenceTypeId;
  const bool is_property = by.namespaceIndex == 0 && by.identifier.numeric == UA_NS0ID_HASPROPERTY;
  const bool is_known = reference.nodeClass == UA_NODECLASS_OBJECT || reference.nodeClass == UA_NODECLASS_VARIABLE;
  if (!is_known) return;
  if (is_property && parent.node->is_variable) {
    Property& property = properties_.emplace_back();
    UA_NodeId_copy(&reference.nodeId.nodeId, &*property.id);
    property.node = parent.node;
    property.name = view(reference.browseName.name);
    return;
  }
  // What OPC UA itself has there is about the server, not about the plant. How history is kept is no part of it either.
  const bool is_standard = reference.nodeId.nodeId.namespaceIndex == 0;
  if ((is_standard && !options_.with_standard) || view(reference.browseName.name) == "HA Configuration") return;
  if (is_last || count_ >= options_.nodes) {
    parent.node->is_cut = true;
    return;
  }
  ++count_;
  OpcUaNode& node = *parent.node->children.emplace_back(std::make_unique<OpcUaNode>());
  fill(node, reference);
  node.is_again = !seen_.insert(node.id).second;
  if (node.is_again) return;
  Open open{{}, &node};
  UA_NodeId_copy(&reference.nodeId.nodeId, &*open.id);
  next.push_back(std::move(open));
}

Status Browser::browse_level(bool is_last) {
  std::vector<Open> level = std::move(level_);
  level_.clear();
  std::vector<const UA_NodeId*> nodes;
  for (const Open& open : level) nodes.push_back(&*open.id);
  std::vector<Open> next;
  const Status browsed = services_.browse(
      nodes, {.classes = UA_NODECLASS_OBJECT | UA_NODECLASS_VARIABLE},
      [&](std::size_t i, const UA_ReferenceDescription& reference) { take(level[i], reference, next, is_last); },
      [&](std::size_t i, UA_StatusCode why) { level[i].node->unseen = UA_StatusCode_name(why); });
  for (Open& open : level) {
    if (open.node->is_variable) variables_.push_back(std::move(open));
  }
  level_ = std::move(next);
  return browsed;
}

void Browser::take_value(OpcUaNode& node, UA_DataValue& value) const {
  node.status = UA_StatusCode_name(value.hasStatus ? value.status : UA_STATUSCODE_GOOD);
  if (!value.hasValue || UA_Variant_isEmpty(&value.value)) return;
  const UA_Variant& v = value.value;
  node.value = text_of(v);
  node.data_type = v.type->typeName;
  if (!UA_Variant_isScalar(&v)) {
    node.data_type += fmt::format("[{}]", v.arrayLength);
  } else {
    node.type = sensor_type(v.type->typeKind, !node.states.empty());
  }
}

void Browser::take_property(const Property& property, const UA_Variant& value) {
  OpcUaNode& node = *property.node;
  if (property.name == "EURange" && UA_Variant_hasScalarType(&value, &UA_TYPES[UA_TYPES_RANGE])) {
    const auto& range = *static_cast<const UA_Range*>(value.data);
    node.range = {range.low, range.high};
  } else if (property.name == "EngineeringUnits" &&
             UA_Variant_hasScalarType(&value, &UA_TYPES[UA_TYPES_EUINFORMATION])) {
    const auto& unit = *static_cast<const UA_EUInformation*>(value.data);
    node.unit = view(unit.displayName.text);
    const auto known = std::find_if(asset::units().begin(), asset::units().end(),
                                    [&](const asset::Unit& each) { return each.unece_id() == unit.unitId; });
    node.known_unit = known != asset::units().end() ? &*known : asset::find_unit(node.unit);
  } else if (property.name == "EnumValues" && UA_Variant_hasArrayType(&value, &UA_TYPES[UA_TYPES_ENUMVALUETYPE])) {
    for (std::size_t i = 0; i < value.arrayLength; ++i) {
      const auto& each = static_cast<const UA_EnumValueType*>(value.data)[i];
      node.states[each.value] = view(each.displayName.text);
    }
  } else if (property.name == "EnumStrings" && UA_Variant_hasArrayType(&value, &UA_TYPES[UA_TYPES_LOCALIZEDTEXT])) {
    for (std::size_t i = 0; i < value.arrayLength; ++i) {
      node.states[static_cast<std::int64_t>(i)] = view(static_cast<const UA_LocalizedText*>(value.data)[i].text);
    }
  }
}

void Browser::add_part(OpcUaNode& node, const UA_Variant& value, const ValuePath& path) const {
  Found found;
  if (find_part(value, path, types_, found) != UA_STATUSCODE_GOOD) return;
  const auto type = sensor_type(found.value.type->typeKind, false);
  const auto address = parse_address(part_address(node.id, path));
  // A field's name may be one that no address can say.
  if (!type || !address || address->part != path) return;
  OpcUaNode& part = *node.parts.emplace_back(std::make_unique<OpcUaNode>());
  part.id = part_address(node.id, path);
  part.name = to_string(path);
  part.description = node.description;
  part.is_variable = true;
  part.type = type;
  part.data_type = found.value.type->typeName;
  part.value = text_of(found.value);
  part.status = node.status;
  part.unit = node.unit;
  part.known_unit = node.known_unit;
  part.range = node.range;
}

// What structures look like is asked for all together.
Status Browser::list_parts() {
  std::vector<TypeLearner::Asked> asked;
  for (const Whole& whole : wholes_) {
    const UA_Variant& value = *whole.value;
    if (value.type != &UA_TYPES[UA_TYPES_EXTENSIONOBJECT]) continue;
    const std::size_t count = UA_Variant_isScalar(&value) ? 1 : std::min(value.arrayLength, kElementsListed);
    for (std::size_t i = 0; i < count; ++i) {
      const auto& object = static_cast<const UA_ExtensionObject*>(value.data)[i];
      if (object.encoding != UA_EXTENSIONOBJECT_ENCODED_BYTESTRING) continue;
      if (types_.find(object.content.encoded.typeId) != nullptr) continue;
      TypeLearner::Asked& each = asked.emplace_back();
      UA_NodeId_copy(&object.content.encoded.typeId, &*each.encoding);
      UA_NodeId_copy(&*variables_[whole.variable].id, &*each.variable);
    }
  }
  if (auto learnt = TypeLearner(services_, types_).learn(asked); !learnt) return learnt;
  for (const Whole& whole : wholes_) {
    OpcUaNode& node = *variables_[whole.variable].node;
    const PartList list = opcua_detail::list_parts(*whole.value, types_);
    for (const ValuePath& path : list.parts) add_part(node, *whole.value, path);
    node.has_more_parts = list.is_cut;
  }
  return {};
}

Status Browser::read_variables() {
  std::erase_if(properties_, [](const Property& each) {
    return each.name != "EURange" && each.name != "EngineeringUnits" && each.name != "EnumValues" &&
           each.name != "EnumStrings";
  });
  std::vector<Services::What> what;
  for (const Property& property : properties_) what.push_back({&*property.id, UA_ATTRIBUTEID_VALUE});
  const Status described = services_.read(what, [&](std::size_t i, UA_DataValue& value) {
    if (value.hasValue) take_property(properties_[i], value.value);
  });
  if (!described) return described;
  what.clear();
  for (const Open& open : variables_) {
    what.push_back({&*open.id, UA_ATTRIBUTEID_VALUE});
    what.push_back({&*open.id, UA_ATTRIBUTEID_DATATYPE});
    what.push_back({&*open.id, UA_ATTRIBUTEID_DESCRIPTION});
    what.push_back({&*open.id, UA_ATTRIBUTEID_HISTORIZING});
  }
  return services_.read(what, [&](std::size_t i, UA_DataValue& value) {
    OpcUaNode& node = *variables_[i / 4].node;
    const UA_Variant& v = value.value;
    if (i % 4 == 0) {
      take_value(node, value);
      if (!node.type && !UA_Variant_isEmpty(&v)) {
        Whole& whole = wholes_.emplace_back();
        whole.variable = i / 4;
        std::swap(*whole.value, value.value);
      }
    } else if (i % 4 == 1 && !node.type && node.data_type.empty() && value.hasValue &&
               UA_Variant_hasScalarType(&v, &UA_TYPES[UA_TYPES_NODEID])) {
      // There is no value now to tell its type by.
      const auto& type = *static_cast<const UA_NodeId*>(v.data);
      const UA_DataType* known = UA_findDataType(&type);
      node.data_type = known != nullptr ? known->typeName : id_text(type, namespaces_);
      if (known != nullptr) node.type = sensor_type(known->typeKind, !node.states.empty());
    } else if (i % 4 == 2 && UA_Variant_hasScalarType(&v, &UA_TYPES[UA_TYPES_LOCALIZEDTEXT])) {
      node.description = view(static_cast<const UA_LocalizedText*>(v.data)->text);
    } else if (i % 4 == 3 && UA_Variant_hasScalarType(&v, &UA_TYPES[UA_TYPES_BOOLEAN])) {
      node.historizing = *static_cast<const UA_Boolean*>(v.data);
    }
  });
}

}  // namespace

core::Result<std::unique_ptr<OpcUaNode>> browse_opcua(const OpcUaClientOptions& client,
                                                      security::CertificateStore* certificates, const io::Clock& clock,
                                                      const OpcUaBrowseOptions& options) {
  NoSink sink;
  const std::atomic<bool> stop{false};
  OpcUaClientOptions patient = client;
  patient.message_bytes_max = std::max(patient.message_bytes_max, kMessageBytes);  // values may be large arrays
  auto link = Link::open(patient, patient.endpoint, certificates, "browser", clock, stop, sink);
  if (!link) return core::unexpected(link.error().within("connecting to " + client.endpoint));
  return Browser(**link, options).run();
}

}  // namespace millwright::connectors
