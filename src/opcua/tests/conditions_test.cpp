#include "opcua/conditions.hpp"

#include <algorithm>

#include <gmock/gmock.h>
#include <open62541/nodeids.h>

#include "io/sim_disk.hpp"
#include "journal/journal.hpp"
#include "opcua/tests/test_plant.hpp"

namespace millwright::opcua {
namespace {

const std::string kSensor = "acme/lyon/utilities/cooling/pumps/pump-1/motor/current";
const std::string kNode = "Alarms/" + kSensor + "#xbar";

// Alarms of a real manager; who may do what is tested end to end, with users (tests/e2e/test_opcua_alarms.py).
class ConditionsTest : public ServerTest {
 protected:
  void SetUp() override {
    auto journal = journal::Journal::open(disk_, clock_, "/data/alarms", 1, {});
    ASSERT_TRUE(journal) << journal.error().message;
    journal_ = std::move(*journal);
    auto manager = alarms::AlarmManager::open(model_, *journal_, clock_, {}, metrics_);
    ASSERT_TRUE(manager) << manager.error().message;
    manager_ = std::move(*manager);
    parts_.alarms = manager_.get();
    manager_->add_listener([this](const alarms::Alarm& alarm) {
      if (server_) server_->on_alarm(alarm);
    });
  }
  void TearDown() override { server_.reset(); }
  void signal(bool in_alarm) {
    alarms::Signal signal;
    signal.condition = kSensor + "#xbar";
    signal.in_alarm = in_alarm;
    signal.sensor = core::SensorId(kCurrent);
    signal.machine = core::MachineId(0U);
    signal.priority = alarms::Priority::kHigh;
    signal.message = "current is high";
    static_cast<void>(manager_->signal(signal));
  }

  io::SimClock clock_{kStart};
  io::SimDisk disk_{1};
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<alarms::AlarmManager> manager_;
};

TestClient::Listener condition_listener() {
  return {.names = {{0, ""},
                    {0, "EventType"},
                    {0, "EventId"},
                    {0, "Retain"},
                    {0, "ConditionName"},
                    {0, "BranchId"},
                    {0, "EnabledState/Id"},
                    {0, "ActiveState"},
                    {0, "ActiveState/Id"},
                    {0, "AckedState/Id"},
                    {0, "ConfirmedState/Id"},
                    {0, "ShelvingState/CurrentState"},
                    {0, "Comment"},
                    {0, "ClientUserId"},
                    {0, "Quality"}},
          .events = {}};
}

std::string node_of(const TestClient::Event& event, const std::string& name) {
  const auto id = event.get<UA_NodeId>(name, UA_TYPES_NODEID);
  return id && id->identifierType == UA_NODEIDTYPE_STRING ? std::string(view(id->identifier.string))
         : id                                             ? std::to_string(id->identifier.numeric)
                                                          : "none";
}

TEST_F(ConditionsTest, AnEventIsOfItsConditionWithAllOfItsStates) {
  start();
  TestClient client(server_->endpoint());
  auto listener = condition_listener();
  ASSERT_EQ(client.subscribe_events(UA_NODEID_NUMERIC(0, UA_NS0ID_SERVER), listener), UA_STATUSCODE_GOOD);
  signal(true);
  ASSERT_TRUE(client.until([&] { return listener.events.size() == 1; }));
  const TestClient::Event& event = listener.events[0];
  EXPECT_EQ(node_of(event, ""), kNode);
  EXPECT_EQ(node_of(event, "EventType"), "MachineAlarmEventType");
  EXPECT_EQ(event.get<bool>("Retain", UA_TYPES_BOOLEAN), true);
  EXPECT_EQ(event.get<bool>("EnabledState/Id", UA_TYPES_BOOLEAN), true);
  EXPECT_EQ(event.text("ActiveState"), "Active");
  EXPECT_EQ(event.get<bool>("ActiveState/Id", UA_TYPES_BOOLEAN), true);
  EXPECT_EQ(event.get<bool>("AckedState/Id", UA_TYPES_BOOLEAN), false);
  EXPECT_EQ(event.get<bool>("ConfirmedState/Id", UA_TYPES_BOOLEAN), true);
  EXPECT_EQ(event.text("ShelvingState/CurrentState"), "Unshelved");
  EXPECT_EQ(event.get<UA_StatusCode>("Quality", UA_TYPES_STATUSCODE), UA_STATUSCODE_GOOD);
  ASSERT_TRUE(manager_->acknowledge(manager_->list({}).front().id, "anna", "seen"));
  signal(false);
  ASSERT_TRUE(client.until([&] { return listener.events.size() == 3; }));
  EXPECT_EQ(listener.events[1].get<bool>("AckedState/Id", UA_TYPES_BOOLEAN), true);
  EXPECT_EQ(listener.events[1].text("Comment"), "seen");
  EXPECT_EQ(listener.events[1].text("ClientUserId"), "anna");
  EXPECT_EQ(listener.events[2].get<bool>("Retain", UA_TYPES_BOOLEAN), false);
}

TEST_F(ConditionsTest, AConditionIsThereToBrowseWithItsMethods) {
  signal(true);  // before the start: it is among the open ones
  start();
  TestClient client(server_->endpoint());
  const auto children = names(client.browse(client.plant(kNode)));
  EXPECT_THAT(children, testing::IsSupersetOf({"AckedState", "ActiveState", "ShelvingState", "Severity", "Acknowledge",
                                               "Confirm", "AddComment", "Machine", "Limit"}));
  EXPECT_THAT(names(client.browse(client.plant(kNode + "/ShelvingState"))),
              testing::IsSupersetOf({"TimedShelve", "OneShotShelve", "Unshelve", "CurrentState", "UnshelveTime"}));
  EXPECT_EQ(client.scalar<bool>(*client.read(client.plant(kNode + "/AckedState/Id")), UA_TYPES_BOOLEAN), false);
}

TEST_F(ConditionsTest, ARefreshTellsWhatIsOpen) {
  signal(true);
  start();
  TestClient client(server_->endpoint());
  auto listener = condition_listener();
  ASSERT_EQ(client.subscribe_events(UA_NODEID_NUMERIC(0, UA_NS0ID_SERVER), listener), UA_STATUSCODE_GOOD);
  UA_UInt32 subscription = 1;
  UA_Variant argument;
  UA_Variant_setScalar(&argument, &subscription, &UA_TYPES[UA_TYPES_UINT32]);
  ASSERT_EQ(
      client.call(UA_NODEID_NUMERIC(0, UA_NS0ID_CONDITIONTYPE), UA_NS0ID_CONDITIONTYPE_CONDITIONREFRESH, {argument}),
      UA_STATUSCODE_GOOD);
  ASSERT_TRUE(client.until([&] { return listener.events.size() == 3; }));
  EXPECT_EQ(node_of(listener.events[0], "EventType"), std::to_string(UA_NS0ID_REFRESHSTARTEVENTTYPE));
  EXPECT_EQ(node_of(listener.events[1], ""), kNode);
  EXPECT_EQ(node_of(listener.events[2], "EventType"), std::to_string(UA_NS0ID_REFRESHENDEVENTTYPE));
}

TEST_F(ConditionsTest, AnonymousSessionsChangeNothing) {
  signal(true);
  start();
  TestClient client(server_->endpoint());
  UA_ByteString event = borrow("some event");
  UA_LocalizedText comment = borrow_text("mine");
  UA_Double time = 1000;
  std::vector<UA_Variant> arguments(2);
  UA_Variant_setScalar(&arguments[0], &event, &UA_TYPES[UA_TYPES_BYTESTRING]);
  UA_Variant_setScalar(&arguments[1], &comment, &UA_TYPES[UA_TYPES_LOCALIZEDTEXT]);
  UA_Variant shelve;
  UA_Variant_setScalar(&shelve, &time, &UA_TYPES[UA_TYPES_DOUBLE]);
  EXPECT_EQ(client.call(client.plant(kNode), UA_NS0ID_ACKNOWLEDGEABLECONDITIONTYPE_ACKNOWLEDGE, arguments),
            UA_STATUSCODE_BADUSERACCESSDENIED);
  EXPECT_EQ(client.call(client.plant(kNode), UA_NS0ID_CONDITIONTYPE_ADDCOMMENT, arguments),
            UA_STATUSCODE_BADUSERACCESSDENIED);
  EXPECT_EQ(client.call(client.plant(kNode + "/ShelvingState"), UA_NS0ID_SHELVEDSTATEMACHINETYPE_TIMEDSHELVE, {shelve}),
            UA_STATUSCODE_BADUSERACCESSDENIED);
  EXPECT_EQ(manager_->list({}).front().acknowledged, 0);
}

TEST_F(ServerTest, ConditionsAreLimited) {
  start();
  TestClient client(server_->endpoint());
  constexpr std::size_t kAlarms = kConditionsMax + 50;
  core::Counter& sent = metrics_.counter("millwright_opcua_server_events_total", "");
  for (std::size_t i = 0; i < kAlarms; ++i) {
    alarms::Alarm alarm;
    alarm.id = i + 1;
    alarm.condition = "condition-" + std::to_string(i);
    alarm.state = i == 0 ? alarms::State::kUnacknowledged : alarms::State::kNormal;
    server_->on_alarm(alarm);
  }
  ASSERT_TRUE(client.until([&] { return static_cast<std::size_t>(sent.Value()) == kAlarms; }, 300'000));
  EXPECT_EQ(client.read(client.plant("Alarms/condition-1/Severity"))->status, UA_STATUSCODE_BADNODEIDUNKNOWN);
  EXPECT_TRUE(client.scalar<UA_UInt16>(*client.read(client.plant("Alarms/condition-0/Severity")), UA_TYPES_UINT16))
      << "one that is active stays";
  EXPECT_TRUE(client.scalar<UA_UInt16>(*client.read(client.plant("Alarms/condition-2049/Severity")), UA_TYPES_UINT16));
}

}  // namespace
}  // namespace millwright::opcua
