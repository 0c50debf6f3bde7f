// open62541's client for the server's tests, with the calls that they need.
//
// Threads: one.
#pragma once

#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <open62541/client.h>
#include <open62541/client_config_default.h>
#include <open62541/client_highlevel.h>
#include <open62541/client_subscriptions.h>

#include "core/text.hpp"
#include "opcua/address_space.hpp"
#include "opcua/ua.hpp"

namespace millwright::opcua {

class TestClient {
 public:
  explicit TestClient(const std::string& endpoint) {
    UA_ClientConfig config;
    std::memset(&config, 0, sizeof config);
    logger_.log = [](void*, UA_LogLevel, UA_LogCategory, const char*, va_list) {};
    config.logging = &logger_;
    EXPECT_EQ(UA_ClientConfig_setDefault(&config), UA_STATUSCODE_GOOD);
    client_ = UA_Client_newWithConfig(&config);
    EXPECT_EQ(UA_Client_connect(client_, endpoint.c_str()), UA_STATUSCODE_GOOD);
    plant_ = index_of(kPlantNamespace);
    machinery_ = index_of(kMachineryNamespace);
  }
  ~TestClient() { UA_Client_delete(client_); }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  [[nodiscard]] UA_NodeId plant(std::string_view id) const { return borrow_id(plant_, id); }
  [[nodiscard]] UA_NodeId machines() const { return UA_NODEID_NUMERIC(machinery_, kMachinesNode); }
  [[nodiscard]] std::uint16_t plant_namespace() const { return plant_; }
  UA_Client* get() { return client_; }

  std::shared_ptr<UA_DataValue> read(const UA_NodeId& id, UA_AttributeId attribute = UA_ATTRIBUTEID_VALUE) {
    UA_ReadValueId what;
    UA_ReadValueId_init(&what);
    what.nodeId = id;
    what.attributeId = static_cast<UA_UInt32>(attribute);
    UA_ReadRequest request;
    UA_ReadRequest_init(&request);
    request.nodesToRead = &what;
    request.nodesToReadSize = 1;
    request.timestampsToReturn = UA_TIMESTAMPSTORETURN_BOTH;
    UA_ReadResponse response = UA_Client_Service_read(client_, request);
    auto value = std::shared_ptr<UA_DataValue>(UA_DataValue_new(), [](UA_DataValue* v) { UA_DataValue_delete(v); });
    EXPECT_EQ(response.responseHeader.serviceResult, UA_STATUSCODE_GOOD);
    if (response.resultsSize == 1) UA_DataValue_copy(&response.results[0], value.get());
    UA_ReadResponse_clear(&response);
    return value;
  }
  template <typename T>
  std::optional<T> scalar(const UA_DataValue& value, std::size_t type) {
    if (!value.hasValue || !UA_Variant_hasScalarType(&value.value, &UA_TYPES[type])) return std::nullopt;
    T out;
    std::memcpy(&out, value.value.data, sizeof(T));
    return out;
  }

  struct Child {
    std::string name;
    std::uint32_t reference;
    std::string id;
    std::uint32_t type;
    UA_NodeId number = UA_NODEID_NULL;  // where it has no text
  };
  std::vector<Child> browse(const UA_NodeId& id) {
    UA_BrowseDescription what;
    UA_BrowseDescription_init(&what);
    what.nodeId = id;
    what.resultMask = UA_BROWSERESULTMASK_ALL;
    what.referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HIERARCHICALREFERENCES);
    what.includeSubtypes = true;
    UA_BrowseRequest request;
    UA_BrowseRequest_init(&request);
    request.nodesToBrowse = &what;
    request.nodesToBrowseSize = 1;
    UA_BrowseResponse response = UA_Client_Service_browse(client_, request);
    std::vector<Child> children;
    for (std::size_t i = 0; response.resultsSize == 1 && i < response.results[0].referencesSize; ++i) {
      const UA_ReferenceDescription& r = response.results[0].references[i];
      const bool is_text = r.nodeId.nodeId.identifierType == UA_NODEIDTYPE_STRING;
      children.push_back({std::string(view(r.browseName.name)), r.referenceTypeId.identifier.numeric,
                          is_text ? std::string(view(r.nodeId.nodeId.identifier.string)) : "",
                          r.typeDefinition.nodeId.identifier.numeric, is_text ? UA_NODEID_NULL : r.nodeId.nodeId});
    }
    UA_BrowseResponse_clear(&response);
    return children;
  }

  // The property of that name; the id lives as long as the client.
  UA_NodeId property(std::string_view of, std::string_view name) {
    for (const Child& child : browse(plant(of))) {
      if (child.name == name) return plant(*ids_.insert(child.id).first);
    }
    ADD_FAILURE() << of << " has no " << name;
    return UA_NODEID_NULL;
  }

  // Subscribes to events at `node`, by the names of BaseEventType's fields and those of the plant's own type.
  struct Event {
    std::map<std::string, std::shared_ptr<UA_Variant>> fields;
    template <typename T>
    std::optional<T> get(const std::string& name, std::size_t type) const {
      const auto at = fields.find(name);
      if (at == fields.end() || !UA_Variant_hasScalarType(at->second.get(), &UA_TYPES[type])) return std::nullopt;
      T out;
      std::memcpy(&out, at->second->data, sizeof(T));
      return out;
    }
    [[nodiscard]] std::string text(const std::string& name) const {
      if (const auto localized = get<UA_LocalizedText>(name, UA_TYPES_LOCALIZEDTEXT))
        return std::string(view(localized->text));
      if (const auto plain = get<UA_String>(name, UA_TYPES_STRING)) return std::string(view(*plain));
      return "(no text)";
    }
  };
  struct Listener {
    std::vector<std::pair<std::uint16_t, std::string>> names;
    std::vector<Event> events;
  };
  std::uint32_t subscribe_events(const UA_NodeId& node, Listener& listener) {
    std::vector<UA_SimpleAttributeOperand> operands(listener.names.size());
    std::vector<std::vector<UA_QualifiedName>> paths(listener.names.size());
    for (std::size_t i = 0; i < operands.size(); ++i) {
      UA_SimpleAttributeOperand_init(&operands[i]);
      for (const std::string_view name : core::split(listener.names[i].second, '/')) {
        if (!name.empty()) paths[i].push_back(borrow_name(listener.names[i].first, name));
      }
      operands[i].typeDefinitionId = UA_NODEID_NUMERIC(0, UA_NS0ID_BASEEVENTTYPE);
      operands[i].browsePath = paths[i].data();
      operands[i].browsePathSize = paths[i].size();
      // Without a path it is the condition itself that is asked for (OPC 10000-9, 5.5.2).
      operands[i].attributeId = paths[i].empty() ? UA_ATTRIBUTEID_NODEID : UA_ATTRIBUTEID_VALUE;
    }
    UA_EventFilter filter;
    UA_EventFilter_init(&filter);
    filter.selectClauses = operands.data();
    filter.selectClausesSize = operands.size();
    UA_CreateSubscriptionRequest request = UA_CreateSubscriptionRequest_default();
    request.requestedPublishingInterval = 20;
    const auto subscription = UA_Client_Subscriptions_create(client_, request, nullptr, nullptr, nullptr);
    UA_MonitoredItemCreateRequest item = UA_MonitoredItemCreateRequest_default(node);
    item.itemToMonitor.attributeId = UA_ATTRIBUTEID_EVENTNOTIFIER;
    item.requestedParameters.queueSize = 10'000;
    item.requestedParameters.filter.encoding = UA_EXTENSIONOBJECT_DECODED_NODELETE;
    item.requestedParameters.filter.content.decoded = {&UA_TYPES[UA_TYPES_EVENTFILTER], &filter};
    auto created =
        UA_Client_MonitoredItems_createEvent(client_, subscription.subscriptionId, UA_TIMESTAMPSTORETURN_BOTH, item,
                                             &listener, &TestClient::on_event, nullptr);
    const std::uint32_t status = created.statusCode;
    UA_MonitoredItemCreateResult_clear(&created);
    return status;
  }
  UA_StatusCode call(const UA_NodeId& object, std::uint32_t method, std::vector<UA_Variant> input) {
    std::size_t n = 0;
    UA_Variant* output = nullptr;
    const UA_StatusCode code =
        UA_Client_call(client_, object, UA_NODEID_NUMERIC(0, method), input.size(), input.data(), &n, &output);
    UA_Array_delete(output, n, &UA_TYPES[UA_TYPES_VARIANT]);
    return code;
  }
  // Lets the client work until the condition holds.
  template <typename Condition>
  bool until(Condition condition, int within_ms = 20'000) {
    for (int waited = 0; waited < within_ms; waited += 10) {
      if (condition()) return true;
      UA_Client_run_iterate(client_, 10);
    }
    return condition();
  }

 private:
  static void on_event(UA_Client*, UA_UInt32, void*, UA_UInt32, void* context, std::size_t n, UA_Variant* fields) {
    auto& listener = *static_cast<Listener*>(context);
    Event event;
    for (std::size_t i = 0; i < n; ++i) {
      auto copied = std::shared_ptr<UA_Variant>(UA_Variant_new(), [](UA_Variant* v) { UA_Variant_delete(v); });
      UA_Variant_copy(&fields[i], copied.get());
      event.fields[listener.names[i].second] = copied;
    }
    listener.events.push_back(std::move(event));
  }
  std::uint16_t index_of(std::string_view uri) {
    UA_String borrowed = borrow(uri);
    UA_UInt16 index = 0;
    EXPECT_EQ(UA_Client_NamespaceGetIndex(client_, &borrowed, &index), UA_STATUSCODE_GOOD) << uri;
    return index;
  }

  std::set<std::string> ids_;
  UA_Logger logger_{};
  UA_Client* client_ = nullptr;
  std::uint16_t plant_ = 0;
  std::uint16_t machinery_ = 0;
};

}  // namespace millwright::opcua
