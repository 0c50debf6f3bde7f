// Alarms as OPC UA conditions (OPC 10000-9): for each condition that has been in alarm an instance of
// MachineAlarmEventType, a subtype of AlarmConditionType, below Objects/Alarms, with its source by HasCondition. Every
// change goes out as an event whose ConditionId is that instance.
//
// Methods: Acknowledge, Confirm (ends a latched alarm), AddComment, TimedShelve, OneShotShelve, Unshelve and
// ConditionRefresh, ConditionRefresh2. All but the last two take a user, never an anonymous session. open62541 is built
// without alarms and conditions, so all of it is done by hand; its events go to every subscription, so a refresh that
// one client asks for is seen by all who listen.
//
// open62541 takes at most 64 fields in an event filter, and alarm clients ask for all that AlarmConditionType declares,
// which is more: so the types declare no optional field here that our conditions do not have.
//
// A condition is always enabled. The one-shot of a shelved alarm is kept as the comment of its control, so that it
// outlives a restart.
//
// Threads: the server's own. It must outlive the UA_Server. Limits: kConditionsMax instances; the oldest that is of no
// interest goes first, then the oldest; kEventsMax event ids of one are known.
#pragma once

#include <cstddef>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <spdlog/logger.h>

#include "alarms/alarm_manager.hpp"
#include "asset/model.hpp"
#include "core/result.hpp"
#include "opcua/condition_fields.hpp"
#include "opcua/node_builder.hpp"
#include "opcua/session_user.hpp"

struct UA_Server;

namespace millwright::opcua {

inline constexpr std::size_t kConditionsMax = 2'000;
inline constexpr std::size_t kEventsMax = 16;
// A refresh goes to all who listen: clients that ask at the same time get the same one.
inline constexpr UA_DateTime kRefreshInterval = UA_DATETIME_SEC;

// Comments of the controls that clients make.
inline constexpr std::string_view kTimedShelve = "shelved by an OPC UA client";
inline constexpr std::string_view kOneShot = "shelved once by an OPC UA client: until it returns to normal";

class Conditions {
 public:
  // Without `alarms` clients see alarms, and change nothing.
  Conditions(const asset::Model& model, alarms::AlarmManager* alarms, MayAct may_act,
             std::shared_ptr<spdlog::logger> log)
      : model_(model), alarms_(alarms), may_act_(std::move(may_act)), log_(std::move(log)) {}
  Conditions(const Conditions&) = delete;
  Conditions& operator=(const Conditions&) = delete;

  // Adds the type, the folder, the methods, and the alarms that are open.
  core::Status build(UA_Server* server, std::uint16_t plant_namespace);
  // An alarm has changed: tells everybody who listens.
  core::Status notify(const alarms::Alarm& alarm);
  // What clients have asked for and could not be done at once. Often.
  void turn();

 private:
  struct Condition;
  struct FieldNode {  // the context of a field's node
    Condition* condition;
    const ConditionField* field;
  };
  struct Event {
    std::string id;
    std::uint64_t alarm;
  };
  struct Condition {
    Conditions* owner = nullptr;
    std::string node;
    ConditionView view;
    std::vector<FieldNode> fields;
    std::deque<Event> events;                      // the latest last
    std::list<const Condition*>::iterator at_age;  // in ages_
  };
  using Call = UA_StatusCode (Conditions::*)(Condition&, const std::string& user, const UA_Variant* arguments);

  void add_type();
  void prune(const UA_NodeId& of, const std::string& path);
  void bind_methods();
  Condition& condition_of(const alarms::Alarm& alarm);
  void add_nodes(Condition& condition);
  void forget_one();
  UA_StatusCode emit(Condition& condition);
  void refresh();
  core::Status emit_all();
  UA_StatusCode emit_mark(std::uint32_t type, std::string_view message);
  [[nodiscard]] const alarms::Control* shelving_control(const std::string& condition);
  void end_one_shot(const alarms::Alarm& alarm);

  static UA_StatusCode read_field(UA_Server*, const UA_NodeId*, void*, const UA_NodeId*, void* context, UA_Boolean,
                                  const UA_NumericRange*, UA_DataValue* out);
  static UA_StatusCode dispatch(void* session, void* object, const Call& act, const UA_Variant* input);
  template <Call kCall>
  static UA_StatusCode call(UA_Server*, const UA_NodeId*, void* session, const UA_NodeId*, void*, const UA_NodeId*,
                            void* object, std::size_t, const UA_Variant* input, std::size_t, UA_Variant*) {
    return dispatch(session, object, kCall, input);
  }
  static UA_StatusCode call_refresh(UA_Server*, const UA_NodeId*, void*, const UA_NodeId*, void* self, const UA_NodeId*,
                                    void*, std::size_t, const UA_Variant*, std::size_t, UA_Variant*);
  [[nodiscard]] static std::optional<std::uint64_t> alarm_of(const Condition& condition, const UA_Variant& event);
  static void note_user(Condition& condition, const std::string& user);
  UA_StatusCode acknowledge(Condition& condition, const std::string& user, const UA_Variant* arguments);
  UA_StatusCode confirm(Condition& condition, const std::string& user, const UA_Variant* arguments);
  UA_StatusCode add_comment(Condition& condition, const std::string& user, const UA_Variant* arguments);
  UA_StatusCode timed_shelve(Condition& condition, const std::string& user, const UA_Variant* arguments);
  UA_StatusCode one_shot_shelve(Condition& condition, const std::string& user, const UA_Variant*);
  UA_StatusCode unshelve(Condition& condition, const std::string& user, const UA_Variant*);
  UA_StatusCode enable(Condition&, const std::string&, const UA_Variant*);
  UA_StatusCode disable(Condition&, const std::string&, const UA_Variant*);
  UA_StatusCode shelve(Condition& condition, const std::string& user, core::DurationNs time, bool one_shot);

  const asset::Model& model_;
  alarms::AlarmManager* const alarms_;
  const MayAct may_act_;
  std::shared_ptr<spdlog::logger> log_;
  NodeBuilder nodes_;
  UA_Server* server_ = nullptr;
  std::uint16_t plant_ = 0;
  std::unordered_map<std::string, std::unique_ptr<Condition>> conditions_;  // by alarm condition
  std::list<const Condition*> ages_;                                        // the least recently changed first
  std::vector<alarms::Control> controls_;                                   // as of the last look
  bool refresh_due_ = false;
  UA_DateTime refreshed_ = 0;  // monotonic
};

}  // namespace millwright::opcua
