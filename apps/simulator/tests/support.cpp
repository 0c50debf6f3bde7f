#include "support.hpp"

#include <cstring>
#include <fstream>

#include <fmt/format.h>
#include <open62541/client.h>
#include <open62541/client_config_default.h>
#include <open62541/client_highlevel.h>
#include <open62541/client_subscriptions.h>
#include <open62541/plugin/log_stdout.h>
#include <unistd.h>

#include "asset/units.hpp"
#include "simulator/opcua_source.hpp"

namespace millwright::simulator::testing {

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "millwright-simulator-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) std::abort();
  path_ = pattern;
}
TemporaryDirectory::~TemporaryDirectory() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}
std::string TemporaryDirectory::write(std::string_view name, std::string_view content) const {
  std::ofstream(file(name), std::ios::binary) << content;
  return file(name);
}

namespace {

class PlantBuilder {
 public:
  void machine(const std::string& name, const std::string& type) {
    asset::Machine machine;
    machine.id = core::MachineId(machines_.size());
    machine.name = name;
    machine.path = "acme/lyon/utilities/cooling/pumps/" + name;
    machine.type = type;
    machines_.push_back(std::move(machine));
  }
  asset::Sensor& sensor(const std::string& component, const std::string& name, core::ValueType type,
                        std::string_view unit, std::optional<asset::Range> range, double rate_hz) {
    asset::Machine& machine = machines_.back();
    asset::Sensor sensor;
    sensor.id = core::SensorId(sensors_.size());
    sensor.machine = machine.id;
    sensor.name = name;
    sensor.component = component;
    sensor.path = machine.path + (component.empty() ? "" : "/" + component) + "/" + name;
    sensor.type = type;
    sensor.unit = unit.empty() ? nullptr : asset::find_unit(unit);
    sensor.range = range;
    sensor.rate_hz = rate_hz;
    sensor.source.connector = rate_hz > 100 ? "vibration" : "plc";
    const std::string place = machine.name + (component.empty() ? "." : "." + component + ".") + name;
    sensor.source.address = rate_hz > 100 ? place : fmt::format("nsu={};s={}", kNamespaceUri, place);
    if (type == core::ValueType::kState) sensor.states = {{0, "idle"}, {1, "running"}, {2, "down"}};
    machine.sensors.push_back(sensor.id);
    if (!component.empty()) {
      const bool known = !machine.components.empty() && machine.components.back().name == component;
      asset::Component& part = known ? machine.components.back() : machine.components.emplace_back();
      part.name = component;
      part.sensors.push_back(sensor.id);
    }
    return sensors_.emplace_back(std::move(sensor));
  }
  asset::Model build() { return {std::move(machines_), std::move(sensors_)}; }

 private:
  std::vector<asset::Machine> machines_;
  std::vector<asset::Sensor> sensors_;
};

}  // namespace

asset::Model small_plant() {
  using core::ValueType;
  PlantBuilder plant;
  for (const char* name : {"pump-1", "pump-2"}) {
    plant.machine(name, "centrifugal-pump");
    plant.sensor("", "state", ValueType::kState, "", {}, 1);
    plant.sensor("motor", "speed", ValueType::kFloat64, "rpm", asset::Range{0, 1800}, 10);
    plant.sensor("motor", "current", ValueType::kFloat64, "A", asset::Range{0, 120}, 10);
    plant.sensor("motor", "power", ValueType::kFloat64, "kW", asset::Range{0, 75}, 10);
    plant.sensor("pump", "discharge-pressure", ValueType::kFloat64, "bar", asset::Range{0, 25}, 10);
    plant.sensor("pump", "flow", ValueType::kFloat64, "m³/h", asset::Range{0, 250}, 10);
    plant.sensor("pump", "bearing-temperature-de", ValueType::kFloat64, "°C", asset::Range{-20, 150}, 1);
    plant.sensor("pump", "vibration-velocity-de", ValueType::kFloat64, "mm/s", asset::Range{0, 50}, 10);
    plant.sensor("pump", "vibration-de", ValueType::kFloat32, "m/s²", asset::Range{-200, 200}, 1000);
  }
  plant.machine("press-1", "stamping-press");
  plant.sensor("", "good-count", ValueType::kInt64, "", {}, 1);
  plant.sensor("", "scrap-count", ValueType::kInt64, "", {}, 1);
  plant.sensor("die", "opacity", ValueType::kFloat64, "", asset::Range{10, 20}, 5);
  return plant.build();
}

struct TestClient::Impl {
  UA_Client* client = nullptr;
  UA_UInt32 subscription = 0;
};

namespace {

UA_String borrow(std::string_view text) {
  return {text.size(), reinterpret_cast<UA_Byte*>(const_cast<char*>(text.data()))};
}
UA_NodeId string_id(std::uint16_t index, const std::string& id) {
  UA_NodeId node = UA_NODEID_NULL;
  node.namespaceIndex = index;
  node.identifierType = UA_NODEIDTYPE_STRING;
  node.identifier.string = borrow(id);
  return node;
}
Told told_of(const UA_DataValue& data) {
  Told told;
  told.status = data.hasStatus ? data.status : UA_STATUSCODE_GOOD;
  told.has_value = data.hasValue && data.value.type == &UA_TYPES[UA_TYPES_DOUBLE];
  if (told.has_value) told.value = *static_cast<const UA_Double*>(data.value.data);
  if (data.hasSourceTimestamp) told.source_time = (data.sourceTimestamp - UA_DATETIME_UNIX_EPOCH) * 100;
  return told;
}

}  // namespace

TestClient::TestClient(std::uint16_t port) : impl_(std::make_unique<Impl>()) {
  UA_ClientConfig config{};
  config.logging = UA_Log_Stdout_new(UA_LOGLEVEL_ERROR);
  UA_ClientConfig_setDefault(&config);
  config.outStandingPublishRequests = 20;
  config.timeout = 60'000;  // ms; longer than any silence that a test makes
  impl_->client = UA_Client_newWithConfig(&config);
  connected_ =
      UA_Client_connect(impl_->client, fmt::format("opc.tcp://127.0.0.1:{}", port).c_str()) == UA_STATUSCODE_GOOD;
}
TestClient::~TestClient() {
  UA_Client_disconnect(impl_->client);
  UA_Client_delete(impl_->client);
}

void TestClient::iterate() {
  UA_Client_run_iterate(impl_->client, 20);
}

std::uint16_t TestClient::simulator_namespace() {
  UA_UInt16 index = 0;
  UA_String uri = borrow(kNamespaceUri);
  return UA_Client_NamespaceGetIndex(impl_->client, &uri, &index) == UA_STATUSCODE_GOOD ? index : 0;
}

bool TestClient::subscribe(const std::vector<std::string>& ids, std::uint32_t queue_size) {
  UA_CreateSubscriptionRequest request = UA_CreateSubscriptionRequest_default();
  request.requestedPublishingInterval = 50;
  const auto response = UA_Client_Subscriptions_create(impl_->client, request, nullptr, nullptr, nullptr);
  if (response.responseHeader.serviceResult != UA_STATUSCODE_GOOD) return false;
  impl_->subscription = response.subscriptionId;
  const std::uint16_t index = simulator_namespace();
  for (const std::string& id : ids) {
    UA_MonitoredItemCreateRequest item = UA_MonitoredItemCreateRequest_default(string_id(index, id));
    item.requestedParameters.samplingInterval = 0;
    item.requestedParameters.queueSize = queue_size;
    const auto on_change = [](UA_Client*, UA_UInt32, void*, UA_UInt32, void* context, UA_DataValue* data) {
      static_cast<std::vector<Told>*>(context)->push_back(told_of(*data));
    };
    const auto result = UA_Client_MonitoredItems_createDataChange(
        impl_->client, impl_->subscription, UA_TIMESTAMPSTORETURN_BOTH, item, &told_[id], on_change, nullptr);
    if (result.statusCode != UA_STATUSCODE_GOOD || result.revisedSamplingInterval != 0) return false;
  }
  return true;
}

Told TestClient::read(const std::string& id) {
  UA_ReadValueId what;
  UA_ReadValueId_init(&what);
  what.nodeId = string_id(simulator_namespace(), id);
  what.attributeId = UA_ATTRIBUTEID_VALUE;
  UA_ReadRequest request;
  UA_ReadRequest_init(&request);
  request.nodesToRead = &what;
  request.nodesToReadSize = 1;
  request.timestampsToReturn = UA_TIMESTAMPSTORETURN_BOTH;
  UA_ReadResponse response = UA_Client_Service_read(impl_->client, request);
  Told told;
  told.status = response.responseHeader.serviceResult;
  if (response.resultsSize == 1) told = told_of(response.results[0]);
  UA_ReadResponse_clear(&response);
  return told;
}

std::vector<std::string> TestClient::browse(const std::vector<std::string>& folders) {
  UA_NodeId at = UA_NODEID_NUMERIC(0, UA_NS0ID_OBJECTSFOLDER);
  std::vector<std::string> names;
  for (std::size_t depth = 0; depth <= folders.size(); ++depth) {
    UA_BrowseDescription what;
    UA_BrowseDescription_init(&what);
    what.nodeId = at;
    what.referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_ORGANIZES);
    what.resultMask = UA_BROWSERESULTMASK_ALL;
    UA_BrowseRequest request;
    UA_BrowseRequest_init(&request);
    request.nodesToBrowse = &what;
    request.nodesToBrowseSize = 1;
    UA_BrowseResponse response = UA_Client_Service_browse(impl_->client, request);
    names.clear();
    for (std::size_t i = 0; response.resultsSize == 1 && i < response.results[0].referencesSize; ++i) {
      const UA_ReferenceDescription& reference = response.results[0].references[i];
      const UA_String& name = reference.browseName.name;
      names.emplace_back(reinterpret_cast<const char*>(name.data), name.length);
      // The folders' ids are numbers, so a shallow copy is enough.
      if (depth < folders.size() && names.back() == folders[depth]) at = reference.nodeId.nodeId;
    }
    UA_BrowseResponse_clear(&response);
  }
  return names;
}

}  // namespace millwright::simulator::testing
