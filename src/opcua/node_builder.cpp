#include "opcua/node_builder.hpp"

#include <fmt/format.h>
#include <open62541/nodeids.h>
#include <open62541/server.h>

namespace millwright::opcua {

UA_VariableAttributes read_only(const UA_NodeId& data_type, std::string_view name) {
  UA_VariableAttributes attributes = UA_VariableAttributes_default;
  attributes.displayName = borrow_text(name);
  attributes.dataType = data_type;
  attributes.valueRank = UA_VALUERANK_SCALAR;
  attributes.accessLevel = UA_ACCESSLEVELMASK_READ;
  attributes.userAccessLevel = UA_ACCESSLEVELMASK_READ;
  return attributes;
}

core::Status NodeBuilder::done(std::string_view what) const {
  if (problem_.empty()) return {};
  return core::unexpected(core::ErrorCode::kInvalid, fmt::format("{}: {}", what, problem_));
}

void NodeBuilder::check(UA_StatusCode code, std::string_view what) {
  if (code == UA_STATUSCODE_GOOD || !problem_.empty()) return;
  problem_ = code == UA_STATUSCODE_BADNODEIDEXISTS
                 ? fmt::format("'{}' stands for two things: give one of them another name", what)
                 : fmt::format("{}: {}", what, UA_StatusCode_name(code));
}

namespace {

UA_ObjectAttributes object_attributes(const UA_QualifiedName& name, std::string_view description, bool notifies) {
  UA_ObjectAttributes attributes = UA_ObjectAttributes_default;
  attributes.displayName = {UA_STRING_NULL, name.name};
  attributes.description = borrow_text(description);
  attributes.eventNotifier = notifies ? UA_EVENTNOTIFIER_SUBSCRIBE_TO_EVENT : 0;
  return attributes;
}

}  // namespace

void NodeBuilder::object(const UA_NodeId& id, const UA_NodeId& parent, std::uint32_t reference,
                         const UA_QualifiedName& name, const UA_NodeId& type, std::string_view description,
                         bool notifies) {
  check(UA_Server_addObjectNode(server_, id, parent, ns0(reference), name, type,
                                object_attributes(name, description, notifies), nullptr, nullptr),
        view(name.name));
}

void NodeBuilder::bare_object(const UA_NodeId& id, const UA_NodeId& parent, std::uint32_t reference,
                              const UA_QualifiedName& name, const UA_NodeId& type, std::string_view description,
                              bool notifies, void* context) {
  const UA_ObjectAttributes attributes = object_attributes(name, description, notifies);
  check(UA_Server_addNode_begin(server_, UA_NODECLASS_OBJECT, id, parent, ns0(reference), name, type, &attributes,
                                &UA_TYPES[UA_TYPES_OBJECTATTRIBUTES], context, nullptr),
        view(id.identifier.string));
}

void NodeBuilder::variable(const UA_NodeId& id, const UA_NodeId& parent, std::uint32_t reference,
                           const UA_QualifiedName& name, std::uint32_t type, const UA_VariableAttributes& attributes,
                           void* context) {
  check(UA_Server_addNode_begin(server_, UA_NODECLASS_VARIABLE, id, parent, ns0(reference), name, ns0(type),
                                &attributes, &UA_TYPES[UA_TYPES_VARIABLEATTRIBUTES], context, nullptr),
        view(id.identifier.string));
}

void NodeBuilder::computed(const UA_NodeId& id, const UA_NodeId& parent, std::uint32_t reference,
                           const UA_QualifiedName& name, std::uint32_t type, const UA_VariableAttributes& attributes,
                           ReadCallback read, void* context) {
  variable(id, parent, reference, name, type, attributes, context);
  source(id, read, view(id.identifier.string));
}

void NodeBuilder::source(const UA_NodeId& id, ReadCallback read, std::string_view what) {
  check(UA_Server_setVariableNode_dataSource(server_, id, {read, nullptr}), what);
}

void NodeBuilder::property(const std::string& parent, const UA_QualifiedName& name, const void* value,
                           std::size_t type) {
  UA_VariableAttributes attributes = read_only(type, view(name.name));
  UA_Variant_setScalar(&attributes.value, const_cast<void*>(value), &UA_TYPES[type]);
  const std::string own = fmt::format("{}/{}", parent, view(name.name));
  variable(id(own), id(parent), UA_NS0ID_HASPROPERTY, name, UA_NS0ID_PROPERTYTYPE, attributes);
}

void NodeBuilder::text_property(const std::string& parent, const UA_QualifiedName& name, std::string_view text,
                                bool localized) {
  const UA_LocalizedText value = borrow_text(text);
  if (localized) return property(parent, name, &value, UA_TYPES_LOCALIZEDTEXT);
  property(parent, name, &value.text, UA_TYPES_STRING);
}

void NodeBuilder::reference(const UA_NodeId& from, std::uint32_t reference, const UA_NodeId& to) {
  UA_ExpandedNodeId target;
  UA_ExpandedNodeId_init(&target);
  target.nodeId = to;
  check(UA_Server_addReference(server_, from, ns0(reference), target, true), "reference");
}

}  // namespace millwright::opcua
