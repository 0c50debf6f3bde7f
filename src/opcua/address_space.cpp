#include "opcua/address_space.hpp"

#include <cstring>

#include <fmt/format.h>
#include <open62541/nodeids.h>
#include <open62541/server.h>

namespace millwright::opcua {
namespace {

using core::ValueType;

constexpr std::string_view kUnitNamespace = "http://www.opcfoundation.org/UA/units/un/cefact";

// OPC 10000-8, 5.3: what fits what the sensor declares.
std::uint32_t variable_type(const asset::Sensor& sensor) {
  if (sensor.type == ValueType::kBool || sensor.type == ValueType::kText) return UA_NS0ID_BASEDATAVARIABLETYPE;
  if (sensor.type == ValueType::kState) {
    return sensor.states.empty() ? UA_NS0ID_BASEDATAVARIABLETYPE : UA_NS0ID_MULTISTATEVALUEDISCRETETYPE;
  }
  if (sensor.unit != nullptr) return sensor.range ? UA_NS0ID_ANALOGUNITRANGETYPE : UA_NS0ID_ANALOGUNITTYPE;
  return sensor.range ? UA_NS0ID_ANALOGITEMTYPE : UA_NS0ID_BASEANALOGTYPE;
}

bool has_reading(const pipeline::LiveValue& live) {
  return live.source_time != 0 || live.readings != 0;
}

}  // namespace

std::string node_name(const asset::Machine& machine) {
  return machine.name;
}

std::string node_name(const asset::Machine& machine, std::string_view component) {
  return component.empty() ? machine.name : fmt::format("{}/{}", machine.name, component);
}

std::string node_name(const asset::Model& model, const asset::Sensor& sensor) {
  return fmt::format("{}/{}", node_name(model.machine(sensor.machine), sensor.component), sensor.name);
}

UA_StatusCode set_value(ValueType type, std::uint64_t bits, const core::Texts& texts, UA_DataValue* out) {
  const void* value = &bits;
  UA_String text = UA_STRING_NULL;
  if (type == ValueType::kText) {
    text = borrow(texts.of(bits));
    value = &text;
  }
  const UA_StatusCode copied = UA_Variant_setScalarCopy(&out->value, value, &UA_TYPES[ua_type(type)]);
  out->hasValue = copied == UA_STATUSCODE_GOOD;
  return copied;
}

AddressSpace::AddressSpace(const asset::Model& model, const pipeline::LiveTable& live, const core::Texts& texts,
                           core::DurationNs min_sampling_interval, bool has_history)
    : model_(model),
      live_(live),
      texts_(texts),
      min_sampling_interval_(min_sampling_interval),
      has_history_(has_history),
      machinery_(model, live) {
  sensors_.reserve(model.sensors().size());
  for (const asset::Sensor& sensor : model.sensors()) sensors_.push_back({this, sensor.id, sensor.type});
}

core::Status AddressSpace::build(UA_Server* server, const std::string& nodesets) {
  began_ = UA_DateTime_now();
  shared_.clear();
  plant_ = UA_Server_addNamespace(server, std::string(kPlantNamespace).c_str());
  nodes_.begin(server, plant_);
  if (auto loaded = machinery_.load(server, nodesets); !loaded) return loaded;
  add_machines_folder();
  for (const asset::Machine& machine : model_.machines()) add_machine(machine);
  return nodes_.done("building the OPC UA address space");
}

// OPC 10000-3, 5.6.3: a property is the target of at least one HasProperty reference, so of many as well.
void AddressSpace::share_property(const std::string& parent, std::string_view name, const std::string& key,
                                  UA_Variant& value) {
  const std::string id = fmt::format("{}/{}", name, key);
  if (!shared_.insert(id).second) return nodes_.reference(nodes_.id(parent), UA_NS0ID_HASPROPERTY, nodes_.id(id));
  UA_VariableAttributes attributes = read_only(UA_TYPES_DOUBLE, name);
  attributes.dataType = value.type->typeId;
  if (!UA_Variant_isScalar(&value)) attributes.valueRank = UA_VALUERANK_ONE_DIMENSION;
  attributes.value = value;
  nodes_.variable(nodes_.id(id), nodes_.id(parent), UA_NS0ID_HASPROPERTY, borrow_name(0, name), UA_NS0ID_PROPERTYTYPE,
                  attributes, nullptr);
}

void AddressSpace::add_machines_folder() {
  const UA_NodeId machines = UA_NODEID_NUMERIC(machinery_.machinery_namespace(), kMachinesNode);
  if (!machinery_.is_loaded()) {
    nodes_.object(machines, ns0(UA_NS0ID_OBJECTSFOLDER), UA_NS0ID_ORGANIZES,
                  borrow_name(machines.namespaceIndex, "Machines"), ns0(UA_NS0ID_FOLDERTYPE),
                  "The machines of this plant", true);
  }
  nodes_.reference(ns0(UA_NS0ID_SERVER), UA_NS0ID_HASNOTIFIER, machines);
}

void AddressSpace::add_machine(const asset::Machine& machine) {
  const UA_NodeId machines = UA_NODEID_NUMERIC(machinery_.machinery_namespace(), kMachinesNode);
  const std::string id = node_name(machine);
  nodes_.object(nodes_.id(id), machines, UA_NS0ID_ORGANIZES, nodes_.name(machine.name), ns0(UA_NS0ID_BASEOBJECTTYPE),
                machine.description, true);
  nodes_.reference(machines, UA_NS0ID_HASNOTIFIER, nodes_.id(id));
  // Localised texts where OPC 10000-100's nameplate has them.
  if (!machine.manufacturer.empty()) nodes_.text_property(id, nodes_.name("Manufacturer"), machine.manufacturer, true);
  if (!machine.model.empty()) nodes_.text_property(id, nodes_.name("Model"), machine.model, true);
  if (!machine.serial_number.empty())
    nodes_.text_property(id, nodes_.name("SerialNumber"), machine.serial_number, false);
  nodes_.text_property(id, nodes_.name("AssetPath"), machine.path, false);
  for (const asset::Component& component : machine.components) add_component(machine, component);
  for (const asset::Component& component : machine.components) {
    if (component.part_of.empty()) continue;
    nodes_.reference(nodes_.id(node_name(machine, component.part_of)), UA_NS0ID_HASCOMPONENT,
                     nodes_.id(node_name(machine, component.name)));
  }
  for (const core::SensorId sensor : machine.sensors) add_sensor(machine, model_.sensor(sensor));
  machinery_.add(nodes_, machine);
}

// Every component is below its machine, so that <machine>/<component>/<sensor> always leads there; one that is part of
// another is below that as well.
void AddressSpace::add_component(const asset::Machine& machine, const asset::Component& component) {
  nodes_.object(nodes_.id(node_name(machine, component.name)), nodes_.id(node_name(machine)), UA_NS0ID_HASCOMPONENT,
                nodes_.name(component.name), ns0(UA_NS0ID_BASEOBJECTTYPE), component.description, false);
}

void AddressSpace::add_sensor(const asset::Machine& machine, const asset::Sensor& sensor) {
  SensorNode& node = sensors_[sensor.id.value];
  const std::string parent = node_name(machine, sensor.component);
  const std::string id = fmt::format("{}/{}", parent, sensor.name);
  UA_VariableAttributes attributes = read_only(ua_type(sensor.type), sensor.name);
  attributes.description = borrow_text(sensor.description);
  attributes.minimumSamplingInterval = static_cast<double>(min_sampling_interval_) / core::kMillisecond;
  if (has_history_) {
    attributes.historizing = true;
    attributes.accessLevel |= UA_ACCESSLEVELMASK_HISTORYREAD;
    attributes.userAccessLevel |= UA_ACCESSLEVELMASK_HISTORYREAD;
  }
  nodes_.computed(nodes_.id(id), nodes_.id(parent), UA_NS0ID_HASCOMPONENT, nodes_.name(sensor.name),
                  variable_type(sensor), attributes, &AddressSpace::read_value, &node);
  add_sensor_properties(sensor, id, node);
  if (has_history_) add_history(id, !core::is_real(sensor.type));
}

// OPC 10000-11, 5.2.2: how the history between two readings is meant. One object serves all sensors of a kind.
void AddressSpace::add_history(const std::string& id, bool stepped) {
  constexpr std::string_view kName = "HA Configuration";
  const std::string shared = fmt::format("{}/{}", kName, stepped ? "stepped" : "sloped");
  const UA_NodeId configuration = nodes_.id(shared);
  if (!shared_.insert(shared).second) {
    return nodes_.reference(nodes_.id(id), UA_NS0ID_HASHISTORICALCONFIGURATION, configuration);
  }
  nodes_.object(configuration, nodes_.id(id), UA_NS0ID_HASHISTORICALCONFIGURATION, borrow_name(0, kName),
                ns0(UA_NS0ID_HISTORICALDATACONFIGURATIONTYPE), "", false);
  const UA_Boolean value = stepped;
  nodes_.check(UA_Server_writeObjectProperty_scalar(nodes_.server(), configuration, borrow_name(0, "Stepped"), &value,
                                                    &UA_TYPES[UA_TYPES_BOOLEAN]),
               shared);
}

void AddressSpace::add_sensor_properties(const asset::Sensor& sensor, const std::string& id, SensorNode& node) {
  const bool is_number = core::is_real(sensor.type) || sensor.type == ValueType::kInt64;
  UA_Variant value;
  UA_Variant_init(&value);
  if (is_number && sensor.range) {
    UA_Range range{sensor.range->low, sensor.range->high};
    UA_Variant_setScalar(&value, &range, &UA_TYPES[UA_TYPES_RANGE]);
    share_property(id, "EURange", fmt::format("{}..{}", range.low, range.high), value);
  }
  if (is_number && sensor.unit != nullptr) {
    UA_EUInformation unit{borrow(kUnitNamespace), sensor.unit->unece_id(), borrow_text(sensor.unit->symbol),
                          borrow_text(sensor.unit->description)};
    UA_Variant_setScalar(&value, &unit, &UA_TYPES[UA_TYPES_EUINFORMATION]);
    share_property(id, "EngineeringUnits", std::string(sensor.unit->code), value);
  }
  if (sensor.type != ValueType::kState || sensor.states.empty()) return;
  std::vector<UA_EnumValueType> values;
  std::string key;
  for (const auto& [code, name] : sensor.states) {
    values.push_back({code, borrow_text(name), borrow_text("")});
    key += fmt::format("{}={};", code, name);
  }
  UA_Variant_setArray(&value, values.data(), values.size(), &UA_TYPES[UA_TYPES_ENUMVALUETYPE]);
  share_property(id, "EnumValues", key, value);
  const std::string text_id = id + "/ValueAsText";
  UA_VariableAttributes attributes = read_only(UA_TYPES_LOCALIZEDTEXT, "ValueAsText");
  nodes_.computed(nodes_.id(text_id), nodes_.id(id), UA_NS0ID_HASPROPERTY, borrow_name(0, "ValueAsText"),
                  UA_NS0ID_PROPERTYTYPE, attributes, &AddressSpace::read_state_text, &node);
}

// That there is no reading has been so since the server began; without a time of ours, open62541 would put the present
// one, and every sample would look like a change.
void AddressSpace::set_quality_and_time(const pipeline::LiveValue& live, bool with_time, UA_DataValue* out) const {
  out->hasStatus = true;
  out->status = live.quality.code;
  if (!with_time) return;
  out->hasSourceTimestamp = true;
  out->sourceTimestamp = has_reading(live) ? to_ua_time(live.source_time) : began_;
}

UA_StatusCode AddressSpace::read_value(UA_Server*, const UA_NodeId*, void*, const UA_NodeId*, void* context,
                                       UA_Boolean with_time, const UA_NumericRange* range, UA_DataValue* out) {
  if (range != nullptr) {
    out->hasStatus = true;
    out->status = UA_STATUSCODE_BADINDEXRANGEINVALID;
    return UA_STATUSCODE_GOOD;
  }
  const auto& node = *static_cast<const SensorNode*>(context);
  const pipeline::LiveValue live = node.space->live_.read(node.id);
  node.space->set_quality_and_time(live, with_time, out);
  // Before the first reading there is no value to show.
  if (!has_reading(live)) return UA_STATUSCODE_GOOD;
  return set_value(node.type, live.bits, node.space->texts_, out);
}

UA_StatusCode AddressSpace::read_state_text(UA_Server*, const UA_NodeId*, void*, const UA_NodeId*, void* context,
                                            UA_Boolean with_time, const UA_NumericRange*, UA_DataValue* out) {
  const auto& node = *static_cast<const SensorNode*>(context);
  const pipeline::LiveValue live = node.space->live_.read(node.id);
  node.space->set_quality_and_time(live, with_time, out);
  if (!has_reading(live)) return UA_STATUSCODE_GOOD;
  const auto& states = node.space->model_.sensor(node.id).states;
  const auto state = states.find(live.as<std::int32_t>());
  const std::string text = state != states.end() ? state->second : std::to_string(live.as<std::int32_t>());
  const UA_LocalizedText localized = borrow_text(text);
  const UA_StatusCode copied = UA_Variant_setScalarCopy(&out->value, &localized, &UA_TYPES[UA_TYPES_LOCALIZEDTEXT]);
  out->hasValue = copied == UA_STATUSCODE_GOOD;
  return copied;
}

}  // namespace millwright::opcua
