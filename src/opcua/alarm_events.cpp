#include "opcua/alarm_events.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <open62541/nodeids.h>
#include <open62541/server.h>

#include "opcua/address_space.hpp"

namespace millwright::opcua {
namespace {

constexpr std::string_view kTypeName = "MachineAlarmEventType";

struct Field {
  std::string_view name;
  std::size_t type;
};
constexpr Field kFields[] = {
    {"ConditionName", UA_TYPES_STRING}, {"AlarmId", UA_TYPES_UINT64},     {"State", UA_TYPES_STRING},
    {"ActiveState", UA_TYPES_BOOLEAN},  {"AckedState", UA_TYPES_BOOLEAN}, {"Priority", UA_TYPES_STRING},
    {"Machine", UA_TYPES_STRING},       {"Component", UA_TYPES_STRING},   {"Sensor", UA_TYPES_STRING},
    {"Value", UA_TYPES_DOUBLE},         {"Limit", UA_TYPES_DOUBLE},
};

core::Error failed(std::string_view what, UA_StatusCode code) {
  return {core::ErrorCode::kInvalid, fmt::format("{}: {}", what, UA_StatusCode_name(code))};
}

}  // namespace

core::Status AlarmEvents::build(UA_Server* server, std::uint16_t plant_namespace) {
  server_ = server;
  plant_ = plant_namespace;
  UA_ObjectTypeAttributes attributes = UA_ObjectTypeAttributes_default;
  attributes.displayName = borrow_text(kTypeName);
  attributes.description = borrow_text("An alarm of a machine has changed");
  const UA_NodeId type = borrow_id(plant_, kTypeName);
  UA_StatusCode code = UA_Server_addObjectTypeNode(server_, type, ns0(UA_NS0ID_BASEEVENTTYPE), ns0(UA_NS0ID_HASSUBTYPE),
                                                   borrow_name(plant_, kTypeName), attributes, nullptr, nullptr);
  if (code != UA_STATUSCODE_GOOD) return core::unexpected(failed(kTypeName, code));
  for (const Field& field : kFields) {
    UA_VariableAttributes property = UA_VariableAttributes_default;
    property.displayName = borrow_text(field.name);
    property.dataType = UA_TYPES[field.type].typeId;
    property.valueRank = UA_VALUERANK_SCALAR;
    const std::string id = fmt::format("{}/{}", kTypeName, field.name);
    code = UA_Server_addVariableNode(server_, borrow_id(plant_, id), type, ns0(UA_NS0ID_HASPROPERTY),
                                     borrow_name(plant_, field.name), ns0(UA_NS0ID_PROPERTYTYPE), property, nullptr,
                                     nullptr);
    if (code != UA_STATUSCODE_GOOD) return core::unexpected(failed(field.name, code));
    UA_ExpandedNodeId mandatory;
    UA_ExpandedNodeId_init(&mandatory);
    mandatory.nodeId = ns0(UA_NS0ID_MODELLINGRULE_MANDATORY);
    code = UA_Server_addReference(server_, borrow_id(plant_, id), ns0(UA_NS0ID_HASMODELLINGRULE), mandatory, true);
    if (code != UA_STATUSCODE_GOOD) return core::unexpected(failed(field.name, code));
  }
  return {};
}

UA_StatusCode AlarmEvents::set(const UA_NodeId& event, std::uint16_t ns, std::string_view name, const void* value,
                               std::size_t type) {
  return UA_Server_writeObjectProperty_scalar(server_, event, borrow_name(ns, name), value, &UA_TYPES[type]);
}

UA_StatusCode AlarmEvents::fill(const UA_NodeId& event, const alarms::Alarm& alarm, const std::string& source) {
  const auto text = [&](std::string_view name, std::string_view value) {
    const UA_String borrowed = borrow(value);
    return set(event, plant_, name, &borrowed, UA_TYPES_STRING);
  };
  // When it happened: the latest of what has happened to it.
  const UA_DateTime time = to_ua_time(std::max({alarm.raised, alarm.cleared, alarm.acknowledged}));
  const UA_LocalizedText message = borrow_text(alarm.message);
  const UA_String source_name = borrow(source);
  const UA_UInt16 severity = alarms::severity(alarm.priority);
  const UA_Boolean is_active = alarms::active(alarm.state);
  const UA_Boolean is_acknowledged = alarm.acknowledged != 0;
  const UA_UInt64 id = alarm.id;
  UA_StatusCode code = set(event, 0, "Time", &time, UA_TYPES_DATETIME);
  code |= set(event, 0, "Message", &message, UA_TYPES_LOCALIZEDTEXT);
  code |= set(event, 0, "Severity", &severity, UA_TYPES_UINT16);
  code |= set(event, 0, "SourceName", &source_name, UA_TYPES_STRING);
  code |= text("ConditionName", alarm.condition);
  code |= set(event, plant_, "AlarmId", &id, UA_TYPES_UINT64);
  code |= text("State", alarms::to_string(alarm.state));
  code |= set(event, plant_, "ActiveState", &is_active, UA_TYPES_BOOLEAN);
  code |= set(event, plant_, "AckedState", &is_acknowledged, UA_TYPES_BOOLEAN);
  code |= text("Priority", alarms::to_string(alarm.priority));
  code |= text("Machine", alarm.machine);
  code |= text("Component", alarm.component);
  code |= text("Sensor", alarm.sensor);
  code |= set(event, plant_, "Value", &alarm.value, UA_TYPES_DOUBLE);
  code |= set(event, plant_, "Limit", &alarm.limit, UA_TYPES_DOUBLE);
  return code;
}

core::Status AlarmEvents::notify(const alarms::Alarm& alarm) {
  // The nearest node that there is: the sensor, its machine, or the server for what is about the platform.
  UA_NodeId origin = ns0(UA_NS0ID_SERVER);
  std::string source = "Millwright";
  std::string name;
  const asset::Sensor* sensor = alarm.sensor.empty() ? nullptr : model_.find_sensor(alarm.sensor);
  const asset::Machine* machine = alarm.machine.empty() ? nullptr : model_.find_machine(alarm.machine);
  if (sensor != nullptr || machine != nullptr) {
    source = name = sensor != nullptr ? node_name(model_, *sensor) : node_name(*machine);
    origin = borrow_id(plant_, name);
  }
  UA_NodeId event;
  UA_StatusCode code = UA_Server_createEvent(server_, borrow_id(plant_, kTypeName), &event);
  if (code != UA_STATUSCODE_GOOD) return core::unexpected(failed("creating an event", code));
  code = fill(event, alarm, source);
  if (code == UA_STATUSCODE_GOOD) code = UA_Server_triggerEvent(server_, event, origin, nullptr, false);
  UA_Server_deleteNode(server_, event, true);
  UA_NodeId_clear(&event);
  if (code != UA_STATUSCODE_GOOD) return core::unexpected(failed("sending an event", code));
  return {};
}

}  // namespace millwright::opcua
