// NodeSet2 files, the XML in which information models are published (OPC 10000-6, annex F): read, and put into a
// server. Types, instances, their references, and the values that companion models have: scalars and lists of the
// built-in types, and Argument. Definitions of structures are not taken, so a value of one is left out.
//
// Threads: pure functions; add_to() before the server runs. Limits: kNodesetNodesMax nodes, kNodesetBytesMax of XML.
// Errors: kInvalid with the node; nothing of a file that is wrong in itself is put into the server.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "opcua/ua.hpp"

struct UA_Server;

namespace millwright::opcua {

inline constexpr std::size_t kNodesetNodesMax = 100'000;
inline constexpr std::size_t kNodesetBytesMax = 64 << 20;

// A NodeId that owns its text. Numbers and texts only: models have no others.
struct NodesetId {
  std::uint16_t ns = 0;
  std::uint32_t number = 0;
  std::string text;  // "": it is the number

  [[nodiscard]] bool is_null() const { return ns == 0 && number == 0 && text.empty(); }
  [[nodiscard]] UA_NodeId borrow() const { return text.empty() ? UA_NODEID_NUMERIC(ns, number) : borrow_id(ns, text); }
  auto operator<=>(const NodesetId&) const = default;
};

struct NodesetReference {
  NodesetId type;
  NodesetId target;
  bool forward = true;
};

struct VariantDeleter {
  void operator()(UA_Variant* value) const { UA_Variant_delete(value); }
};

struct NodesetNode {
  UA_NodeClass kind = UA_NODECLASS_UNSPECIFIED;
  NodesetId id;
  std::uint16_t name_ns = 0;
  std::string name;
  std::string display_name;
  std::string description;
  std::string inverse_name;
  bool is_abstract = false;
  bool symmetric = false;
  std::uint8_t event_notifier = 0;
  NodesetId data_type{.ns = 0, .number = 24, .text = {}};  // BaseDataType
  std::int32_t value_rank = -1;
  std::vector<std::uint32_t> dimensions;
  std::unique_ptr<UA_Variant, VariantDeleter> value;  // nullptr: none
  std::vector<NodesetReference> references;
};

// `index_of` gives the server's index of a namespace.
using NamespaceIndex = std::function<std::uint16_t(const std::string& uri)>;
core::Result<std::vector<NodesetNode>> parse_nodeset(std::string_view xml, const NamespaceIndex& index_of);

// In an order in which every node finds its parent and type, then all further references.
core::Status add_to(UA_Server* server, const std::vector<NodesetNode>& nodes);

}  // namespace millwright::opcua
