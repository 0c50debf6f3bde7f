#include "opcua/condition_fields.hpp"

#include <algorithm>

#include <open62541/nodeids.h>

namespace millwright::opcua {
namespace {

using alarms::Alarm;
using alarms::Suppression;
using View = ConditionView;

template <typename T>
UA_StatusCode put(UA_Variant* out, const T& value, std::size_t type) {
  return UA_Variant_setScalarCopy(out, &value, &UA_TYPES[type]);
}
UA_StatusCode put_string(UA_Variant* out, std::string_view text) {
  return put(out, borrow(text), UA_TYPES_STRING);
}
UA_StatusCode put_text(UA_Variant* out, std::string_view text) {
  return put(out, UA_LocalizedText{borrow("en"), borrow(text)}, UA_TYPES_LOCALIZEDTEXT);
}
UA_StatusCode put_bool(UA_Variant* out, bool value) {
  return put(out, UA_Boolean(value), UA_TYPES_BOOLEAN);
}
UA_StatusCode put_time(UA_Variant* out, core::TimeNs time) {
  return put(out, time == 0 ? UA_DateTime{0} : to_ua_time(time), UA_TYPES_DATETIME);
}
UA_StatusCode put_ms(UA_Variant* out, core::DurationNs duration) {
  return put(out, static_cast<UA_Double>(duration) / core::kMillisecond, UA_TYPES_DOUBLE);
}

// When it happened: the latest of what has happened to it.
core::TimeNs time_of(const Alarm& alarm) {
  return std::max({alarm.raised, alarm.cleared, alarm.acknowledged});
}
bool is_acknowledged(const Alarm& alarm) {
  return !alarms::needs_acknowledgement(alarm.state);
}
// A latched alarm waits for somebody to say that all is well again: OPC UA's confirmation.
bool is_confirmed(const Alarm& alarm) {
  return alarm.state != alarms::State::kLatchedUnacknowledged && alarm.state != alarms::State::kLatchedAcknowledged;
}
bool is_process(const Alarm& alarm) {
  return alarms::category(alarm.condition) == alarms::Category::kProcess;
}
UA_NodeId node_or_null(const View& view, const std::string& id) {
  return id.empty() ? UA_NODEID_NULL : borrow_id(view.plant, id);
}

// OPC 10000-9, 5.8.17: Unshelved, TimedShelved, OneShotShelved.
struct Shelving {
  std::string_view name;
  std::uint32_t node;
};
Shelving shelving_of(const View& view) {
  if (view.alarm.suppression != Suppression::kShelved) {
    return {"Unshelved", UA_NS0ID_SHELVEDSTATEMACHINETYPE_UNSHELVED};
  }
  if (view.one_shot) return {"OneShotShelved", UA_NS0ID_SHELVEDSTATEMACHINETYPE_ONESHOTSHELVED};
  return {"TimedShelved", UA_NS0ID_SHELVEDSTATEMACHINETYPE_TIMEDSHELVED};
}
core::DurationNs unshelve_in(const View& view) {
  if (view.alarm.suppression != Suppression::kShelved || view.alarm.suppressed_until == 0) return 0;
  return std::max<core::DurationNs>(view.alarm.suppressed_until - view.now, 0);
}

constexpr std::uint32_t kProperty = UA_NS0ID_PROPERTYTYPE;
constexpr std::uint32_t kTwoState = UA_NS0ID_TWOSTATEVARIABLETYPE;
constexpr std::uint32_t kCondition = UA_NS0ID_CONDITIONVARIABLETYPE;

using Value = UA_StatusCode (*)(const View&, UA_Variant*);
constexpr ConditionField property(std::string_view parent, std::string_view name, std::size_t type, Value value) {
  return {parent, name, false, true, kProperty, type, value};
}
constexpr ConditionField own(std::string_view name, std::size_t type, Value value) {
  return {"", name, true, true, kProperty, type, value};
}
constexpr ConditionField two_state(std::string_view name, Value value) {
  return {"", name, false, false, kTwoState, UA_TYPES_LOCALIZEDTEXT, value};
}
constexpr ConditionField about(std::string_view name, std::size_t type, Value value) {
  return {"", name, false, false, kCondition, type, value};
}

constexpr ConditionField kFields[] = {
    // BaseEventType
    property("", "EventId", UA_TYPES_BYTESTRING, nullptr),
    property("", "SourceNode", UA_TYPES_NODEID, nullptr),
    property("", "ReceiveTime", UA_TYPES_DATETIME, nullptr),
    property(
        "", "EventType", UA_TYPES_NODEID,
        [](const View& v, UA_Variant* out) { return put(out, borrow_id(v.plant, kConditionType), UA_TYPES_NODEID); }),
    property("", "SourceName", UA_TYPES_STRING,
             [](const View& v, UA_Variant* out) { return put_string(out, v.source_name); }),
    property("", "Time", UA_TYPES_DATETIME,
             [](const View& v, UA_Variant* out) { return put_time(out, time_of(v.alarm)); }),
    property("", "Message", UA_TYPES_LOCALIZEDTEXT,
             [](const View& v, UA_Variant* out) { return put_text(out, v.alarm.message); }),
    property(
        "", "Severity", UA_TYPES_UINT16,
        [](const View& v, UA_Variant* out) { return put(out, alarms::severity(v.alarm.priority), UA_TYPES_UINT16); }),
    // ConditionType
    property("", "ConditionClassId", UA_TYPES_NODEID,
             [](const View& v, UA_Variant* out) {
               return put(
                   out,
                   ns0(is_process(v.alarm) ? UA_NS0ID_PROCESSCONDITIONCLASSTYPE : UA_NS0ID_SYSTEMCONDITIONCLASSTYPE),
                   UA_TYPES_NODEID);
             }),
    property("", "ConditionClassName", UA_TYPES_LOCALIZEDTEXT,
             [](const View& v, UA_Variant* out) {
               return put_text(out, is_process(v.alarm) ? "ProcessConditionClassType" : "SystemConditionClassType");
             }),
    property("", "ConditionName", UA_TYPES_STRING,
             [](const View& v, UA_Variant* out) { return put_string(out, v.alarm.condition); }),
    property("", "BranchId", UA_TYPES_NODEID,
             [](const View&, UA_Variant* out) { return put(out, UA_NODEID_NULL, UA_TYPES_NODEID); }),
    property("", "Retain", UA_TYPES_BOOLEAN,
             [](const View& v, UA_Variant* out) { return put_bool(out, v.alarm.state != alarms::State::kNormal); }),
    two_state("EnabledState", [](const View&, UA_Variant* out) { return put_text(out, "Enabled"); }),
    property("EnabledState", "Id", UA_TYPES_BOOLEAN, [](const View&, UA_Variant* out) { return put_bool(out, true); }),
    about(
        "Quality", UA_TYPES_STATUSCODE,
        [](const View&, UA_Variant* out) { return put(out, UA_StatusCode{UA_STATUSCODE_GOOD}, UA_TYPES_STATUSCODE); }),
    property("Quality", "SourceTimestamp", UA_TYPES_DATETIME,
             [](const View& v, UA_Variant* out) { return put_time(out, time_of(v.alarm)); }),
    about("LastSeverity", UA_TYPES_UINT16,
          [](const View& v, UA_Variant* out) { return put(out, v.last_severity, UA_TYPES_UINT16); }),
    property("LastSeverity", "SourceTimestamp", UA_TYPES_DATETIME,
             [](const View& v, UA_Variant* out) { return put_time(out, v.alarm.raised); }),
    about("Comment", UA_TYPES_LOCALIZEDTEXT,
          [](const View& v, UA_Variant* out) { return put_text(out, v.alarm.comment); }),
    property("Comment", "SourceTimestamp", UA_TYPES_DATETIME,
             [](const View& v, UA_Variant* out) { return put_time(out, std::max(v.commented, v.alarm.acknowledged)); }),
    property("", "ClientUserId", UA_TYPES_STRING,
             [](const View& v, UA_Variant* out) {
               return put_string(out, v.client_user.empty() || v.alarm.acknowledged > v.commented
                                          ? v.alarm.acknowledged_by
                                          : v.client_user);
             }),
    // AcknowledgeableConditionType
    two_state("AckedState",
              [](const View& v, UA_Variant* out) {
                return put_text(out, is_acknowledged(v.alarm) ? "Acknowledged" : "Unacknowledged");
              }),
    property("AckedState", "Id", UA_TYPES_BOOLEAN,
             [](const View& v, UA_Variant* out) { return put_bool(out, is_acknowledged(v.alarm)); }),
    two_state("ConfirmedState",
              [](const View& v, UA_Variant* out) {
                return put_text(out, is_confirmed(v.alarm) ? "Confirmed" : "Unconfirmed");
              }),
    property("ConfirmedState", "Id", UA_TYPES_BOOLEAN,
             [](const View& v, UA_Variant* out) { return put_bool(out, is_confirmed(v.alarm)); }),
    // AlarmConditionType
    two_state("ActiveState",
              [](const View& v, UA_Variant* out) {
                return put_text(out, alarms::active(v.alarm.state) ? "Active" : "Inactive");
              }),
    property("ActiveState", "Id", UA_TYPES_BOOLEAN,
             [](const View& v, UA_Variant* out) { return put_bool(out, alarms::active(v.alarm.state)); }),
    property("", "InputNode", UA_TYPES_NODEID,
             [](const View& v, UA_Variant* out) { return put(out, node_or_null(v, v.input_node), UA_TYPES_NODEID); }),
    two_state("SuppressedState",
              [](const View& v, UA_Variant* out) {
                return put_text(out, v.alarm.suppression == Suppression::kByDesign ? "Suppressed" : "Unsuppressed");
              }),
    property(
        "SuppressedState", "Id", UA_TYPES_BOOLEAN,
        [](const View& v, UA_Variant* out) { return put_bool(out, v.alarm.suppression == Suppression::kByDesign); }),
    two_state("OutOfServiceState",
              [](const View& v, UA_Variant* out) {
                return put_text(out,
                                v.alarm.suppression == Suppression::kOutOfService ? "Out of Service" : "In Service");
              }),
    property("OutOfServiceState", "Id", UA_TYPES_BOOLEAN,
             [](const View& v, UA_Variant* out) {
               return put_bool(out, v.alarm.suppression == Suppression::kOutOfService);
             }),
    property("", "SuppressedOrShelved", UA_TYPES_BOOLEAN,
             [](const View& v, UA_Variant* out) { return put_bool(out, v.alarm.suppression != Suppression::kNone); }),
    property("", "MaxTimeShelved", UA_TYPES_DOUBLE,
             [](const View& v, UA_Variant* out) { return put_ms(out, v.shelve_max); }),
    {"ShelvingState", "CurrentState", false, false, UA_NS0ID_FINITESTATEVARIABLETYPE, UA_TYPES_LOCALIZEDTEXT,
     [](const View& v, UA_Variant* out) { return put_text(out, shelving_of(v).name); }},
    property("ShelvingState/CurrentState", "Id", UA_TYPES_NODEID,
             [](const View& v, UA_Variant* out) { return put(out, ns0(shelving_of(v).node), UA_TYPES_NODEID); }),
    property("ShelvingState", "UnshelveTime", UA_TYPES_DOUBLE,
             [](const View& v, UA_Variant* out) { return put_ms(out, unshelve_in(v)); }),
    // MachineAlarmEventType
    own("AlarmId", UA_TYPES_UINT64,
        [](const View& v, UA_Variant* out) { return put(out, UA_UInt64{v.alarm.id}, UA_TYPES_UINT64); }),
    own("State", UA_TYPES_STRING,
        [](const View& v, UA_Variant* out) { return put_string(out, alarms::to_string(v.alarm.state)); }),
    own("Priority", UA_TYPES_STRING,
        [](const View& v, UA_Variant* out) { return put_string(out, alarms::to_string(v.alarm.priority)); }),
    own("Machine", UA_TYPES_STRING, [](const View& v, UA_Variant* out) { return put_string(out, v.alarm.machine); }),
    own("Component", UA_TYPES_STRING,
        [](const View& v, UA_Variant* out) { return put_string(out, v.alarm.component); }),
    own("Sensor", UA_TYPES_STRING, [](const View& v, UA_Variant* out) { return put_string(out, v.alarm.sensor); }),
    own("Value", UA_TYPES_DOUBLE,
        [](const View& v, UA_Variant* out) { return put(out, v.alarm.value, UA_TYPES_DOUBLE); }),
    own("Limit", UA_TYPES_DOUBLE,
        [](const View& v, UA_Variant* out) { return put(out, v.alarm.limit, UA_TYPES_DOUBLE); }),
};

}  // namespace

std::span<const ConditionField> condition_fields() {
  return kFields;
}

}  // namespace millwright::opcua
