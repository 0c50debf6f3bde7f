#include "connectors/opcua_client_commands.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include <fmt/format.h>
#include <open62541/nodeids.h>

#include "connectors/opcua_address.hpp"
#include "connectors/opcua_client_values.hpp"

namespace millwright::connectors::opcua_detail {
namespace {

using asset::CommandValue;
using core::ErrorCode;
using core::unexpected;

using WriteRequest = Ua<UA_WriteRequest, UA_TYPES_WRITEREQUEST>;
using WriteResponse = Ua<UA_WriteResponse, UA_TYPES_WRITERESPONSE>;
using CallRequest = Ua<UA_CallRequest, UA_TYPES_CALLREQUEST>;
using CallResponse = Ua<UA_CallResponse, UA_TYPES_CALLRESPONSE>;
using Variant = Ua<UA_Variant, UA_TYPES_VARIANT>;

std::optional<double> real_of(const CommandValue& value) {
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? 1 : 0;
  return std::nullopt;
}

std::optional<std::int64_t> whole_of(const CommandValue& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return *whole;
  const auto real = real_of(value);
  constexpr double kEnd = 9223372036854775808.0;
  if (!real || *real != std::trunc(*real) || *real < -kEnd || *real >= kEnd) return std::nullopt;
  return static_cast<std::int64_t>(*real);
}

template <typename T>
bool put_whole(const CommandValue& value, const UA_DataType& type, UA_Variant& out) {
  const auto whole = whole_of(value);
  if (!whole || !std::in_range<T>(*whole)) return false;
  const T scalar = static_cast<T>(*whole);
  return UA_Variant_setScalarCopy(&out, &scalar, &type) == UA_STATUSCODE_GOOD;
}

core::Error refused(std::string_view what, UA_StatusCode code) {
  const ErrorCode kind = code == UA_STATUSCODE_BADNODEIDUNKNOWN ? ErrorCode::kNotFound : ErrorCode::kConflict;
  return {kind, fmt::format("the server refused {}: {}", what, UA_StatusCode_name(code))};
}

core::Error no_fit(const CommandValue& value, const UA_DataType& type) {
  return {ErrorCode::kInvalid, fmt::format("'{}' does not fit the server's type, {}", asset::to_string(value),
                                           type.typeName == nullptr ? "unknown" : type.typeName)};
}

std::string text_of(const UA_Variant& value) {
  UA_String text = UA_STRING_NULL;
  if (UA_print(&value, &UA_TYPES[UA_TYPES_VARIANT], &text) != UA_STATUSCODE_GOOD) return "?";
  std::string out(view(text));
  UA_String_clear(&text);
  return out;
}

}  // namespace

bool to_variant(const CommandValue& value, const UA_DataType& type, UA_Variant& out) {
  const auto* text = std::get_if<std::string>(&value);
  switch (type.typeKind) {
    case UA_DATATYPEKIND_BOOLEAN: {
      const auto whole = whole_of(value);
      if (!whole || (*whole != 0 && *whole != 1)) return false;
      const UA_Boolean flag = *whole == 1;
      return UA_Variant_setScalarCopy(&out, &flag, &type) == UA_STATUSCODE_GOOD;
    }
    case UA_DATATYPEKIND_SBYTE:
      return put_whole<std::int8_t>(value, type, out);
    case UA_DATATYPEKIND_BYTE:
      return put_whole<std::uint8_t>(value, type, out);
    case UA_DATATYPEKIND_INT16:
      return put_whole<std::int16_t>(value, type, out);
    case UA_DATATYPEKIND_UINT16:
      return put_whole<std::uint16_t>(value, type, out);
    case UA_DATATYPEKIND_INT32:
    case UA_DATATYPEKIND_ENUM:
      return put_whole<std::int32_t>(value, type, out);
    case UA_DATATYPEKIND_UINT32:
      return put_whole<std::uint32_t>(value, type, out);
    case UA_DATATYPEKIND_INT64:
      return put_whole<std::int64_t>(value, type, out);
    case UA_DATATYPEKIND_UINT64:
      return put_whole<std::uint64_t>(value, type, out);
    case UA_DATATYPEKIND_FLOAT: {
      const auto real = real_of(value);
      if (!real || std::abs(*real) > static_cast<double>(std::numeric_limits<float>::max())) return false;
      const auto nearest = static_cast<UA_Float>(*real);
      return UA_Variant_setScalarCopy(&out, &nearest, &type) == UA_STATUSCODE_GOOD;
    }
    case UA_DATATYPEKIND_DOUBLE: {
      const auto real = real_of(value);
      return real && UA_Variant_setScalarCopy(&out, &*real, &type) == UA_STATUSCODE_GOOD;
    }
    case UA_DATATYPEKIND_STRING: {
      if (text == nullptr) return false;
      const UA_String borrowed = borrow(*text);
      return UA_Variant_setScalarCopy(&out, &borrowed, &type) == UA_STATUSCODE_GOOD;
    }
    case UA_DATATYPEKIND_LOCALIZEDTEXT: {
      if (text == nullptr) return false;
      const UA_LocalizedText borrowed{UA_STRING_NULL, borrow(*text)};
      return UA_Variant_setScalarCopy(&out, &borrowed, &type) == UA_STATUSCODE_GOOD;
    }
    default:
      return false;
  }
}

core::Result<std::string> Commander::execute(const asset::Command& command, std::span<const CommandValue> values) {
  auto target = find(command.target.address);
  if (!target) return unexpected(target.error());
  if (command.kind == asset::CommandKind::kWrite) {
    return write(*target, values.empty() ? CommandValue(command.value.value_or(0)) : values.front());
  }
  auto object = find(command.object);
  if (!object) return unexpected(object.error());
  return call(*object, *target, values);
}

core::Result<NodeId> Commander::find(std::string_view address) {
  auto parsed = parse_address(address);
  if (!parsed) return unexpected(parsed.error());
  if (parsed->path.empty() && parsed->namespace_uri.empty()) return std::move(parsed->node);
  if (parsed->path.empty()) {
    const auto namespaces = services_.namespaces();
    if (!namespaces) return unexpected(namespaces.error());
    const auto at = std::find(namespaces->begin(), namespaces->end(), parsed->namespace_uri);
    if (at == namespaces->end()) {
      return unexpected(ErrorCode::kNotFound, fmt::format("the server has no namespace {}", parsed->namespace_uri));
    }
    parsed->node->namespaceIndex = static_cast<UA_UInt16>(at - namespaces->begin());
    return std::move(parsed->node);
  }
  NodeId node;
  *node = UA_NODEID_NUMERIC(0, UA_NS0ID_OBJECTSFOLDER);
  for (const std::string& name : parsed->path) {
    const UA_NodeId* const at = &*node;
    NodeId next;
    bool found = false;
    const auto take = [&](std::size_t, const UA_ReferenceDescription& reference) {
      if (found || !is_named(reference, name)) return;
      found = UA_NodeId_copy(&reference.nodeId.nodeId, &*next) == UA_STATUSCODE_GOOD;
    };
    UA_StatusCode why = UA_STATUSCODE_GOOD;
    const auto refuse = [&](std::size_t, UA_StatusCode code) { why = code; };
    if (auto browsed = services_.browse(std::span(&at, 1), {}, take, refuse); !browsed) {
      return unexpected(browsed.error());
    }
    if (!found && why != UA_STATUSCODE_GOOD) return unexpected(refused(fmt::format("to say where '{}' is", name), why));
    if (!found) return unexpected(ErrorCode::kNotFound, fmt::format("there is no '{}' of '{}'", name, address));
    node = std::move(next);
  }
  return node;
}

core::Result<std::string> Commander::write(const NodeId& node, const CommandValue& value) {
  const UA_DataType* type = nullptr;
  UA_StatusCode status = UA_STATUSCODE_GOOD;
  const Services::What what[] = {{&*node, UA_ATTRIBUTEID_VALUE}, {&*node, UA_ATTRIBUTEID_DATATYPE}};
  const auto read = services_.read(what, [&](std::size_t index, UA_DataValue& found) {
    if (index == 0) {
      if (found.hasValue && UA_Variant_isScalar(&found.value)) type = found.value.type;
    } else if (UA_Variant_hasScalarType(&found.value, &UA_TYPES[UA_TYPES_NODEID])) {
      if (type == nullptr) type = UA_findDataType(static_cast<const UA_NodeId*>(found.value.data));
    } else if (found.hasStatus) {
      status = found.status;
    }
  });
  if (!read) return unexpected(read.error());
  if (type == nullptr) return unexpected(refused("to say its type", status));
  WriteRequest request;
  request->nodesToWrite = make_array<UA_WriteValue>(1, UA_TYPES_WRITEVALUE);
  request->nodesToWriteSize = 1;
  UA_WriteValue& written = request->nodesToWrite[0];
  UA_NodeId_copy(&*node, &written.nodeId);
  written.attributeId = UA_ATTRIBUTEID_VALUE;
  written.value.hasValue = true;
  if (!to_variant(value, *type, written.value.value)) return unexpected(no_fit(value, *type));
  auto response = services_.link().call<WriteResponse>(request);
  if (!response) return unexpected(response.error().within("writing"));
  if ((*response)->resultsSize != 1) return unexpected(ErrorCode::kConflict, "the server gave no result");
  if (UA_StatusCode_isBad((*response)->results[0])) return unexpected(refused("the value", (*response)->results[0]));
  return std::string();
}

// As the method declares them; of one that declares nothing, an empty list.
core::Result<std::vector<const UA_DataType*>> Commander::types_of_arguments(const NodeId& method) {
  const UA_NodeId* const at = &*method;
  NodeId arguments;
  bool found = false;
  UA_StatusCode why = UA_STATUSCODE_GOOD;
  auto browsed = services_.browse(
      std::span(&at, 1), {.classes = UA_NODECLASS_VARIABLE},
      [&](std::size_t, const UA_ReferenceDescription& reference) {
        if (found || view(reference.browseName.name) != "InputArguments") return;
        found = true;
        UA_NodeId_copy(&reference.nodeId.nodeId, &*arguments);
      },
      [&](std::size_t, UA_StatusCode code) { why = code; });
  if (!browsed) return unexpected(browsed.error());
  if (!found && why != UA_STATUSCODE_GOOD) return unexpected(refused("to say what the method takes", why));
  std::vector<const UA_DataType*> types;
  if (!found) return types;
  const Services::What what{&*arguments, UA_ATTRIBUTEID_VALUE};
  const auto read = services_.read(std::span(&what, 1), [&](std::size_t, UA_DataValue& value) {
    if (!UA_Variant_hasArrayType(&value.value, &UA_TYPES[UA_TYPES_ARGUMENT])) return;
    const auto* each = static_cast<const UA_Argument*>(value.value.data);
    for (std::size_t i = 0; i < value.value.arrayLength; ++i) types.push_back(UA_findDataType(&each[i].dataType));
  });
  if (!read) return unexpected(read.error());
  return types;
}

core::Result<std::string> Commander::call(const NodeId& object, const NodeId& method,
                                          std::span<const CommandValue> values) {
  const auto types = types_of_arguments(method);
  if (!types) return unexpected(types.error());
  if (types->size() != values.size()) {
    return unexpected(ErrorCode::kInvalid,
                      fmt::format("the server's method takes {} arguments, not {}", types->size(), values.size()));
  }
  CallRequest request;
  request->methodsToCall = make_array<UA_CallMethodRequest>(1, UA_TYPES_CALLMETHODREQUEST);
  request->methodsToCallSize = 1;
  UA_CallMethodRequest& called = request->methodsToCall[0];
  UA_NodeId_copy(&*object, &called.objectId);
  UA_NodeId_copy(&*method, &called.methodId);
  called.inputArguments = make_array<UA_Variant>(values.size(), UA_TYPES_VARIANT);
  called.inputArgumentsSize = values.size();
  for (std::size_t i = 0; i < values.size(); ++i) {
    // An enumeration of the server's own is an Int32.
    const UA_DataType& type = (*types)[i] == nullptr ? UA_TYPES[UA_TYPES_INT32] : *(*types)[i];
    if (!to_variant(values[i], type, called.inputArguments[i])) return unexpected(no_fit(values[i], type));
  }
  auto response = services_.link().call<CallResponse>(request);
  if (!response) return unexpected(response.error().within("calling"));
  if ((*response)->resultsSize != 1) return unexpected(ErrorCode::kConflict, "the server gave no result");
  const UA_CallMethodResult& result = (*response)->results[0];
  if (UA_StatusCode_isBad(result.statusCode)) return unexpected(refused("the call", result.statusCode));
  std::string text;
  for (std::size_t i = 0; i < result.outputArgumentsSize; ++i) {
    text += (i == 0 ? "" : ", ") + text_of(result.outputArguments[i]);
  }
  return text;
}

}  // namespace millwright::connectors::opcua_detail
