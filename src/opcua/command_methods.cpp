#include "opcua/command_methods.hpp"

#include <cstring>
#include <vector>

#include <fmt/format.h>
#include <open62541/nodeids.h>
#include <open62541/server.h>

#include "core/text.hpp"
#include "opcua/address_space.hpp"

namespace millwright::opcua {
namespace {

using asset::CommandValue;
using core::ErrorCode;

template <typename T>
T scalar(const UA_Variant& value) {
  T out;
  std::memcpy(&out, value.data, sizeof out);
  return out;
}

// open62541 has checked the types.
CommandValue value_of(const UA_Variant& value) {
  if (value.type == &UA_TYPES[UA_TYPES_FLOAT]) return static_cast<double>(scalar<UA_Float>(value));
  if (value.type == &UA_TYPES[UA_TYPES_INT64]) return scalar<UA_Int64>(value);
  if (value.type == &UA_TYPES[UA_TYPES_BOOLEAN]) return scalar<UA_Boolean>(value);
  if (value.type == &UA_TYPES[UA_TYPES_STRING]) return std::string(view(scalar<UA_String>(value)));
  return scalar<UA_Double>(value);
}

// "Shaft speed, 0 to 1800 rpm"
std::string description_of(const asset::CommandArgument& argument) {
  std::string text = argument.description;
  if (argument.range) {
    if (!text.empty()) text += ", ";
    text +=
        fmt::format("{} to {}", core::format_double(argument.range->low), core::format_double(argument.range->high));
  }
  if (argument.unit != nullptr) text += fmt::format(" {}", argument.unit->symbol);
  return text;
}

UA_StatusCode status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return UA_STATUSCODE_BADOUTOFRANGE;
    case ErrorCode::kNotFound:
      return UA_STATUSCODE_BADNOTFOUND;
    case ErrorCode::kTimeout:
      return UA_STATUSCODE_BADTIMEOUT;
    case ErrorCode::kUnavailable:
    case ErrorCode::kClosed:
      return UA_STATUSCODE_BADNOCOMMUNICATION;
    case ErrorCode::kUnsupported:
      return UA_STATUSCODE_BADNOTSUPPORTED;
    default:
      return UA_STATUSCODE_BADREQUESTNOTALLOWED;
  }
}

UA_Argument argument_of(std::string_view name, std::size_t type, std::string_view description) {
  UA_Argument out;
  UA_Argument_init(&out);
  out.name = borrow(name);
  out.dataType = UA_TYPES[type].typeId;
  out.valueRank = UA_VALUERANK_SCALAR;
  out.description = borrow_text(description);
  return out;
}

}  // namespace

core::Status CommandMethods::build(UA_Server* server, std::uint16_t plant_namespace) {
  methods_.clear();
  if (commands_ == nullptr) return {};
  nodes_.begin(server, plant_namespace);
  for (const asset::Machine& machine : model_.machines()) {
    for (const asset::Command& command : machine.commands) add(machine, command);
  }
  return nodes_.done("adding the machines' commands");
}

void CommandMethods::add(const asset::Machine& machine, const asset::Command& command) {
  const std::string id = fmt::format("{}/Commands/{}", node_name(machine), command.name);
  UA_MethodAttributes attributes = UA_MethodAttributes_default;
  attributes.displayName = borrow_text(command.name);
  attributes.description = borrow_text(command.description);
  attributes.executable = attributes.userExecutable = true;
  std::vector<std::string> descriptions;
  std::vector<UA_Argument> input;
  for (const asset::CommandArgument& argument : command.arguments) descriptions.push_back(description_of(argument));
  for (std::size_t i = 0; i < command.arguments.size(); ++i) {
    input.push_back(argument_of(command.arguments[i].name, ua_type(command.arguments[i].type), descriptions[i]));
  }
  const UA_Argument output = argument_of("Result", UA_TYPES_STRING, "What the source answered");
  Method& method = methods_.emplace_back(Method{this, &machine, &command});
  // The arguments' nodes get ids of the library's own: it never frees those that it is given.
  nodes_.check(UA_Server_addMethodNodeEx(nodes_.server(), nodes_.id(id), nodes_.id(node_name(machine)),
                                         ns0(UA_NS0ID_HASCOMPONENT), nodes_.name(command.name), attributes,
                                         &CommandMethods::call, input.size(), input.data(), UA_NODEID_NULL, nullptr, 1,
                                         &output, UA_NODEID_NULL, nullptr, &method, nullptr),
               id);
}

UA_StatusCode CommandMethods::call(UA_Server*, const UA_NodeId*, void* session, const UA_NodeId*, void* context,
                                   const UA_NodeId*, void*, std::size_t n, const UA_Variant* input, std::size_t,
                                   UA_Variant* output) {
  const Method& method = *static_cast<const Method*>(context);
  return method.owner->give(method, session_user(session), {input, n}, output);
}

UA_StatusCode CommandMethods::give(const Method& method, const std::string& user, std::span<const UA_Variant> input,
                                   UA_Variant* output) const {
  asset::CommandRequest request{*method.machine, *method.command, {}, user, "opcua"};
  for (const UA_Variant& value : input) request.values.push_back(value_of(value));
  if (user.empty()) {
    request.by = "anonymous";
    commands_->refuse(request, "anonymous clients give no commands");
    return UA_STATUSCODE_BADUSERACCESSDENIED;
  }
  if (!may_act_(user, method.command->right, method.machine->name)) {
    commands_->refuse(request, fmt::format("{} lacks the right to {}", user,
                                           asset::kCommandRights[static_cast<std::size_t>(method.command->right)]));
    return UA_STATUSCODE_BADUSERACCESSDENIED;
  }
  const auto result = commands_->give(request, kCommandTimeout);
  if (!result) return status_of(result.error().code);
  const UA_String text = borrow(*result);
  return UA_Variant_setScalarCopy(output, &text, &UA_TYPES[UA_TYPES_STRING]);
}

}  // namespace millwright::opcua
