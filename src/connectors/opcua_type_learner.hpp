// Asks a server how its structures are laid out: from the encoding that a value names to its data type, the data type's
// DataTypeDefinition (OPC UA 1.04), and so on to the types of its fields.
//
// Threads: the link's. Errors: those that end the connection; what the server does not describe is given up, and named.
// Limits: 2,000 types of a server; 32 levels of subtypes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "connectors/opcua_client_services.hpp"
#include "connectors/opcua_structure.hpp"

namespace millwright::connectors::opcua_detail {

class TypeLearner {
 public:
  TypeLearner(Services& services, StructureTypes& types) : services_(services), types_(types) {}

  // A structure as a value had it: its encoding, and the variable that had the value.
  struct Asked {
    NodeId encoding;
    NodeId variable;
  };
  // Afterwards `types` knows each encoding, or has given it up.
  core::Status learn(const std::vector<Asked>& asked);

 private:
  struct Entry {
    Ua<UA_StructureDefinition, UA_TYPES_STRUCTUREDEFINITION> definition;
    NodeId base;  // of one that is no structure
    Structure* structure = nullptr;
    bool is_enumeration = false;
    bool is_built = false;
  };
  using Ids = std::vector<const UA_NodeId*>;

  core::Status find_data_types(const std::vector<Asked>& asked, std::vector<NodeId>& data_types);
  core::Status learn_types(std::vector<NodeId> wanted);
  core::Status read_definitions(const std::vector<NodeId>& wanted);
  core::Status read_bases(const std::vector<NodeId>& wanted);
  [[nodiscard]] bool is_known(const UA_NodeId& data_type) const;
  Structure* build(const UA_NodeId& data_type);
  bool add_field(const UA_StructureField& field, bool may_be_subtype, Structure& structure);
  bool type_of(const UA_NodeId& data_type, FieldType& type);

  Services& services_;
  StructureTypes& types_;
  std::map<NodeId, Entry, NodeIdLess> entries_;  // by data type
};

}  // namespace millwright::connectors::opcua_detail
