// The fields of an alarm as OPC UA's AlarmConditionType has them (OPC 10000-9, 5.8.2), and those of our own type. The
// nodes of a condition and its events show the same.
//
// Threads: pure functions. Private to opcua.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "alarms/alarm.hpp"
#include "core/time.hpp"
#include "opcua/ua.hpp"

namespace millwright::opcua {

inline constexpr std::string_view kConditionType = "MachineAlarmEventType";

// One alarm as clients see it.
struct ConditionView {
  alarms::Alarm alarm;
  std::uint16_t plant = 0;     // our namespace
  std::string source_name;     // of the node that it is about
  std::string source_node;     // its id in our namespace; "": the server
  std::string input_node;      // the sensor's, "" where it is about none
  std::string client_user;     // who commented last
  core::TimeNs commented = 0;  // when
  std::uint16_t last_severity = 0;
  bool one_shot = false;  // of a shelved one: until it returns to normal
  core::DurationNs shelve_max = 0;
  core::TimeNs now = 0;
};

struct ConditionField {
  std::string_view parent;  // the field that this one belongs to; "": the condition
  std::string_view name;
  bool of_plant;  // named in our namespace
  bool property;  // else a component
  std::uint32_t variable_type;
  std::size_t type;  // index in UA_TYPES
  // nullptr: the server writes it as the event goes out.
  UA_StatusCode (*value)(const ConditionView& view, UA_Variant* out);
};

// Parents before their children.
std::span<const ConditionField> condition_fields();

}  // namespace millwright::opcua
