#include "opcua/server.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <open62541/nodeids.h>

#include "opcua/tests/test_plant.hpp"

namespace millwright::opcua {
namespace {

using testing::HasSubstr;

TEST_F(ServerTest, TheTreeIsThatOfThePlant) {
  start();
  TestClient client(server_->endpoint());
  EXPECT_THAT(names(client.browse(UA_NODEID_NUMERIC(0, UA_NS0ID_OBJECTSFOLDER))), testing::Contains("Machines"));
  const auto machines = client.browse(client.machines());
  ASSERT_FALSE(machines.empty());
  EXPECT_EQ(machines[0].id, "pump-1");
  EXPECT_THAT(
      names(client.browse(client.plant("pump-1"))),
      testing::UnorderedElementsAre("motor", "fan", "state", "Manufacturer", "Model", "SerialNumber", "AssetPath"));
  EXPECT_THAT(names(client.browse(client.plant("pump-1/motor"))),
              testing::UnorderedElementsAre("current", "running", "temperature", "batch", "fan"));
  EXPECT_THAT(names(client.browse(client.plant("pump-1/fan"))), testing::ElementsAre("turns"));
  EXPECT_THAT(names(client.browse(client.plant("pump-1/motor/current"))),
              testing::UnorderedElementsAre("EURange", "EngineeringUnits"));
  EXPECT_THAT(names(client.browse(client.plant("pump-1/state"))),
              testing::UnorderedElementsAre("EnumValues", "ValueAsText"));
  const auto motor = client.browse(client.plant("pump-1/motor"));
  const auto current = std::find_if(motor.begin(), motor.end(), [](const auto& c) { return c.name == "current"; });
  ASSERT_NE(current, motor.end());
  EXPECT_EQ(current->type, static_cast<std::uint32_t>(UA_NS0ID_ANALOGUNITRANGETYPE));
  EXPECT_EQ(current->reference, static_cast<std::uint32_t>(UA_NS0ID_HASCOMPONENT));
  const auto maker = client.read(client.plant("pump-1/Manufacturer"));
  const auto text = client.scalar<UA_LocalizedText>(*maker, UA_TYPES_LOCALIZEDTEXT);
  ASSERT_TRUE(text);
  EXPECT_EQ(view(text->text), "Grundfos");
}

TEST_F(ServerTest, UnitAndRangeAreStandard) {
  start();
  TestClient client(server_->endpoint());
  const auto range_value = client.read(client.property("pump-1/motor/current", "EURange"));
  const auto range = client.scalar<UA_Range>(*range_value, UA_TYPES_RANGE);
  ASSERT_TRUE(range);
  EXPECT_EQ(range->low, 0);
  EXPECT_EQ(range->high, 120);
  const auto unit_value = client.read(client.property("pump-1/motor/temperature", "EngineeringUnits"));
  const auto unit = client.scalar<UA_EUInformation>(*unit_value, UA_TYPES_EUINFORMATION);
  ASSERT_TRUE(unit);
  EXPECT_EQ(view(unit->namespaceUri), "http://www.opcfoundation.org/UA/units/un/cefact");
  EXPECT_EQ(unit->unitId, 4408652);  // CEL
  EXPECT_EQ(view(unit->displayName.text), "°C");
  const auto description = client.read(client.plant("pump-1/motor/current"), UA_ATTRIBUTEID_DESCRIPTION);
  EXPECT_EQ(view(client.scalar<UA_LocalizedText>(*description, UA_TYPES_LOCALIZEDTEXT)->text), "the current");
}

TEST_F(ServerTest, ValuesComeFromTheLiveTable) {
  start();
  TestClient client(server_->endpoint());
  const UA_NodeId current = client.plant("pump-1/motor/current");
  auto value = client.read(current);
  EXPECT_EQ(value->status, UA_STATUSCODE_BADWAITINGFORINITIALDATA);
  // Nothing has changed since, so neither has the time.
  EXPECT_EQ(value->sourceTimestamp, client.read(current)->sourceTimestamp);
  EXPECT_TRUE(UA_Variant_isEmpty(&value->value));

  write(kCurrent, live_value(0.1 + 0.2, ValueType::kFloat64, kStart));
  value = client.read(current);
  EXPECT_EQ(value->status, UA_STATUSCODE_GOOD);
  EXPECT_EQ(client.scalar<double>(*value, UA_TYPES_DOUBLE), 0.1 + 0.2);
  EXPECT_EQ((value->sourceTimestamp - UA_DATETIME_UNIX_EPOCH) * 100, kStart / 100 * 100);
  EXPECT_FALSE(value->hasSourcePicoseconds);
  write(kCurrent, live_value(std::nan(""), ValueType::kFloat64, kStart + 1, core::kBadSensorFailure));
  value = client.read(current);
  EXPECT_EQ(value->status, UA_STATUSCODE_BADSENSORFAILURE);
  EXPECT_TRUE(std::isnan(client.scalar<double>(*value, UA_TYPES_DOUBLE).value_or(0)));

  write(kRunning, live_value<std::uint8_t>(1, ValueType::kBool, kStart));
  EXPECT_EQ(client.scalar<bool>(*client.read(client.plant("pump-1/motor/running")), UA_TYPES_BOOLEAN), true);
  write(kTurns, live_value<std::int64_t>((1LL << 60) + 1, ValueType::kInt64, kStart));
  EXPECT_EQ(client.scalar<std::int64_t>(*client.read(client.plant("pump-1/fan/turns")), UA_TYPES_INT64),
            (1LL << 60) + 1);
  write(kTemperature, live_value(21.7F, ValueType::kFloat32, kStart, core::kUncertainEuExceeded));
  value = client.read(client.plant("pump-1/motor/temperature"));
  EXPECT_EQ(client.scalar<float>(*value, UA_TYPES_FLOAT), 21.7F);
  EXPECT_EQ(value->status, 0x40940000U);
  write(kState, live_value<std::int32_t>(7, ValueType::kState, kStart));
  EXPECT_EQ(client.scalar<std::int32_t>(*client.read(client.plant("pump-1/state")), UA_TYPES_INT32), 7);
  const auto text = client.read(client.plant("pump-1/state/ValueAsText"));
  EXPECT_EQ(view(client.scalar<UA_LocalizedText>(*text, UA_TYPES_LOCALIZEDTEXT)->text), "down");
  write(kBatch, live_value<std::int32_t>(*texts_.number("B-4711"), ValueType::kText, kStart));
  const auto batch = client.read(client.plant("pump-1/motor/batch"));
  EXPECT_EQ(view(*client.scalar<UA_String>(*batch, UA_TYPES_STRING)), "B-4711");
}

TEST_F(ServerTest, ASubscriptionFollowsTheLiveTable) {
  start();
  TestClient client(server_->endpoint());
  UA_CreateSubscriptionRequest request = UA_CreateSubscriptionRequest_default();
  request.requestedPublishingInterval = 20;
  const auto subscription = UA_Client_Subscriptions_create(client.get(), request, nullptr, nullptr, nullptr);
  UA_MonitoredItemCreateRequest item = UA_MonitoredItemCreateRequest_default(client.plant("pump-1/motor/current"));
  item.requestedParameters.samplingInterval = 10;
  double last = 0;
  auto created = UA_Client_MonitoredItems_createDataChange(
      client.get(), subscription.subscriptionId, UA_TIMESTAMPSTORETURN_BOTH, item, &last,
      [](UA_Client*, UA_UInt32, void*, UA_UInt32, void* context, UA_DataValue* value) {
        if (value->hasValue) std::memcpy(context, value->value.data, sizeof(double));
      },
      nullptr);
  ASSERT_EQ(created.statusCode, UA_STATUSCODE_GOOD);
  UA_MonitoredItemCreateResult_clear(&created);
  for (int i = 1; i <= 3; ++i) {
    write(kCurrent, live_value(i * 1.1, ValueType::kFloat64, kStart + i));
    ASSERT_TRUE(client.until([&] { return last == i * 1.1; })) << i;
  }
}

TEST_F(ServerTest, NothingCanBeWrittenOrRebuilt) {
  start();
  TestClient client(server_->endpoint());
  double value = 1;
  UA_Variant variant;
  UA_Variant_init(&variant);
  UA_Variant_setScalar(&variant, &value, &UA_TYPES[UA_TYPES_DOUBLE]);
  EXPECT_EQ(UA_Client_writeValueAttribute(client.get(), client.plant("pump-1/motor/current"), &variant),
            UA_STATUSCODE_BADNOTWRITABLE);
  UA_LocalizedText name = borrow_text("mine");
  EXPECT_NE(UA_Client_writeDisplayNameAttribute(client.get(), client.plant("pump-1"), &name), UA_STATUSCODE_GOOD);
  EXPECT_NE(UA_Client_deleteNode(client.get(), client.plant("pump-1"), true), UA_STATUSCODE_GOOD);
  UA_ObjectAttributes attributes = UA_ObjectAttributes_default;
  EXPECT_NE(UA_Client_addObjectNode(client.get(), client.plant("new"), client.machines(),
                                    UA_NODEID_NUMERIC(0, UA_NS0ID_ORGANIZES), borrow_name(2, "new"),
                                    UA_NODEID_NUMERIC(0, UA_NS0ID_BASEOBJECTTYPE), attributes, nullptr),
            UA_STATUSCODE_GOOD);
  EXPECT_EQ(client.browse(client.plant("pump-1")).size(), 7U);
}

alarms::Alarm make_alarm(std::uint64_t id) {
  alarms::Alarm alarm;
  alarm.id = id;
  alarm.condition = "acme/lyon/utilities/cooling/pumps/pump-1/motor/current#xbar";
  alarm.state = alarms::State::kUnacknowledged;
  alarm.priority = alarms::Priority::kHigh;
  alarm.machine = "pump-1";
  alarm.component = "motor";
  alarm.sensor = "acme/lyon/utilities/cooling/pumps/pump-1/motor/current";
  alarm.message = "current is 3.2 sigma high";
  alarm.value = 99.5;
  alarm.limit = 90;
  alarm.raised = kStart;
  alarm.published = kStart + 1000;
  alarm.version = id;
  return alarm;
}

TestClient::Listener listener(std::uint16_t plant) {
  return {.names = {{0, "EventId"},
                    {0, "EventType"},
                    {0, "SourceNode"},
                    {0, "SourceName"},
                    {0, "Time"},
                    {0, "ReceiveTime"},
                    {0, "Message"},
                    {0, "Severity"},
                    {0, "ConditionName"},
                    {0, "ActiveState/Id"},
                    {0, "AckedState/Id"},
                    {plant, "Machine"},
                    {plant, "Component"},
                    {plant, "Sensor"},
                    {plant, "Value"},
                    {plant, "Limit"},
                    {plant, "AlarmId"},
                    {plant, "State"}},
          .events = {}};
}

TEST_F(ServerTest, AlarmsAreEventsAtTheServerTheMachineAndMachines) {
  start();
  TestClient client(server_->endpoint());
  auto at_server = listener(client.plant_namespace());
  auto at_machine = listener(client.plant_namespace());
  auto at_machines = listener(client.plant_namespace());
  ASSERT_EQ(client.subscribe_events(UA_NODEID_NUMERIC(0, UA_NS0ID_SERVER), at_server), UA_STATUSCODE_GOOD);
  ASSERT_EQ(client.subscribe_events(client.plant("pump-1"), at_machine), UA_STATUSCODE_GOOD);
  ASSERT_EQ(client.subscribe_events(client.machines(), at_machines), UA_STATUSCODE_GOOD);
  server_->on_alarm(make_alarm(41));
  ASSERT_TRUE(client.until(
      [&] { return !at_server.events.empty() && !at_machine.events.empty() && !at_machines.events.empty(); }));
  EXPECT_EQ(at_server.events.size(), 1U);
  EXPECT_EQ(at_machine.events.size(), 1U);
  EXPECT_EQ(at_machines.events.size(), 1U);
  const TestClient::Event& event = at_server.events[0];
  EXPECT_EQ(event.text("Message"), "current is 3.2 sigma high");
  EXPECT_EQ(event.get<UA_UInt16>("Severity", UA_TYPES_UINT16), 600);
  EXPECT_EQ((*event.get<UA_DateTime>("Time", UA_TYPES_DATETIME) - UA_DATETIME_UNIX_EPOCH) * 100, kStart / 100 * 100);
  EXPECT_TRUE(event.get<UA_DateTime>("ReceiveTime", UA_TYPES_DATETIME));
  EXPECT_EQ(event.text("SourceName"), "pump-1/motor/current");
  EXPECT_EQ(view(event.get<UA_NodeId>("SourceNode", UA_TYPES_NODEID)->identifier.string), "pump-1/motor/current");
  EXPECT_EQ(view(event.get<UA_NodeId>("EventType", UA_TYPES_NODEID)->identifier.string), "MachineAlarmEventType");
  EXPECT_EQ(event.get<UA_ByteString>("EventId", UA_TYPES_BYTESTRING)->length, 16U);
  EXPECT_EQ(event.text("ConditionName"), "acme/lyon/utilities/cooling/pumps/pump-1/motor/current#xbar");
  EXPECT_EQ(event.get<bool>("ActiveState/Id", UA_TYPES_BOOLEAN), true);
  EXPECT_EQ(event.get<bool>("AckedState/Id", UA_TYPES_BOOLEAN), false);
  EXPECT_EQ(event.text("Machine"), "pump-1");
  EXPECT_EQ(event.text("Component"), "motor");
  EXPECT_EQ(event.get<double>("Value", UA_TYPES_DOUBLE), 99.5);
  EXPECT_EQ(event.get<double>("Limit", UA_TYPES_DOUBLE), 90);
  EXPECT_EQ(event.get<UA_UInt64>("AlarmId", UA_TYPES_UINT64), 41U);
  EXPECT_EQ(event.text("State"), std::string(alarms::to_string(alarms::State::kUnacknowledged)));

  // One of the platform itself has no machine: the server says it.
  alarms::Alarm platform = make_alarm(42);
  platform.machine = platform.component = platform.sensor = "";
  server_->on_alarm(platform);
  ASSERT_TRUE(client.until([&] { return at_server.events.size() == 2; }));
  EXPECT_EQ(at_server.events[1].get<UA_UInt64>("AlarmId", UA_TYPES_UINT64), 42U);
  EXPECT_EQ(at_machine.events.size(), 1U);
}

TEST_F(ServerTest, AFloodOfAlarmsNeitherBlocksNorGoesUncounted) {
  options_.alarm_queue = 16;
  start();
  TestClient client(server_->endpoint());
  auto at_server = listener(client.plant_namespace());
  ASSERT_EQ(client.subscribe_events(UA_NODEID_NUMERIC(0, UA_NS0ID_SERVER), at_server), UA_STATUSCODE_GOOD);
  constexpr std::size_t kAlarms = 5000;
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < kAlarms / 4; ++i) server_->on_alarm(make_alarm(t * kAlarms + i));
    });
  }
  for (std::thread& thread : threads) thread.join();
  core::Counter& sent = metrics_.counter("millwright_opcua_server_events_total", "");
  core::Counter& dropped = metrics_.counter("millwright_opcua_server_events_dropped_total", "");
  ASSERT_TRUE(client.until([&] { return static_cast<std::size_t>(sent.Value() + dropped.Value()) == kAlarms; }));
  EXPECT_GT(dropped.Value(), 0);
  ASSERT_TRUE(client.until([&] { return at_server.events.size() == static_cast<std::size_t>(sent.Value()); }));
}

TEST_F(ServerTest, APortInUseIsSaid) {
  start();
  ServerOptions same = options_;
  same.port = server_->port();
  Server second(same, model_, live_, texts_, metrics_);
  const core::Status started = second.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, core::ErrorCode::kConflict);
  EXPECT_THAT(started.error().message, HasSubstr("port " + std::to_string(server_->port())));
  EXPECT_THAT(started.error().message, HasSubstr("opcua.port"));
  // Free again, it can be had at once, also by one that had clients.
  { TestClient client(server_->endpoint()); }
  server_->stop();
  EXPECT_TRUE(second.start());
  TestClient again(second.endpoint());
  EXPECT_FALSE(again.browse(again.machines()).empty());
}

TEST_F(ServerTest, AHostThatIsNotThisMachinesIsSaid) {
  options_.host = "192.0.2.7";
  Server server(options_, model_, live_, texts_, metrics_);
  const core::Status started = server.start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("192.0.2.7"));
}

TEST_F(ServerTest, TwoThingsOfOneNameAreSaid) {
  asset::Machine machine = model_.machines()[0];
  machine.components.push_back({"state", "", "", {}, {}});
  const asset::Model twice({machine}, {model_.sensors().begin(), model_.sensors().end()});
  Server server(options_, twice, live_, texts_, metrics_);
  const core::Status started = server.start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("pump-1/state"));
}

TEST(ServerSize, TwentyThousandSensors) {
  constexpr std::size_t kMachines = 200;
  constexpr std::size_t kSensors = 100;
  std::vector<asset::Machine> machines;
  std::vector<asset::Sensor> sensors;
  for (std::size_t m = 0; m < kMachines; ++m) {
    asset::Machine machine;
    machine.id = core::MachineId(m);
    machine.name = "m" + std::to_string(m);
    machine.path = "a/b/c/d/e/" + machine.name;
    machine.components = {{"unit", "", "", {}, {}}};
    for (std::size_t s = 0; s < kSensors; ++s) {
      asset::Sensor sensor = make_sensor(machine, "unit", "s" + std::to_string(s), ValueType::kFloat64);
      sensor.id = core::SensorId(sensors.size());
      sensor.unit = asset::find_unit("A");
      sensor.range = {{0, 10}};
      machine.sensors.push_back(sensor.id);
      sensors.push_back(std::move(sensor));
    }
    machines.push_back(std::move(machine));
  }
  const asset::Model model(std::move(machines), std::move(sensors));
  pipeline::LiveTable live(model.sensors().size());
  core::TextTable texts;
  core::Metrics metrics;
  Server server({.port = 0}, model, live, texts, metrics);
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(server.start());
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
  ::testing::Test::RecordProperty("build_ms", static_cast<int>(took.count()));
  TestClient client(server.endpoint());
  live.write(core::SensorId(19'999U), live_value(5.5, ValueType::kFloat64, kStart));
  EXPECT_EQ(client.scalar<double>(*client.read(client.plant("m199/unit/s99")), UA_TYPES_DOUBLE), 5.5);
  EXPECT_EQ(client.browse(client.plant("m7/unit")).size(), kSensors);
  const auto stopping = std::chrono::steady_clock::now();
  server.stop();
  const auto stopped =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - stopping);
  ::testing::Test::RecordProperty("stop_ms", static_cast<int>(stopped.count()));
}

TEST(ServerOptionsTest, AreRead) {
  auto document =
      config::Document::parse("opcua: {port: 14840, application_name: Lyon, min_sampling_interval: 50ms}\n", "t");
  ASSERT_TRUE(document);
  const ServerOptions options = read_options(document->root().section("opcua"), ".");
  EXPECT_TRUE(document->problems().empty());
  EXPECT_EQ(options.port, 14840);
  EXPECT_EQ(options.application_name, "Lyon");
  EXPECT_EQ(options.host, "127.0.0.1");
  EXPECT_EQ(options.min_sampling_interval, 50 * core::kMillisecond);
  EXPECT_EQ(options.security, std::vector{security::Policy::kNone});
  EXPECT_TRUE(options.anonymous);
  EXPECT_FALSE(options.is_closed());
}

TEST(ServerOptionsTest, SecurityIsReadAndChecked) {
  auto document = config::Document::parse(
      "opcua: {security: [aes256_sha256_rsapss, basic256sha256], users: users.txt, anonymous: none}\n", "t");
  ASSERT_TRUE(document);
  const ServerOptions options = read_options(document->root().section("opcua"), "/etc/plant");
  EXPECT_TRUE(document->problems().empty());
  EXPECT_EQ(options.security, (std::vector{security::Policy::kAes256Sha256RsaPss, security::Policy::kBasic256Sha256}));
  EXPECT_EQ(options.users, "/etc/plant/users.txt");
  EXPECT_TRUE(options.is_closed());

  const auto problem_of = [](const std::string& yaml) {
    auto wrong = config::Document::parse("opcua: " + yaml + "\n", "t");
    read_options(wrong->root().section("opcua"), ".");
    return wrong->problems().size() == 1 ? wrong->problems()[0].message : std::string();
  };
  EXPECT_THAT(problem_of("{security: [basic256sha265]}"), HasSubstr("did you mean 'basic256sha256'"));
  EXPECT_THAT(problem_of("{anonymous: none}"), HasSubstr("nobody could log in"));
  EXPECT_THAT(problem_of("{users: u.txt}"), HasSubstr("passwords need encryption"));
}

}  // namespace
}  // namespace millwright::opcua
