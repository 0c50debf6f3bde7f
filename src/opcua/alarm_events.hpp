// Alarms as OPC UA events of MachineAlarmEventType, a subtype of BaseEventType (OPC 10000-5, 6.4.2).
//
// Threads: the server's own.
#pragma once

#include <cstdint>
#include <string>

#include "alarms/alarm.hpp"
#include "asset/model.hpp"
#include "core/result.hpp"
#include "opcua/ua.hpp"

struct UA_Server;

namespace millwright::opcua {

class AlarmEvents {
 public:
  explicit AlarmEvents(const asset::Model& model) : model_(model) {}

  // Adds the event type to the plant's namespace.
  core::Status build(UA_Server* server, std::uint16_t plant_namespace);
  // Notifies everybody who listens.
  core::Status notify(const alarms::Alarm& alarm);

 private:
  UA_StatusCode set(const UA_NodeId& event, std::uint16_t ns, std::string_view name, const void* value,
                    std::size_t type);
  UA_StatusCode fill(const UA_NodeId& event, const alarms::Alarm& alarm, const std::string& source);

  const asset::Model& model_;
  UA_Server* server_ = nullptr;
  std::uint16_t plant_ = 0;
};

}  // namespace millwright::opcua
