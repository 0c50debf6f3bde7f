// Adds nodes and references to a server, and keeps the first thing that went wrong, so that who builds need not ask
// after each.
//
// Threads: one owner.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "opcua/ua.hpp"

struct UA_Server;

namespace millwright::opcua {

UA_VariableAttributes read_only(const UA_NodeId& data_type, std::string_view name);
inline UA_VariableAttributes read_only(std::size_t type, std::string_view name) {
  return read_only(UA_TYPES[type].typeId, name);
}

// Reads a value at any time: `context` is the node's own.
using ReadCallback = UA_StatusCode (*)(UA_Server*, const UA_NodeId* session, void* session_context, const UA_NodeId*,
                                       void* context, UA_Boolean with_time, const UA_NumericRange*, UA_DataValue* out);

class NodeBuilder {
 public:
  void begin(UA_Server* server, std::uint16_t ns) {
    server_ = server;
    ns_ = ns;
    problem_.clear();
  }
  [[nodiscard]] core::Status done(std::string_view what) const;
  [[nodiscard]] UA_Server* server() const { return server_; }
  // Ids in the plant's namespace.
  [[nodiscard]] UA_NodeId id(std::string_view text) const { return borrow_id(ns_, text); }
  [[nodiscard]] UA_QualifiedName name(std::string_view text) const { return borrow_name(ns_, text); }

  // With all children that its type has.
  void object(const UA_NodeId& id, const UA_NodeId& parent, std::uint32_t reference, const UA_QualifiedName& name,
              const UA_NodeId& type, std::string_view description, bool notifies);
  // Without: they are added by hand, under ids that mean something and stay the same.
  void bare_object(const UA_NodeId& id, const UA_NodeId& parent, std::uint32_t reference, const UA_QualifiedName& name,
                   const UA_NodeId& type, std::string_view description, bool notifies, void* context = nullptr);
  // Only the first half of adding a node: the second copies the type's children and checks what is right by
  // construction, which would take most of the time of 100,000 sensors.
  void variable(const UA_NodeId& id, const UA_NodeId& parent, std::uint32_t reference, const UA_QualifiedName& name,
                std::uint32_t type, const UA_VariableAttributes& attributes, void* context = nullptr);
  // Its value is read when it is asked for.
  void computed(const UA_NodeId& id, const UA_NodeId& parent, std::uint32_t reference, const UA_QualifiedName& name,
                std::uint32_t type, const UA_VariableAttributes& attributes, ReadCallback read, void* context);
  void source(const UA_NodeId& id, ReadCallback read, std::string_view what);
  void text_property(const std::string& parent, const UA_QualifiedName& name, std::string_view text, bool localized);
  void property(const std::string& parent, const UA_QualifiedName& name, const void* value, std::size_t type);
  void reference(const UA_NodeId& from, std::uint32_t reference, const UA_NodeId& to);
  void check(UA_StatusCode code, std::string_view what);

 private:
  UA_Server* server_ = nullptr;
  std::uint16_t ns_ = 0;
  std::string problem_;
};

}  // namespace millwright::opcua
