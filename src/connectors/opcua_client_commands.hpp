// Commands to an OPC UA server: writes a variable, or calls a method, each value in the type that the server declares.
//
// Threads: the connector's own. Errors: kNotFound: the node is not there; kInvalid: a value does not fit its type;
// kConflict: the server refused, with its status; else those that end the connection.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "asset/commands.hpp"
#include "connectors/opcua_client_services.hpp"
#include "core/result.hpp"

namespace millwright::connectors::opcua_detail {

class Commander {
 public:
  explicit Commander(Link& link) : services_(link, 100) {}
  core::Result<std::string> execute(const asset::Command& command, std::span<const asset::CommandValue> values);

 private:
  core::Result<NodeId> find(std::string_view address);
  core::Result<std::string> write(const NodeId& node, const asset::CommandValue& value);
  core::Result<std::string> call(const NodeId& object, const NodeId& method,
                                 std::span<const asset::CommandValue> values);
  core::Result<std::vector<const UA_DataType*>> types_of_arguments(const NodeId& method);

  Services services_;
};

// The value as that type, where nothing is lost. False: it does not fit.
bool to_variant(const asset::CommandValue& value, const UA_DataType& type, UA_Variant& out);

}  // namespace millwright::connectors::opcua_detail
