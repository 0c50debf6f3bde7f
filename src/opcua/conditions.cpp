#include "opcua/conditions.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <open62541/nodeids.h>
#include <open62541/server.h>

#include "core/time.hpp"
#include "opcua/address_space.hpp"
#include "opcua/nodeset.hpp"

namespace millwright::opcua {
namespace {

constexpr std::string_view kFolder = "Alarms";

// A type's own variables and objects, below `path`.
struct Declared {
  std::string path;
  NodesetId id;
};
std::vector<Declared> declarations(UA_Server* server, const UA_NodeId& of, const std::string& path) {
  UA_BrowseDescription what;
  UA_BrowseDescription_init(&what);
  what.nodeId = of;
  what.referenceTypeId = ns0(UA_NS0ID_AGGREGATES);
  what.includeSubtypes = true;
  what.nodeClassMask = UA_NODECLASS_VARIABLE | UA_NODECLASS_OBJECT;
  what.resultMask = UA_BROWSERESULTMASK_BROWSENAME;
  UA_BrowseResult found = UA_Server_browse(server, 0, &what);
  std::vector<Declared> out;
  for (std::size_t i = 0; i < found.referencesSize; ++i) {
    const UA_ReferenceDescription& each = found.references[i];
    if (each.nodeId.nodeId.identifierType != UA_NODEIDTYPE_NUMERIC || each.nodeId.nodeId.namespaceIndex != 0) continue;
    const std::string name(view(each.browseName.name));
    out.push_back(
        {path.empty() ? name : fmt::format("{}/{}", path, name), {0, each.nodeId.nodeId.identifier.numeric, {}}});
  }
  UA_BrowseResult_clear(&found);
  return out;
}

core::Status failed(std::string_view what, UA_StatusCode code) {
  return core::unexpected(core::ErrorCode::kInvalid, fmt::format("{}: {}", what, UA_StatusCode_name(code)));
}

core::TimeNs now_ns() {
  return (UA_DateTime_now() - UA_DATETIME_UNIX_EPOCH) * 100;
}

}  // namespace

core::Status Conditions::build(UA_Server* server, std::uint16_t plant_namespace) {
  server_ = server;
  plant_ = plant_namespace;
  conditions_.clear();
  ages_.clear();
  nodes_.begin(server, plant_);
  for (const std::uint32_t type :
       {UA_NS0ID_CONDITIONTYPE, UA_NS0ID_ACKNOWLEDGEABLECONDITIONTYPE, UA_NS0ID_ALARMCONDITIONTYPE}) {
    prune(ns0(type), "");
  }
  add_type();
  nodes_.object(nodes_.id(kFolder), ns0(UA_NS0ID_OBJECTSFOLDER), UA_NS0ID_ORGANIZES, nodes_.name(kFolder),
                ns0(UA_NS0ID_FOLDERTYPE), "The alarms of this plant", false);
  bind_methods();
  if (auto done = nodes_.done("building the alarms"); !done) return done;
  if (alarms_ == nullptr) return {};
  alarms::Filter open;
  open.limit = kConditionsMax;
  for (const alarms::Alarm& alarm : alarms_->list(open)) {
    if (alarm.state != alarms::State::kNormal) condition_of(alarm);
  }
  return nodes_.done("adding the open alarms");
}

void Conditions::add_type() {
  UA_ObjectTypeAttributes attributes = UA_ObjectTypeAttributes_default;
  attributes.displayName = borrow_text(kConditionType);
  attributes.description = borrow_text("An alarm of a machine");
  const UA_NodeId type = nodes_.id(kConditionType);
  nodes_.check(UA_Server_addObjectTypeNode(server_, type, ns0(UA_NS0ID_ALARMCONDITIONTYPE), ns0(UA_NS0ID_HASSUBTYPE),
                                           nodes_.name(kConditionType), attributes, nullptr, nullptr),
               kConditionType);
  for (const ConditionField& field : condition_fields()) {
    if (!field.of_plant) continue;
    const std::string id = fmt::format("{}/{}", kConditionType, field.name);
    nodes_.variable(nodes_.id(id), type, UA_NS0ID_HASPROPERTY, nodes_.name(field.name), field.variable_type,
                    read_only(field.type, field.name));
    nodes_.reference(nodes_.id(id), UA_NS0ID_HASMODELLINGRULE, ns0(UA_NS0ID_MODELLINGRULE_MANDATORY));
  }
}

// Keeps what a condition of ours has, and what leads to it.
void Conditions::prune(const UA_NodeId& of, const std::string& path) {
  for (const Declared& declared : declarations(server_, of, path)) {
    const auto fields = condition_fields();
    const bool wanted = std::any_of(fields.begin(), fields.end(), [&](const ConditionField& field) {
      const std::string own =
          field.parent.empty() ? std::string(field.name) : fmt::format("{}/{}", field.parent, field.name);
      return !field.of_plant && (own == declared.path || own.starts_with(declared.path + "/"));
    });
    if (wanted) {
      prune(declared.id.borrow(), declared.path);
    } else {
      nodes_.check(UA_Server_deleteNode(server_, declared.id.borrow(), true), declared.path);
    }
  }
}

// The instances share the methods of their types (OPC 10000-3, 5.7): one node of each serves all.
void Conditions::bind_methods() {
  const auto bind = [this](std::uint32_t method, UA_MethodCallback callback) {
    nodes_.check(UA_Server_setMethodNodeCallback(server_, ns0(method), callback), "a method");
    nodes_.check(UA_Server_setNodeContext(server_, ns0(method), this), "a method");
  };
  bind(UA_NS0ID_CONDITIONTYPE_ENABLE, &call<&Conditions::enable>);
  bind(UA_NS0ID_CONDITIONTYPE_DISABLE, &call<&Conditions::disable>);
  bind(UA_NS0ID_CONDITIONTYPE_ADDCOMMENT, &call<&Conditions::add_comment>);
  bind(UA_NS0ID_ACKNOWLEDGEABLECONDITIONTYPE_ACKNOWLEDGE, &call<&Conditions::acknowledge>);
  bind(UA_NS0ID_ACKNOWLEDGEABLECONDITIONTYPE_CONFIRM, &call<&Conditions::confirm>);
  bind(UA_NS0ID_SHELVEDSTATEMACHINETYPE_TIMEDSHELVE, &call<&Conditions::timed_shelve>);
  bind(UA_NS0ID_SHELVEDSTATEMACHINETYPE_ONESHOTSHELVE, &call<&Conditions::one_shot_shelve>);
  bind(UA_NS0ID_SHELVEDSTATEMACHINETYPE_UNSHELVE, &call<&Conditions::unshelve>);
  bind(UA_NS0ID_CONDITIONTYPE_CONDITIONREFRESH, &call_refresh);
  bind(UA_NS0ID_CONDITIONTYPE_CONDITIONREFRESH2, &call_refresh);
}

// ---- nodes ----

// With the alarm as it now is.
Conditions::Condition& Conditions::condition_of(const alarms::Alarm& alarm) {
  auto& kept = conditions_[alarm.condition];
  const bool is_new = kept == nullptr;
  if (is_new) {
    kept = std::make_unique<Condition>();
    kept->owner = this;
    kept->node = fmt::format("{}/{}", kFolder, alarm.condition);
    kept->at_age = ages_.insert(ages_.end(), kept.get());
  } else {
    ages_.splice(ages_.end(), ages_, kept->at_age);
    if (kept->view.alarm.id != alarm.id) kept->view.client_user.clear();
    if (kept->view.alarm.priority != alarm.priority) {
      kept->view.last_severity = alarms::severity(kept->view.alarm.priority);
    }
  }
  ConditionView& view = kept->view;
  view.alarm = alarm;
  view.plant = plant_;
  const asset::Sensor* sensor = alarm.sensor.empty() ? nullptr : model_.find_sensor(alarm.sensor);
  const asset::Machine* machine = alarm.machine.empty() ? nullptr : model_.find_machine(alarm.machine);
  // The nearest node that there is: the sensor, its machine, or the server for what is about the platform.
  view.input_node = sensor != nullptr ? node_name(model_, *sensor) : "";
  view.source_node = sensor != nullptr ? view.input_node : machine != nullptr ? node_name(*machine) : "";
  view.source_name = view.source_node.empty() ? "Millwright" : view.source_node;
  if (alarms_ != nullptr) {
    view.shelve_max = alarms_->shelve_max();
    const alarms::Control* control =
        alarm.suppression == alarms::Suppression::kShelved ? shelving_control(alarm.condition) : nullptr;
    view.one_shot = control != nullptr && control->comment == kOneShot;
  }
  if (is_new) {
    view.last_severity = alarms::severity(alarm.priority);
    add_nodes(*kept);
    if (conditions_.size() > kConditionsMax) forget_one();
  }
  return *kept;
}

void Conditions::add_nodes(Condition& condition) {
  const UA_NodeId node = nodes_.id(condition.node);
  const ConditionView& view = condition.view;
  nodes_.bare_object(node, nodes_.id(kFolder), UA_NS0ID_ORGANIZES, nodes_.name(view.alarm.condition),
                     nodes_.id(kConditionType), "", false, &condition);
  const UA_NodeId source = view.source_node.empty() ? ns0(UA_NS0ID_SERVER) : nodes_.id(view.source_node);
  nodes_.reference(source, UA_NS0ID_HASCONDITION, node);
  for (const std::uint32_t method :
       {UA_NS0ID_CONDITIONTYPE_ENABLE, UA_NS0ID_CONDITIONTYPE_DISABLE, UA_NS0ID_CONDITIONTYPE_ADDCOMMENT,
        UA_NS0ID_ACKNOWLEDGEABLECONDITIONTYPE_ACKNOWLEDGE, UA_NS0ID_ACKNOWLEDGEABLECONDITIONTYPE_CONFIRM}) {
    nodes_.reference(node, UA_NS0ID_HASCOMPONENT, ns0(method));
  }
  const std::string shelving = condition.node + "/ShelvingState";
  nodes_.bare_object(nodes_.id(shelving), node, UA_NS0ID_HASCOMPONENT, borrow_name(0, "ShelvingState"),
                     ns0(UA_NS0ID_SHELVEDSTATEMACHINETYPE), "", false, &condition);
  for (const std::uint32_t method :
       {UA_NS0ID_SHELVEDSTATEMACHINETYPE_TIMEDSHELVE, UA_NS0ID_SHELVEDSTATEMACHINETYPE_ONESHOTSHELVE,
        UA_NS0ID_SHELVEDSTATEMACHINETYPE_UNSHELVE}) {
    nodes_.reference(nodes_.id(shelving), UA_NS0ID_HASCOMPONENT, ns0(method));
  }
  condition.fields.reserve(condition_fields().size());  // contexts point into it
  for (const ConditionField& field : condition_fields()) {
    const std::string parent =
        field.parent.empty() ? condition.node : fmt::format("{}/{}", condition.node, field.parent);
    const std::string id = fmt::format("{}/{}", parent, field.name);
    const auto reference = field.property ? UA_NS0ID_HASPROPERTY : UA_NS0ID_HASCOMPONENT;
    const UA_QualifiedName name = borrow_name(field.of_plant ? plant_ : 0, field.name);
    FieldNode& context = condition.fields.emplace_back(FieldNode{&condition, &field});
    const UA_VariableAttributes attributes = read_only(field.type, field.name);
    if (field.value == nullptr) {
      nodes_.variable(nodes_.id(id), nodes_.id(parent), reference, name, field.variable_type, attributes);
    } else {
      nodes_.computed(nodes_.id(id), nodes_.id(parent), reference, name, field.variable_type, attributes,
                      &Conditions::read_field, &context);
    }
  }
}

void Conditions::forget_one() {
  auto which = std::find_if(ages_.begin(), ages_.end(), [](const Condition* condition) {
    return condition->view.alarm.state == alarms::State::kNormal;
  });
  if (which == ages_.end()) which = ages_.begin();
  const std::string name = (*which)->view.alarm.condition;
  UA_Server_deleteNode(server_, nodes_.id((*which)->node), true);
  ages_.erase(which);
  conditions_.erase(name);
}

UA_StatusCode Conditions::read_field(UA_Server*, const UA_NodeId*, void*, const UA_NodeId*, void* context, UA_Boolean,
                                     const UA_NumericRange*, UA_DataValue* out) {
  const FieldNode& node = *static_cast<const FieldNode*>(context);
  node.condition->view.now = now_ns();
  const UA_StatusCode code = node.field->value(node.condition->view, &out->value);
  out->hasValue = code == UA_STATUSCODE_GOOD;
  return code;
}

// ---- events ----

UA_StatusCode Conditions::emit(Condition& condition) {
  const std::string& source = condition.view.source_node;
  UA_ByteString id = UA_BYTESTRING_NULL;
  const UA_StatusCode code = UA_Server_triggerEvent(
      server_, nodes_.id(condition.node), source.empty() ? ns0(UA_NS0ID_SERVER) : nodes_.id(source), &id, false);
  if (code == UA_STATUSCODE_GOOD) {
    condition.events.push_back({std::string(view(id)), condition.view.alarm.id});
    if (condition.events.size() > kEventsMax) condition.events.pop_front();
  }
  UA_ByteString_clear(&id);
  return code;
}

core::Status Conditions::notify(const alarms::Alarm& alarm) {
  const UA_StatusCode code = emit(condition_of(alarm));
  if (code != UA_STATUSCODE_GOOD) return failed("sending an event", code);
  if (auto added = nodes_.done("adding an alarm"); !added) {
    nodes_.begin(server_, plant_);
    return added;
  }
  end_one_shot(alarm);
  return {};
}

UA_StatusCode Conditions::emit_mark(std::uint32_t type, std::string_view message) {
  UA_NodeId event;
  UA_StatusCode code = UA_Server_createEvent(server_, ns0(type), &event);
  if (code != UA_STATUSCODE_GOOD) return code;
  const auto set = [&](std::string_view name, const void* value, std::size_t ua_type) {
    code |= UA_Server_writeObjectProperty_scalar(server_, event, borrow_name(0, name), value, &UA_TYPES[ua_type]);
  };
  const UA_DateTime time = UA_DateTime_now();
  const UA_LocalizedText text = borrow_text(message);
  const UA_UInt16 severity = 100;
  const UA_String source = borrow("Server");
  set("Time", &time, UA_TYPES_DATETIME);
  set("Message", &text, UA_TYPES_LOCALIZEDTEXT);
  set("Severity", &severity, UA_TYPES_UINT16);
  set("SourceName", &source, UA_TYPES_STRING);
  if (code == UA_STATUSCODE_GOOD) code = UA_Server_triggerEvent(server_, event, ns0(UA_NS0ID_SERVER), nullptr, false);
  UA_Server_deleteNode(server_, event, true);
  UA_NodeId_clear(&event);
  return code;
}

void Conditions::turn() {
  if (refresh_due_ && UA_DateTime_nowMonotonic() - refreshed_ >= kRefreshInterval) refresh();
}

void Conditions::refresh() {
  refresh_due_ = false;
  refreshed_ = UA_DateTime_nowMonotonic();
  if (const auto done = emit_all(); !done) log_->warn("{}", done.error().message);
}

core::Status Conditions::emit_all() {
  if (const auto code = emit_mark(UA_NS0ID_REFRESHSTARTEVENTTYPE, "Refresh begins")) return failed("a refresh", code);
  for (const auto& [name, condition] : conditions_) {
    if (condition->view.alarm.state == alarms::State::kNormal) continue;
    if (const auto code = emit(*condition)) return failed("a refresh", code);
  }
  if (const auto code = emit_mark(UA_NS0ID_REFRESHENDEVENTTYPE, "Refresh is over")) return failed("a refresh", code);
  return {};
}

UA_StatusCode Conditions::call_refresh(UA_Server*, const UA_NodeId*, void*, const UA_NodeId*, void* self,
                                       const UA_NodeId*, void*, std::size_t, const UA_Variant*, std::size_t,
                                       UA_Variant*) {
  auto& conditions = *static_cast<Conditions*>(self);
  conditions.refresh_due_ = true;
  conditions.turn();
  return UA_STATUSCODE_GOOD;
}

}  // namespace millwright::opcua
