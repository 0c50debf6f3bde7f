#include "bench_opcua.hpp"

#include <chrono>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

#include <fmt/format.h>
#include <open62541/client.h>
#include <open62541/client_config_default.h>
#include <open62541/client_highlevel.h>
#include <open62541/client_subscriptions.h>
#include <sys/resource.h>
#include <unistd.h>

#include "asset/model.hpp"
#include "core/metrics.hpp"
#include "opcua/address_space.hpp"
#include "opcua/server.hpp"
#include "pipeline/live_table.hpp"
#include "thread_time.hpp"

namespace millwright::app {
namespace {

using core::ErrorCode;
using core::unexpected;
using WallClock = std::chrono::steady_clock;

constexpr std::uint32_t kSensorsPerMachine = 100;
constexpr std::uint32_t kItemsPerCall = 5'000;

double seconds_since(WallClock::time_point begin) {
  return std::chrono::duration<double>(WallClock::now() - begin).count();
}

// Of the whole process; less the calling thread's it is the server's.
double process_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}
double server_seconds() {
  return process_seconds() - thread_seconds();
}

double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  double size = 0;
  double resident = 0;
  file >> size >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

asset::Model make_model(std::uint32_t count) {
  std::vector<asset::Machine> machines;
  std::vector<asset::Sensor> sensors;
  sensors.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (i % kSensorsPerMachine == 0) {
      asset::Machine& machine = machines.emplace_back();
      machine.id = core::MachineId(machines.size() - 1);
      machine.name = fmt::format("m{}", machine.id.value);
      machine.path = "bench/bench/bench/bench/bench/" + machine.name;
      machine.components = {
          asset::Component{.name = "unit", .part_of = {}, .description = {}, .sensors = {}, .bearing = {}}};
    }
    asset::Machine& machine = machines.back();
    asset::Sensor& sensor = sensors.emplace_back();
    sensor.id = core::SensorId(i);
    sensor.machine = machine.id;
    sensor.name = fmt::format("s{}", i % kSensorsPerMachine);
    sensor.component = "unit";
    sensor.path = machine.path + "/unit/" + sensor.name;
    sensor.unit = asset::find_unit("A");
    sensor.range = asset::Range{0, 100};
    machine.sensors.push_back(sensor.id);
  }
  return {std::move(machines), std::move(sensors)};
}

class Client {
 public:
  static core::Result<std::unique_ptr<Client>> connect(const std::string& endpoint) {
    auto client = std::unique_ptr<Client>(new Client);
    UA_ClientConfig config;
    std::memset(&config, 0, sizeof config);
    client->logger_.log = [](void*, UA_LogLevel, UA_LogCategory, const char*, va_list) {};
    config.logging = &client->logger_;
    if (UA_ClientConfig_setDefault(&config) != UA_STATUSCODE_GOOD) return unexpected(ErrorCode::kIo, "no client");
    client->client_ = UA_Client_newWithConfig(&config);
    const UA_StatusCode code = UA_Client_connect(client->client_, endpoint.c_str());
    if (code != UA_STATUSCODE_GOOD) return unexpected(ErrorCode::kIo, UA_StatusCode_name(code));
    UA_String uri = opcua::borrow(opcua::kPlantNamespace);
    UA_Client_NamespaceGetIndex(client->client_, &uri, &client->ns_);
    return client;
  }
  ~Client() {
    if (client_ != nullptr) UA_Client_delete(client_);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] UA_NodeId id(const std::string& name) const { return opcua::borrow_id(ns_, name); }
  // Reads all of `ids`, a batch a call, until the time is over: how many values.
  core::Result<std::uint64_t> read(const std::vector<UA_NodeId>& ids, std::uint32_t batch, double seconds) {
    std::vector<UA_ReadValueId> what(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      UA_ReadValueId_init(&what[i]);
      what[i].nodeId = ids[i];
      what[i].attributeId = UA_ATTRIBUTEID_VALUE;
    }
    std::uint64_t values = 0;
    std::size_t at = 0;
    for (const auto begin = WallClock::now(); seconds_since(begin) < seconds;) {
      if (at + batch > what.size()) at = 0;
      UA_ReadRequest request;
      UA_ReadRequest_init(&request);
      request.timestampsToReturn = UA_TIMESTAMPSTORETURN_SOURCE;
      request.nodesToRead = &what[at];
      request.nodesToReadSize = batch;
      UA_ReadResponse response = UA_Client_Service_read(client_, request);
      const bool good = response.responseHeader.serviceResult == UA_STATUSCODE_GOOD && response.resultsSize == batch &&
                        response.results[0].hasValue;
      UA_ReadResponse_clear(&response);
      if (!good) return unexpected(ErrorCode::kIo, "a read failed");
      values += batch;
      at += batch;
    }
    return values;
  }
  core::Status monitor(const std::vector<UA_NodeId>& ids) {
    UA_CreateSubscriptionRequest request = UA_CreateSubscriptionRequest_default();
    request.requestedPublishingInterval = 1000;
    request.requestedMaxKeepAliveCount = 60;
    const auto subscription = UA_Client_Subscriptions_create(client_, request, nullptr, nullptr, nullptr);
    for (std::size_t at = 0; at < ids.size(); at += kItemsPerCall) {
      const std::size_t n = std::min<std::size_t>(kItemsPerCall, ids.size() - at);
      std::vector<UA_MonitoredItemCreateRequest> items(n);
      for (std::size_t i = 0; i < n; ++i) {
        items[i] = UA_MonitoredItemCreateRequest_default(ids[at + i]);
        items[i].requestedParameters.samplingInterval = 1000;
        items[i].requestedParameters.queueSize = 1;
      }
      std::vector<void*> contexts(n, this);
      std::vector<UA_Client_DataChangeNotificationCallback> callbacks(
          n, [](UA_Client*, UA_UInt32, void*, UA_UInt32, void* self, UA_DataValue*) {
            ++static_cast<Client*>(self)->notifications_;
          });
      UA_CreateMonitoredItemsRequest all;
      UA_CreateMonitoredItemsRequest_init(&all);
      all.subscriptionId = subscription.subscriptionId;
      all.itemsToCreate = items.data();
      all.itemsToCreateSize = n;
      auto response =
          UA_Client_MonitoredItems_createDataChanges(client_, all, contexts.data(), callbacks.data(), nullptr);
      const bool good = response.responseHeader.serviceResult == UA_STATUSCODE_GOOD && response.resultsSize == n &&
                        response.results[n - 1].statusCode == UA_STATUSCODE_GOOD;
      UA_CreateMonitoredItemsResponse_clear(&response);
      if (!good) return unexpected(ErrorCode::kIo, "monitored items were refused");
    }
    return {};
  }
  void iterate() { UA_Client_run_iterate(client_, 10); }
  [[nodiscard]] std::uint64_t notifications() const { return notifications_; }

 private:
  Client() = default;
  UA_Logger logger_{};
  UA_Client* client_ = nullptr;
  UA_UInt16 ns_ = 0;
  std::uint64_t notifications_ = 0;
};

void write_value(pipeline::LiveTable& live, std::uint32_t sensor, std::uint64_t step) {
  pipeline::LiveValue value;
  value.type = core::ValueType::kFloat64;
  value.quality = core::kGood;
  value.source_time = value.received = 1'700'000'000 * core::kSecond + static_cast<core::TimeNs>(step) * core::kSecond;
  value.readings = 1;
  value.bits = core::to_bits(static_cast<double>(sensor + step));
  live.write(core::SensorId(sensor), value);
}

core::Status measure_items(const OpcUaBenchOptions& options, Client& client, pipeline::LiveTable& live,
                           const std::vector<UA_NodeId>& ids, OpcUaBenchResult& result) {
  const double before = resident_bytes();
  const auto begin = WallClock::now();
  if (auto made = client.monitor({ids.begin(), ids.begin() + std::min<std::ptrdiff_t>(options.items, std::ssize(ids))});
      !made) {
    return made;
  }
  result.items_s = seconds_since(begin);
  for (const auto from = WallClock::now(); seconds_since(from) < 2.5;) client.iterate();  // the first values
  result.bytes_per_item = (resident_bytes() - before) / options.items;
  const std::uint64_t seen = client.notifications();
  const double server_before = server_seconds();
  const auto from = WallClock::now();
  for (std::uint64_t step = 1; seconds_since(from) < options.seconds; ++step) {
    for (std::uint32_t i = 0; i < options.items; i += 10) write_value(live, i, step);
    for (const auto second = WallClock::now(); seconds_since(second) < 1;) client.iterate();
  }
  result.items_cores = (server_seconds() - server_before) / seconds_since(from);
  result.notifications = client.notifications() - seen;
  return {};
}

}  // namespace

core::Result<OpcUaBenchResult> run_opcua_bench(const OpcUaBenchOptions& options) {
  const asset::Model model = make_model(options.sensors);
  pipeline::LiveTable live(model.sensors().size());
  for (std::uint32_t i = 0; i < options.sensors; ++i) write_value(live, i, 0);
  core::TextTable texts;
  core::Metrics metrics;
  opcua::ServerOptions server_options;
  server_options.port = 0;
  server_options.nodesets = options.nodesets;
  opcua::Server server(server_options, model, live, texts, metrics);

  OpcUaBenchResult result;
  const double before = resident_bytes();
  const auto begin = WallClock::now();
  if (auto started = server.start(); !started) return unexpected(started.error());
  result.build_s = seconds_since(begin);
  result.bytes_per_sensor = (resident_bytes() - before) / options.sensors;

  auto client = Client::connect(server.endpoint());
  if (!client) return unexpected(client.error());
  std::vector<std::string> names;
  names.reserve(options.sensors);  // the ids point into it
  std::vector<UA_NodeId> ids;
  for (const asset::Sensor& sensor : model.sensors()) {
    names.push_back(opcua::node_name(model, sensor));
    ids.push_back((*client)->id(names.back()));
  }
  if (auto warm = (*client)->read(ids, options.batch, 0.2); !warm) return unexpected(warm.error());
  const double server_before = server_seconds();
  const auto from = WallClock::now();
  const auto values = (*client)->read(ids, options.batch, options.seconds);
  if (!values) return unexpected(values.error());
  result.values_per_s = static_cast<double>(*values) / seconds_since(from);
  result.values_per_core_s = static_cast<double>(*values) / (server_seconds() - server_before);
  if (auto measured = measure_items(options, **client, live, ids, result); !measured) {
    return unexpected(measured.error());
  }
  client->reset();
  server.stop();
  return result;
}

}  // namespace millwright::app
