#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <span>

#include <fmt/format.h>
#include <open62541/nodeids.h>
#include <open62541/server.h>

#include "opcua/nodeset.hpp"

namespace millwright::opcua {
namespace {

using core::ErrorCode;

constexpr std::array<std::uint32_t, 8> kParentReferences{
    UA_NS0ID_HASSUBTYPE, UA_NS0ID_HASCOMPONENT, UA_NS0ID_HASPROPERTY,    UA_NS0ID_HASORDEREDCOMPONENT,
    UA_NS0ID_HASADDIN,   UA_NS0ID_ORGANIZES,    UA_NS0ID_HASEVENTSOURCE, UA_NS0ID_HASNOTIFIER};

bool leads_to_children(const NodesetId& reference) {
  return reference.ns == 0 &&
         std::find(kParentReferences.begin(), kParentReferences.end(), reference.number) != kParentReferences.end();
}

bool is_type(UA_NodeClass kind) {
  return kind == UA_NODECLASS_OBJECTTYPE || kind == UA_NODECLASS_VARIABLETYPE || kind == UA_NODECLASS_REFERENCETYPE ||
         kind == UA_NODECLASS_DATATYPE;
}

struct Parent {
  NodesetId id;
  NodesetId reference;
};

class Adder {
 public:
  Adder(UA_Server* server, const std::vector<NodesetNode>& nodes) : server_(server), nodes_(nodes) {}
  core::Status add();

 private:
  void find_parents();
  [[nodiscard]] bool is_ready(const NodesetNode& node) const;
  [[nodiscard]] NodesetId type_of(const NodesetNode& node) const;
  UA_StatusCode add_node(const NodesetNode& node);
  core::Status add_references();

  UA_Server* server_;
  const std::vector<NodesetNode>& nodes_;
  std::map<NodesetId, Parent> parents_;
  std::set<NodesetId> missing_;  // of this file, not yet there
};

// A node's own word goes before that of what leads to it, and the standard's references before a model's own.
void Adder::find_parents() {
  for (const NodesetNode& node : nodes_) {
    missing_.insert(node.id);
    for (const NodesetReference& reference : node.references) {
      if (!reference.forward && leads_to_children(reference.type)) {
        parents_.try_emplace(node.id, Parent{reference.target, reference.type});
      }
    }
  }
  for (const bool standard : {true, false}) {
    for (const NodesetNode& node : nodes_) {
      for (const NodesetReference& reference : node.references) {
        const bool leads = standard ? leads_to_children(reference.type) : reference.type.ns != 0;
        if (!leads) continue;
        const NodesetId& child = reference.forward ? reference.target : node.id;
        parents_.try_emplace(child, Parent{reference.forward ? node.id : reference.target, reference.type});
      }
    }
  }
}

NodesetId Adder::type_of(const NodesetNode& node) const {
  for (const NodesetReference& reference : node.references) {
    if (reference.forward && reference.type == NodesetId{0, UA_NS0ID_HASTYPEDEFINITION, {}}) return reference.target;
  }
  if (node.kind == UA_NODECLASS_OBJECT) return {0, UA_NS0ID_BASEOBJECTTYPE, {}};
  if (node.kind == UA_NODECLASS_VARIABLE) return {0, UA_NS0ID_BASEDATAVARIABLETYPE, {}};
  return {};
}

bool Adder::is_ready(const NodesetNode& node) const {
  const auto parent = parents_.find(node.id);
  if (parent != parents_.end() && missing_.contains(parent->second.id)) return false;
  if (missing_.contains(type_of(node))) return false;
  const bool has_value = node.kind == UA_NODECLASS_VARIABLE || node.kind == UA_NODECLASS_VARIABLETYPE;
  return !has_value || !missing_.contains(node.data_type);
}

template <typename Attributes>
Attributes texts_of(const NodesetNode& node, const Attributes& fallback) {
  Attributes attributes = fallback;
  attributes.displayName = borrow_text(node.display_name.empty() ? node.name : node.display_name);
  attributes.description = borrow_text(node.description);
  return attributes;
}

template <typename Attributes>
void put_value(const NodesetNode& node, Attributes& attributes) {
  attributes.dataType = node.data_type.borrow();
  attributes.valueRank = node.value_rank;
  attributes.arrayDimensions = const_cast<UA_UInt32*>(node.dimensions.data());
  attributes.arrayDimensionsSize = node.dimensions.size();
  if (node.value) attributes.value = *node.value;
}

UA_StatusCode Adder::add_node(const NodesetNode& node) {
  const auto found = parents_.find(node.id);
  const Parent parent = found == parents_.end() ? Parent{} : found->second;
  const NodesetId type = type_of(node);
  const auto begin = [&](const auto& attributes, std::size_t ua_type) {
    return UA_Server_addNode_begin(server_, node.kind, node.id.borrow(), parent.id.borrow(), parent.reference.borrow(),
                                   borrow_name(node.name_ns, node.name), type.borrow(), &attributes, &UA_TYPES[ua_type],
                                   nullptr, nullptr);
  };
  switch (node.kind) {
    case UA_NODECLASS_OBJECT: {
      auto attributes = texts_of(node, UA_ObjectAttributes_default);
      attributes.eventNotifier = node.event_notifier;
      return begin(attributes, UA_TYPES_OBJECTATTRIBUTES);
    }
    case UA_NODECLASS_VARIABLE: {
      auto attributes = texts_of(node, UA_VariableAttributes_default);
      put_value(node, attributes);
      attributes.accessLevel = attributes.userAccessLevel = UA_ACCESSLEVELMASK_READ;  // nothing is written here
      return begin(attributes, UA_TYPES_VARIABLEATTRIBUTES);
    }
    case UA_NODECLASS_METHOD:
      return begin(texts_of(node, UA_MethodAttributes_default), UA_TYPES_METHODATTRIBUTES);
    case UA_NODECLASS_OBJECTTYPE: {
      auto attributes = texts_of(node, UA_ObjectTypeAttributes_default);
      attributes.isAbstract = node.is_abstract;
      return begin(attributes, UA_TYPES_OBJECTTYPEATTRIBUTES);
    }
    case UA_NODECLASS_VARIABLETYPE: {
      auto attributes = texts_of(node, UA_VariableTypeAttributes_default);
      put_value(node, attributes);
      attributes.isAbstract = node.is_abstract;
      return begin(attributes, UA_TYPES_VARIABLETYPEATTRIBUTES);
    }
    case UA_NODECLASS_REFERENCETYPE: {
      auto attributes = texts_of(node, UA_ReferenceTypeAttributes_default);
      attributes.isAbstract = node.is_abstract;
      attributes.symmetric = node.symmetric;
      attributes.inverseName = borrow_text(node.inverse_name);
      return begin(attributes, UA_TYPES_REFERENCETYPEATTRIBUTES);
    }
    default: {
      auto attributes = texts_of(node, UA_DataTypeAttributes_default);
      attributes.isAbstract = node.is_abstract;
      return begin(attributes, UA_TYPES_DATATYPEATTRIBUTES);
    }
  }
}

// Those that are there already, from either end, are no news.
core::Status Adder::add_references() {
  for (const NodesetNode& node : nodes_) {
    for (const NodesetReference& reference : node.references) {
      UA_ExpandedNodeId target;
      UA_ExpandedNodeId_init(&target);
      target.nodeId = reference.target.borrow();
      const UA_StatusCode code =
          UA_Server_addReference(server_, node.id.borrow(), reference.type.borrow(), target, reference.forward);
      if (code == UA_STATUSCODE_GOOD || code == UA_STATUSCODE_BADDUPLICATEREFERENCENOTALLOWED) continue;
      return core::unexpected(ErrorCode::kInvalid,
                              fmt::format("a reference of '{}': {}", node.name, UA_StatusCode_name(code)));
    }
  }
  return {};
}

core::Status Adder::add() {
  find_parents();
  std::vector<const NodesetNode*> left;
  for (const NodesetNode& node : nodes_) left.push_back(&node);
  // Types first: an instance is then of one that is complete.
  std::stable_partition(left.begin(), left.end(), [](const NodesetNode* node) { return is_type(node->kind); });
  while (!left.empty()) {
    const std::size_t before = left.size();
    core::Status failed;
    std::erase_if(left, [&](const NodesetNode* node) {
      if (!failed || !is_ready(*node)) return false;
      const UA_StatusCode code = add_node(*node);
      if (code != UA_STATUSCODE_GOOD) {
        failed =
            core::unexpected(ErrorCode::kInvalid, fmt::format("node '{}': {}", node->name, UA_StatusCode_name(code)));
      }
      missing_.erase(node->id);
      return true;
    });
    if (!failed) return failed;
    if (left.size() == before) {
      return core::unexpected(ErrorCode::kInvalid, fmt::format("node '{}' is its own ancestor", left.front()->name));
    }
  }
  if (auto added = add_references(); !added) return added;
  for (const NodesetNode& node : nodes_) {
    if (!is_type(node.kind)) continue;
    const UA_StatusCode code = UA_Server_addNode_finish(server_, node.id.borrow());
    if (code == UA_STATUSCODE_GOOD) continue;
    return core::unexpected(ErrorCode::kInvalid, fmt::format("type '{}': {}", node.name, UA_StatusCode_name(code)));
  }
  return {};
}

}  // namespace

core::Status add_to(UA_Server* server, const std::vector<NodesetNode>& nodes) {
  return Adder(server, nodes).add();
}

}  // namespace millwright::opcua
