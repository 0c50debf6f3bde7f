#include "simulator/opcua_source.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstring>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <open62541/plugin/eventloop.h>
#include <open62541/plugin/log.h>
#include <open62541/server.h>
#include <open62541/server_config_default.h>

#include "core/log.hpp"
#include "core/text.hpp"
#include "io/network.hpp"

namespace millwright::simulator {
namespace {

constexpr const char* kApplicationUri = "urn:millwright:simulator:server";

// What the library calls a warning or an error is a client's leaving, or what a simulator is for: open to everybody on
// this machine. What stops us is told by the calls' status codes.
void log_to_ours(void*, UA_LogLevel level, UA_LogCategory, const char* format, va_list arguments) {
  const auto ours = level >= UA_LOGLEVEL_FATAL ? spdlog::level::err : spdlog::level::debug;
  const auto logger = core::logger("simulator");
  if (level < UA_LOGLEVEL_WARNING || !logger->should_log(ours)) return;
  char text[512];
  std::vsnprintf(text, sizeof text, format, arguments);
  logger->log(ours, "OPC UA server: {}", text);
}
UA_Logger g_logger = {log_to_ours, nullptr, nullptr};

UA_String borrow(std::string_view text) {
  return {text.size(), reinterpret_cast<UA_Byte*>(const_cast<char*>(text.data()))};
}
UA_LocalizedText borrow_text(std::string_view text) {
  return {UA_STRING_NULL, borrow(text)};
}

core::Status check(UA_StatusCode code, std::string_view what) {
  if (code == UA_STATUSCODE_GOOD) return {};
  return core::unexpected(core::ErrorCode::kIo, fmt::format("OPC UA server: {}: {}", what, UA_StatusCode_name(code)));
}

const UA_DataType* data_type(core::ValueType type) {
  switch (type) {
    case core::ValueType::kFloat64:
      return &UA_TYPES[UA_TYPES_DOUBLE];
    case core::ValueType::kFloat32:
      return &UA_TYPES[UA_TYPES_FLOAT];
    case core::ValueType::kInt64:
      return &UA_TYPES[UA_TYPES_INT64];
    case core::ValueType::kBool:
      return &UA_TYPES[UA_TYPES_BOOLEAN];
    case core::ValueType::kState:
      return &UA_TYPES[UA_TYPES_INT32];
    case core::ValueType::kText:
      return &UA_TYPES[UA_TYPES_STRING];
  }
  return nullptr;
}

UA_DateTime to_date_time(core::TimeNs time) {  // 100 ns since 1601
  return core::floor_to(time, 100) / 100 + UA_DATETIME_UNIX_EPOCH;
}

struct Address {
  std::optional<std::string_view> namespace_uri;
  std::uint16_t namespace_index = 0;
  std::optional<std::uint32_t> numeric;  // else text
  std::string_view text;
};

core::Result<Address> parse_address(std::string_view whole) {
  const auto fail = [&] {
    return core::unexpected(core::ErrorCode::kInvalid, fmt::format("'{}' is no NodeId that can be simulated; write "
                                                                   "nsu={};s=name, ns=2;s=name or ns=2;i=1001",
                                                                   whole, kNamespaceUri));
  };
  Address address;
  std::string_view rest = whole;
  if (const auto end = rest.find(';'); end != std::string_view::npos) {
    const std::string_view space = rest.substr(0, end);
    if (space.starts_with("nsu=")) {
      address.namespace_uri = space.substr(4);
    } else if (space.starts_with("ns=")) {
      const auto index = core::parse_int(space.substr(3));
      if (!index || *index < 1 || *index > 255) return fail();
      address.namespace_index = static_cast<std::uint16_t>(*index);
    }
    if (space.starts_with("ns")) rest.remove_prefix(end + 1);
  }
  if (rest.size() < 3 || rest[1] != '=') return fail();
  if (!address.namespace_uri && address.namespace_index == 0) return fail();  // namespace 0 is the standard's
  address.text = rest.substr(2);
  if (rest[0] == 's') return address;
  const auto number = core::parse_int(address.text);
  if (rest[0] != 'i' || !number || *number < 0 || *number > UINT32_MAX) return fail();
  address.numeric = static_cast<std::uint32_t>(*number);
  return address;
}

bool is_node_id(std::string_view address) {
  return address.starts_with("ns=") || address.starts_with("nsu=") || address.starts_with("s=") ||
         address.starts_with("i=") || address.starts_with("g=") || address.starts_with("b=");
}

}  // namespace

struct OpcUaSource::Impl {
  struct Variable {
    UA_NodeId id;  // owned
    const UA_DataType* type = nullptr;
    std::size_t width = 0;
    bool odd = false;  // for Report::kWrites
  };

  ~Impl() {
    if (started) UA_Server_run_shutdown(server);
    if (server != nullptr) UA_Server_delete(server);
    for (Variable& variable : variables) UA_NodeId_clear(&variable.id);
  }

  core::Status configure(std::uint16_t wanted_port);
  core::Status add(const OpcUaVariable& variable);
  core::Result<UA_NodeId> folder(const std::vector<std::string>& names);
  core::Status claim_namespaces(std::uint16_t index);
  static void on_item(UA_Server* server, const UA_NodeId*, void*, const UA_NodeId*, void* node_context, UA_UInt32,
                      UA_Boolean removed);

  UA_Server* server = nullptr;
  bool started = false;
  std::uint16_t port = 0;
  OpcUaSourceOptions::Report report = OpcUaSourceOptions::Report::kChanges;
  std::uint16_t own_namespace = 0;
  std::vector<Variable> variables;
  std::map<std::vector<std::string>, UA_UInt32> folders;  // numeric id in our namespace
  std::size_t items = 0;
  std::uint64_t item_changes = 0;
};

void OpcUaSource::Impl::on_item(UA_Server*, const UA_NodeId*, void*, const UA_NodeId*, void* node_context, UA_UInt32,
                                UA_Boolean removed) {
  if (node_context == nullptr) return;  // not one of our variables
  auto* impl = static_cast<Impl*>(node_context);
  if (!removed) {
    ++impl->items;
  } else if (impl->items > 0) {
    --impl->items;
  }
  ++impl->item_changes;
}

core::Status OpcUaSource::Impl::configure(std::uint16_t wanted_port) {
  // The library would share a port that is in use with its holder; ask for it plainly first.
  {
    io::RealNetwork network;
    auto listener = network.listen({"127.0.0.1", wanted_port});
    if (!listener) return core::unexpected(listener.error().within("OPC UA server"));
    port = (*listener)->port();
  }
  UA_ServerConfig config{};
  config.logging = &g_logger;
  if (auto status = check(UA_ServerConfig_setMinimal(&config, port, nullptr), "configuration"); !status) return status;
  UA_String_clear(&config.serverUrls[0]);
  config.serverUrls[0] = UA_String_fromChars(fmt::format("opc.tcp://127.0.0.1:{}", port).c_str());
  UA_String_clear(&config.applicationDescription.applicationUri);
  config.applicationDescription.applicationUri = UA_String_fromChars(kApplicationUri);
  UA_LocalizedText_clear(&config.applicationDescription.applicationName);
  config.applicationDescription.applicationName = UA_LOCALIZEDTEXT_ALLOC("en", "Millwright simulator");
  config.allowEmptyVariables = UA_RULEHANDLING_ACCEPT;
  config.publishingIntervalLimits.min = 10;
  config.samplingIntervalLimits.min = 5;
  config.queueSizeLimits.min = kQueueSizeMin;
  config.queueSizeLimits.max = kQueueSizeMax;
  config.maxNotificationsPerPublish = 10'000;
  config.monitoredItemRegisterCallback = on_item;
  server = UA_Server_newWithConfig(&config);
  if (server == nullptr) return core::unexpected(core::ErrorCode::kIo, "OPC UA server: out of memory");
  own_namespace = UA_Server_addNamespace(server, kNamespaceUri);
  return {};
}

core::Result<UA_NodeId> OpcUaSource::Impl::folder(const std::vector<std::string>& names) {
  UA_NodeId parent = UA_NODEID_NUMERIC(0, UA_NS0ID_OBJECTSFOLDER);
  std::vector<std::string> path;
  for (const std::string& name : names) {
    path.push_back(name);
    const auto [known, added] = folders.try_emplace(path, static_cast<UA_UInt32>(900'000'000 + folders.size()));
    const UA_NodeId id = UA_NODEID_NUMERIC(own_namespace, known->second);
    if (added) {
      UA_ObjectAttributes attributes = UA_ObjectAttributes_default;
      attributes.displayName = borrow_text(name);
      const auto status =
          check(UA_Server_addObjectNode(server, id, parent, UA_NODEID_NUMERIC(0, UA_NS0ID_ORGANIZES),
                                        {own_namespace, borrow(name)}, UA_NODEID_NUMERIC(0, UA_NS0ID_FOLDERTYPE),
                                        attributes, nullptr, nullptr),
                "folder " + name);
      if (!status) return core::unexpected(status.error());
    }
    parent = id;
  }
  return parent;
}

// An address by namespace index needs that many namespaces.
core::Status OpcUaSource::Impl::claim_namespaces(std::uint16_t index) {
  for (std::uint16_t last = own_namespace; last < index;) {
    last = UA_Server_addNamespace(server, fmt::format("{}:{}", kNamespaceUri, last + 1).c_str());
  }
  return {};
}

core::Status OpcUaSource::Impl::add(const OpcUaVariable& variable) {
  std::vector<std::string> names = variable.folders;
  std::string name = variable.name;
  UA_NodeId id = UA_NODEID_NULL;
  std::string uri;
  if (is_node_id(variable.address)) {
    const auto address = parse_address(variable.address);
    if (!address) return core::unexpected(address.error());
    std::uint16_t index = address->namespace_index;
    if (address->namespace_uri) {
      uri = *address->namespace_uri;
      index = UA_Server_addNamespace(server, uri.c_str());
    } else if (auto status = claim_namespaces(index); !status) {
      return status;
    }
    id.namespaceIndex = index;
    if (address->numeric) {
      id.identifier.numeric = *address->numeric;
    } else {
      id.identifierType = UA_NODEIDTYPE_STRING;
      id.identifier.string = borrow(address->text);
    }
  } else {
    names.clear();
    for (const std::string_view part : core::split(variable.address, '/')) names.emplace_back(part);
    name = names.back();
    names.pop_back();
    id.namespaceIndex = own_namespace;
    id.identifierType = UA_NODEIDTYPE_STRING;
    id.identifier.string = borrow(variable.address);
  }
  const auto parent = folder(names);
  if (!parent) return core::unexpected(parent.error());

  UA_VariableAttributes attributes = UA_VariableAttributes_default;
  attributes.displayName = borrow_text(name);
  attributes.dataType = data_type(variable.type)->typeId;
  attributes.valueRank = UA_VALUERANK_SCALAR;
  attributes.accessLevel = UA_ACCESSLEVELMASK_READ;
  attributes.minimumSamplingInterval = 0;  // told on write
  auto status = check(UA_Server_addVariableNode(
                          server, id, *parent, UA_NODEID_NUMERIC(0, UA_NS0ID_ORGANIZES), {own_namespace, borrow(name)},
                          UA_NODEID_NUMERIC(0, UA_NS0ID_BASEDATAVARIABLETYPE), attributes, this, nullptr),
                      "variable " + variable.address);
  if (!status) return status;
  UA_Server_setVariableNodeDynamic(server, id, true);  // or the library drops source times

  UA_DataValue waiting;
  UA_DataValue_init(&waiting);
  waiting.hasStatus = true;
  waiting.status = UA_STATUSCODE_BADWAITINGFORINITIALDATA;
  status = check(UA_Server_writeDataValue(server, id, waiting), "variable " + variable.address);
  if (!status) return status;
  Variable& added = variables.emplace_back();
  UA_NodeId_copy(&id, &added.id);
  added.type = data_type(variable.type);
  added.width = core::width(variable.type);
  return {};
}

OpcUaSource::OpcUaSource(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
OpcUaSource::~OpcUaSource() = default;

core::Result<std::unique_ptr<OpcUaSource>> OpcUaSource::start(const OpcUaSourceOptions& options,
                                                              const std::vector<OpcUaVariable>& variables) {
  auto impl = std::make_unique<Impl>();
  impl->report = options.report;
  if (auto status = impl->configure(options.port); !status) return core::unexpected(status.error());
  impl->variables.reserve(variables.size());
  for (const OpcUaVariable& variable : variables) {
    if (auto status = impl->add(variable); !status) return core::unexpected(status.error());
  }
  if (auto status = check(UA_Server_run_startup(impl->server), fmt::format("listening on port {}", impl->port));
      !status) {
    return core::unexpected(status.error());
  }
  impl->started = true;
  return std::unique_ptr<OpcUaSource>(new OpcUaSource(std::move(impl)));
}

void OpcUaSource::write(std::size_t variable, const void* value, core::TimeNs source_time) {
  Impl::Variable& v = impl_->variables.at(variable);
  alignas(8) std::byte aligned[8];
  std::memcpy(aligned, value, v.width);
  UA_DataValue data;
  UA_DataValue_init(&data);
  UA_Variant_setScalar(&data.value, aligned, v.type);
  data.value.storageType = UA_VARIANT_DATA_NODELETE;
  data.hasValue = true;
  data.sourceTimestamp = to_date_time(source_time);
  data.hasSourceTimestamp = true;
  if (impl_->report == OpcUaSourceOptions::Report::kWrites) {
    // Good said and good implied are the same to a client, but a change to the library: it reports the write even where
    // the value is the same as before, whatever the subscriber's trigger.
    v.odd = !v.odd;
    data.hasStatus = v.odd;
    data.status = UA_STATUSCODE_GOOD;
  }
  const UA_StatusCode code = UA_Server_writeDataValue(impl_->server, v.id, data);
  ASSERT(code == UA_STATUSCODE_GOOD, std::string("write to an own variable: ") + UA_StatusCode_name(code));
}

void OpcUaSource::run(core::DurationNs at_most) {
  UA_EventLoop* loop = UA_Server_getConfig(impl_->server)->eventLoop;
  loop->run(loop, static_cast<UA_UInt32>(std::max<core::DurationNs>(0, at_most) / core::kMillisecond));
}

std::uint16_t OpcUaSource::port() const {
  return impl_->port;
}
std::string OpcUaSource::endpoint() const {
  return fmt::format("opc.tcp://127.0.0.1:{}", impl_->port);
}
std::size_t OpcUaSource::sessions() const {
  return UA_Server_getStatistics(impl_->server).ss.currentSessionCount;
}
std::size_t OpcUaSource::monitored_items() const {
  return impl_->items;
}
std::uint64_t OpcUaSource::monitored_item_changes() const {
  return impl_->item_changes;
}

}  // namespace millwright::simulator
