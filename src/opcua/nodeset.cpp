#include "opcua/nodeset.hpp"

#include <charconv>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <pugixml.hpp>

#include "core/text.hpp"
#include "core/time.hpp"

namespace millwright::opcua {
namespace {

using core::ErrorCode;
using core::unexpected;

constexpr std::size_t kListMax = 10'000;

template <typename T>
std::optional<T> number(std::string_view text) {
  text = core::trim(text);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "uax:Text" and "Text" are the same: files choose their own prefixes.
std::string_view local_name(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  const std::size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

pugi::xml_node child(const pugi::xml_node& node, std::string_view name) {
  for (const pugi::xml_node& each : node.children()) {
    if (local_name(each) == name) return each;
  }
  return {};
}

bool is_true(const pugi::xml_attribute& attribute) {
  return std::string_view(attribute.value()) == "true" || std::string_view(attribute.value()) == "1";
}

class Parser {
 public:
  explicit Parser(const NamespaceIndex& index_of) : index_of_(index_of) {}

  core::Result<std::vector<NodesetNode>> parse(std::string_view xml);

 private:
  core::Status read_namespaces(const pugi::xml_node& root);
  core::Status read_node(const pugi::xml_node& element, UA_NodeClass kind);
  core::Status read_references(const pugi::xml_node& element, NodesetNode& node);
  [[nodiscard]] std::optional<std::uint16_t> ns(std::string_view index) const;
  [[nodiscard]] std::optional<NodesetId> id(std::string_view text) const;
  void read_value(const pugi::xml_node& content, NodesetNode& node) const;
  bool read_scalar(const pugi::xml_node& content, std::string_view type, void* out) const;
  bool read_argument(const pugi::xml_node& body, UA_Argument& out) const;

  const NamespaceIndex& index_of_;
  std::vector<std::uint16_t> namespaces_{0};  // the server's index, by the file's
  std::map<std::string, std::string, std::less<>> aliases_;
  std::vector<NodesetNode> nodes_;
};

std::optional<std::uint16_t> Parser::ns(std::string_view index) const {
  const auto at = number<std::uint16_t>(index);
  return at && *at < namespaces_.size() ? std::optional(namespaces_[*at]) : std::nullopt;
}

// "i=58", "ns=1;s=name", or an alias.
std::optional<NodesetId> Parser::id(std::string_view text) const {
  text = core::trim(text);
  if (const auto alias = aliases_.find(text); alias != aliases_.end()) text = alias->second;
  NodesetId id;
  if (text.starts_with("ns=")) {
    const std::size_t end = text.find(';');
    const auto index = ns(text.substr(3, end == std::string_view::npos ? end : end - 3));
    if (!index || end == std::string_view::npos) return std::nullopt;
    id.ns = *index;
    text.remove_prefix(end + 1);
  }
  if (text.starts_with("s=") && text.size() > 2) {
    id.text = text.substr(2);
    return id;
  }
  const auto value = text.starts_with("i=") ? number<std::uint32_t>(text.substr(2)) : std::nullopt;
  if (!value) return std::nullopt;
  id.number = *value;
  return id;
}

core::Status Parser::read_namespaces(const pugi::xml_node& root) {
  for (const pugi::xml_node& uri : child(root, "NamespaceUris").children()) {
    if (namespaces_.size() > 100) return unexpected(ErrorCode::kInvalid, "more than 100 namespaces");
    const std::string name(core::trim(uri.child_value()));
    if (name.empty()) return unexpected(ErrorCode::kInvalid, "a namespace without a name");
    namespaces_.push_back(index_of_(name));
  }
  for (const pugi::xml_node& alias : child(root, "Aliases").children()) {
    aliases_[alias.attribute("Alias").value()] = core::trim(alias.child_value());
  }
  return {};
}

core::Status Parser::read_references(const pugi::xml_node& element, NodesetNode& node) {
  for (const pugi::xml_node& each : child(element, "References").children()) {
    const std::string_view type = each.attribute("ReferenceType").value();
    const auto of = id(type);
    const auto target = id(each.child_value());
    if (!of || !target) {
      return unexpected(ErrorCode::kInvalid,
                        fmt::format("a reference '{}' to '{}' that means nothing", type, each.child_value()));
    }
    const bool forward = !each.attribute("IsForward") || is_true(each.attribute("IsForward"));
    node.references.push_back({*of, *target, forward});
  }
  return {};
}

core::Status Parser::read_node(const pugi::xml_node& element, UA_NodeClass kind) {
  NodesetNode node;
  node.kind = kind;
  const std::string_view text = element.attribute("NodeId").value();
  const auto wrong = [&](std::string_view what) {
    return unexpected(ErrorCode::kInvalid, fmt::format("{} '{}': {}", local_name(element), text, what));
  };
  const auto own = id(text);
  if (!own || own->ns == 0) return wrong("its NodeId is none of this file's namespaces");
  node.id = *own;
  std::string_view name = element.attribute("BrowseName").value();
  if (const std::size_t colon = name.find(':'); colon != std::string_view::npos) {
    // A name may hold a colon itself: "http://…".
    if (const auto index = ns(name.substr(0, colon))) {
      node.name_ns = *index;
      name.remove_prefix(colon + 1);
    }
  }
  if (name.empty()) return wrong("it has no BrowseName");
  node.name = name;
  node.display_name = child(element, "DisplayName").child_value();
  node.description = child(element, "Description").child_value();
  node.inverse_name = child(element, "InverseName").child_value();
  node.is_abstract = is_true(element.attribute("IsAbstract"));
  node.symmetric = is_true(element.attribute("Symmetric"));
  node.event_notifier = static_cast<std::uint8_t>(element.attribute("EventNotifier").as_uint());
  node.value_rank = element.attribute("ValueRank").as_int(-1);
  if (const auto type = element.attribute("DataType")) {
    const auto of = id(type.value());
    if (!of) return wrong(fmt::format("no such data type: '{}'", type.value()));
    node.data_type = *of;
  }
  for (const std::string_view each : core::split(element.attribute("ArrayDimensions").value(), ',')) {
    if (const auto size = number<std::uint32_t>(each)) node.dimensions.push_back(*size);
  }
  if (auto read = read_references(element, node); !read) return wrong(read.error().message);
  if (const pugi::xml_node value = child(element, "Value").first_child()) read_value(value, node);
  if (nodes_.size() == kNodesetNodesMax) return wrong(fmt::format("more than {} nodes", kNodesetNodesMax));
  nodes_.push_back(std::move(node));
  return {};
}

struct ScalarType {
  std::string_view name;
  std::size_t type;
};
constexpr ScalarType kScalars[] = {
    {"Boolean", UA_TYPES_BOOLEAN},   {"Byte", UA_TYPES_BYTE},
    {"Int32", UA_TYPES_INT32},       {"UInt16", UA_TYPES_UINT16},
    {"UInt32", UA_TYPES_UINT32},     {"Double", UA_TYPES_DOUBLE},
    {"String", UA_TYPES_STRING},     {"LocalizedText", UA_TYPES_LOCALIZEDTEXT},
    {"DateTime", UA_TYPES_DATETIME}, {"QualifiedName", UA_TYPES_QUALIFIEDNAME},
    {"NodeId", UA_TYPES_NODEID},
};

template <typename T>
bool put_number(std::string_view text, void* out) {
  const auto value = number<T>(text);
  if (value) std::memcpy(out, &*value, sizeof(T));
  return value.has_value();
}

// `out` is an initialised value of that type; what it then owns is the caller's.
bool Parser::read_scalar(const pugi::xml_node& content, std::string_view type, void* out) const {
  const std::string_view text = content.child_value();
  if (type == "Boolean") {
    *static_cast<UA_Boolean*>(out) = core::trim(text) == "true";
    return true;
  }
  if (type == "Byte") return put_number<std::uint8_t>(text, out);
  if (type == "Int32") return put_number<std::int32_t>(text, out);
  if (type == "UInt16") return put_number<std::uint16_t>(text, out);
  if (type == "UInt32") return put_number<std::uint32_t>(text, out);
  if (type == "Double") return put_number<double>(text, out);
  if (type == "String") {
    *static_cast<UA_String*>(out) = copy(text);
    return true;
  }
  if (type == "LocalizedText") {
    auto& value = *static_cast<UA_LocalizedText*>(out);
    value.locale = copy(child(content, "Locale").child_value());
    value.text = copy(child(content, "Text").child_value());
    return true;
  }
  if (type == "QualifiedName") {
    const auto index = ns(child(content, "NamespaceIndex").child_value());
    auto& value = *static_cast<UA_QualifiedName*>(out);
    value.namespaceIndex = index.value_or(0);
    value.name = copy(child(content, "Name").child_value());
    return true;
  }
  if (type == "NodeId") {
    const auto target = id(child(content, "Identifier").child_value());
    if (!target) return false;
    const UA_NodeId borrowed = target->borrow();
    return UA_NodeId_copy(&borrowed, static_cast<UA_NodeId*>(out)) == UA_STATUSCODE_GOOD;
  }
  if (type == "DateTime") {
    const auto time = core::parse_time(text);
    if (time) *static_cast<UA_DateTime*>(out) = to_ua_time(*time);
    return time.has_value();
  }
  return false;
}

bool Parser::read_argument(const pugi::xml_node& body, UA_Argument& out) const {
  const pugi::xml_node argument = child(body, "Argument");
  if (!argument) return false;
  const auto type = id(child(child(argument, "DataType"), "Identifier").child_value());
  if (!type) return false;
  out.name = copy(child(argument, "Name").child_value());
  out.valueRank = number<std::int32_t>(child(argument, "ValueRank").child_value()).value_or(-1);
  out.description.text = copy(child(child(argument, "Description"), "Text").child_value());
  const UA_NodeId borrowed = type->borrow();
  return UA_NodeId_copy(&borrowed, &out.dataType) == UA_STATUSCODE_GOOD;
}

// A value that is not understood is left out: the node then has none, as the model allows.
void Parser::read_value(const pugi::xml_node& content, NodesetNode& node) const {
  std::string_view type = local_name(content);
  const bool is_list = type.starts_with("ListOf");
  if (is_list) type.remove_prefix(6);
  const bool is_argument = is_list && type == "ExtensionObject";
  std::size_t ua_type = UA_TYPES_COUNT;
  if (is_argument) ua_type = UA_TYPES_ARGUMENT;
  for (const ScalarType& known : kScalars) {
    if (known.name == type) ua_type = known.type;
  }
  if (ua_type == UA_TYPES_COUNT) return;
  std::vector<pugi::xml_node> elements;
  if (is_list) {
    for (const pugi::xml_node& element : content.children()) {
      if (element.type() == pugi::node_element) elements.push_back(element);
    }
  } else {
    elements.push_back(content);
  }
  if (elements.size() > kListMax) return;
  const UA_DataType& description = UA_TYPES[ua_type];
  auto* array = static_cast<char*>(UA_Array_new(elements.size(), &description));
  if (array == nullptr) return;
  bool good = true;
  for (std::size_t i = 0; i < elements.size() && good; ++i) {
    void* out = array + i * description.memSize;
    good = is_argument ? read_argument(child(elements[i], "Body"), *static_cast<UA_Argument*>(out))
                       : read_scalar(elements[i], type, out);
  }
  if (!good) return UA_Array_delete(array, elements.size(), &description);
  node.value.reset(UA_Variant_new());
  if (is_list) {
    UA_Variant_setArray(node.value.get(), array, elements.size(), &description);
  } else {
    UA_Variant_setScalar(node.value.get(), array, &description);
  }
}

core::Result<std::vector<NodesetNode>> Parser::parse(std::string_view xml) {
  if (xml.size() > kNodesetBytesMax) return unexpected(ErrorCode::kInvalid, "larger than 64 MiB");
  pugi::xml_document document;
  const pugi::xml_parse_result read = document.load_buffer(xml.data(), xml.size());
  if (!read) return unexpected(ErrorCode::kInvalid, fmt::format("byte {}: {}", read.offset, read.description()));
  const pugi::xml_node root = child(document, "UANodeSet");
  if (!root) return unexpected(ErrorCode::kInvalid, "no NodeSet2 file: its root is not UANodeSet");
  if (auto named = read_namespaces(root); !named) return unexpected(named.error());
  constexpr std::pair<std::string_view, UA_NodeClass> kKinds[] = {
      {"UAObject", UA_NODECLASS_OBJECT},
      {"UAVariable", UA_NODECLASS_VARIABLE},
      {"UAMethod", UA_NODECLASS_METHOD},
      {"UAObjectType", UA_NODECLASS_OBJECTTYPE},
      {"UAVariableType", UA_NODECLASS_VARIABLETYPE},
      {"UAReferenceType", UA_NODECLASS_REFERENCETYPE},
      {"UADataType", UA_NODECLASS_DATATYPE},
  };
  for (const pugi::xml_node& element : root.children()) {
    for (const auto& [name, kind] : kKinds) {
      if (local_name(element) != name) continue;
      if (auto added = read_node(element, kind); !added) return unexpected(added.error());
    }
  }
  return std::move(nodes_);
}

}  // namespace

core::Result<std::vector<NodesetNode>> parse_nodeset(std::string_view xml, const NamespaceIndex& index_of) {
  return Parser(index_of).parse(xml);
}

}  // namespace millwright::opcua
