// A small OPC UA server for the client's tests: open62541 with variables that store what a test writes.
//
// Threads: the test's; the server runs in one of its own.
#pragma once

#include <atomic>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include <gtest/gtest.h>
#include <open62541/plugin/log.h>
#include <open62541/server.h>
#include <open62541/server_config_default.h>

#include "connectors/opcua_client_types.hpp"
#include "core/quality.hpp"
#include "core/time.hpp"
#include "io/tests/foreign_server.hpp"

namespace millwright::connectors {

inline constexpr const char* kTestNamespace = "urn:test:plc";

using io::free_port;

class TestServer {
 public:
  explicit TestServer(std::uint16_t port, std::uint32_t max_items_per_call = 0,
                      const std::function<void(UA_ServerConfig&)>& configure = {})
      : port_(port) {
    UA_ServerConfig config;
    std::memset(&config, 0, sizeof config);
    logger_.log = [](void*, UA_LogLevel, UA_LogCategory, const char*, va_list) {};
    config.logging = &logger_;
    EXPECT_EQ(UA_ServerConfig_setMinimal(&config, port, nullptr), UA_STATUSCODE_GOOD);
    UA_String_clear(&config.serverUrls[0]);
    config.serverUrls[0] = opcua_detail::copy("opc.tcp://127.0.0.1:" + std::to_string(port));
    config.samplingIntervalLimits.min = 0;
    config.publishingIntervalLimits.min = 10;
    config.queueSizeLimits.max = 100'000;
    config.maxNotificationsPerPublish = 5'000;
    config.maxMonitoredItemsPerCall = max_items_per_call;
    config.maxNodesPerBrowse = max_items_per_call;
    config.monitoredItemRegisterCallback = [](UA_Server* server, const UA_NodeId*, void*, const UA_NodeId*, void*,
                                              UA_UInt32, UA_Boolean is_removed) {
      auto& self = *static_cast<TestServer*>(UA_Server_getConfig(server)->context);
      is_removed ? --self.items_ : ++self.items_;
    };
    config.context = this;
    if (configure) configure(config);
    server_ = UA_Server_newWithConfig(&config);
    EXPECT_NE(server_, nullptr);
    ns_ = UA_Server_addNamespace(server_, kTestNamespace);
  }
  ~TestServer() { stop(); }

  void start() {
    EXPECT_EQ(UA_Server_run_startup(server_), UA_STATUSCODE_GOOD);
    thread_ = std::thread([this] {
      while (!stop_) UA_Server_run_iterate(server_, true);
      UA_Server_run_shutdown(server_);
    });
  }
  void stop() {
    if (server_ == nullptr) return;
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    UA_Server_delete(server_);
    server_ = nullptr;
  }

  // That clients have made and not deleted.
  [[nodiscard]] std::size_t monitored_items() const { return items_; }
  [[nodiscard]] std::uint16_t ns() const { return ns_; }
  [[nodiscard]] std::string endpoint() const { return "opc.tcp://127.0.0.1:" + std::to_string(port_); }

  UA_NodeId id(std::string_view name) const {
    UA_NodeId id;
    UA_NodeId_init(&id);
    id.namespaceIndex = ns_;
    id.identifierType = UA_NODEIDTYPE_STRING;
    id.identifier.string = opcua_detail::borrow(name);
    return id;
  }
  void add_folder(std::string_view name, std::string_view parent = "") {
    UA_ObjectAttributes attributes = UA_ObjectAttributes_default;
    const std::string_view leaf = name.substr(name.rfind('/') + 1);
    EXPECT_EQ(UA_Server_addObjectNode(server_, id(name), parent_of(parent), UA_NODEID_NUMERIC(0, UA_NS0ID_ORGANIZES),
                                      {ns_, opcua_detail::borrow(leaf)}, UA_NODEID_NUMERIC(0, UA_NS0ID_FOLDERTYPE),
                                      attributes, nullptr, nullptr),
              UA_STATUSCODE_GOOD);
  }
  void add(std::string_view name, std::string_view parent = "") {
    UA_VariableAttributes attributes = UA_VariableAttributes_default;
    attributes.accessLevel = UA_ACCESSLEVELMASK_READ | UA_ACCESSLEVELMASK_WRITE;
    const std::string_view leaf = name.substr(name.rfind('/') + 1);
    EXPECT_EQ(
        UA_Server_addVariableNode(server_, id(name), parent_of(parent), UA_NODEID_NUMERIC(0, UA_NS0ID_ORGANIZES),
                                  {ns_, opcua_detail::borrow(leaf)},
                                  UA_NODEID_NUMERIC(0, UA_NS0ID_BASEDATAVARIABLETYPE), attributes, nullptr, nullptr),
        UA_STATUSCODE_GOOD);
  }

  // That the server tells of a node at a time; before start().
  void limit_references(std::uint32_t most) { UA_Server_getConfig(server_)->maxReferencesPerNode = most; }
  // Its values are kept, and can be read from history.
  void add_with_history(std::string_view name) {
    add(name);
    EXPECT_EQ(UA_Server_writeHistorizing(server_, id(name), true), UA_STATUSCODE_GOOD);
    const UA_Byte level = UA_ACCESSLEVELMASK_READ | UA_ACCESSLEVELMASK_WRITE | UA_ACCESSLEVELMASK_HISTORYREAD;
    EXPECT_EQ(UA_Server_writeAccessLevel(server_, id(name), level), UA_STATUSCODE_GOOD);
  }
  void remove(std::string_view name) { EXPECT_EQ(UA_Server_deleteNode(server_, id(name), true), UA_STATUSCODE_GOOD); }

  // A method that gives the sum of its two arguments; the second is a UInt16.
  void add_method(std::string_view name) {
    UA_Argument arguments[3];
    const std::size_t types[] = {UA_TYPES_DOUBLE, UA_TYPES_UINT16, UA_TYPES_DOUBLE};
    for (int i = 0; i < 3; ++i) {
      UA_Argument_init(&arguments[i]);
      arguments[i].dataType = UA_TYPES[types[i]].typeId;
      arguments[i].valueRank = UA_VALUERANK_SCALAR;
    }
    UA_MethodAttributes attributes = UA_MethodAttributes_default;
    attributes.executable = attributes.userExecutable = true;
    const auto sum = [](UA_Server*, const UA_NodeId*, void*, const UA_NodeId*, void*, const UA_NodeId*, void*,
                        std::size_t, const UA_Variant* input, std::size_t, UA_Variant* output) -> UA_StatusCode {
      const double result = *static_cast<const double*>(input[0].data) + *static_cast<const UA_UInt16*>(input[1].data);
      return UA_Variant_setScalarCopy(output, &result, &UA_TYPES[UA_TYPES_DOUBLE]);
    };
    EXPECT_EQ(UA_Server_addMethodNode(server_, id(name), parent_of(""), UA_NODEID_NUMERIC(0, UA_NS0ID_HASCOMPONENT),
                                      {ns_, opcua_detail::borrow(name)}, attributes, sum, 2, arguments, 1,
                                      &arguments[2], nullptr, nullptr),
              UA_STATUSCODE_GOOD);
  }
  void make_read_only(std::string_view name) {
    EXPECT_EQ(UA_Server_writeAccessLevel(server_, id(name), UA_ACCESSLEVELMASK_READ), UA_STATUSCODE_GOOD);
  }

  void write(std::string_view name, UA_DataValue& value) {
    EXPECT_EQ(UA_Server_writeDataValue(server_, id(name), value), UA_STATUSCODE_GOOD) << name;
  }
  template <typename T>
  void write(std::string_view name, T value, std::size_t type, core::TimeNs time, std::uint32_t status = 0) {
    UA_DataValue data;
    UA_DataValue_init(&data);
    UA_Variant_setScalar(&data.value, &value, &UA_TYPES[type]);
    data.hasValue = true;
    set(data, time, status);
    write(name, data);
  }
  void write_double(std::string_view name, double value, core::TimeNs time, std::uint32_t status = 0) {
    write(name, value, UA_TYPES_DOUBLE, time, status);
  }
  void write_nothing(std::string_view name, core::TimeNs time, std::uint32_t status) {
    UA_DataValue data;
    UA_DataValue_init(&data);
    set(data, time, status);
    write(name, data);
  }

 private:
  static void set(UA_DataValue& data, core::TimeNs time, std::uint32_t status) {
    data.hasStatus = status != 0;
    data.status = status;
    data.hasSourceTimestamp = true;
    data.sourceTimestamp = time / 100 + UA_DATETIME_UNIX_EPOCH;
    data.hasSourcePicoseconds = time % 100 != 0;
    data.sourcePicoseconds = static_cast<UA_UInt16>(time % 100 * 100);
  }
  UA_NodeId parent_of(std::string_view parent) const {
    return parent.empty() ? UA_NODEID_NUMERIC(0, UA_NS0ID_OBJECTSFOLDER) : id(parent);
  }

  std::uint16_t port_;
  std::uint16_t ns_ = 0;
  UA_Logger logger_{};
  UA_Server* server_ = nullptr;
  std::atomic<bool> stop_{false};
  std::atomic<std::size_t> items_{0};
  std::thread thread_;
};

}  // namespace millwright::connectors
