#include "opcua/machinery.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include <fmt/format.h>
#include <open62541/nodeids.h>
#include <open62541/server.h>

#include "opcua/address_space.hpp"
#include "opcua/nodeset.hpp"

namespace millwright::opcua {
namespace {

using core::ErrorCode;

// In the order in which one needs the other.
constexpr std::array<std::string_view, 3> kFiles{"Opc.Ua.Di.NodeSet2.xml", "Opc.Ua.IA.NodeSet2.xml",
                                                 "Opc.Ua.Machinery.NodeSet2.xml"};

// Of the Machinery nodeset.
constexpr std::uint32_t kIdentificationType = 1012;
constexpr std::uint32_t kComponentIdentificationType = 1005;
constexpr std::uint32_t kComponentsType = 1006;
constexpr std::uint32_t kItemStateType = 1002;
constexpr std::uint32_t kOperationModeType = 1008;

struct Named {
  std::string_view name;
  std::uint32_t node;  // the state, in the Machinery nodeset
};
constexpr std::array<Named, 4> kItemStateNames{
    {{"NotAvailable", 5005}, {"OutOfService", 5004}, {"NotExecuting", 5007}, {"Executing", 5006}}};
constexpr std::array<Named, 4> kOperationModeNames{
    {{"None", 5024}, {"Maintenance", 5025}, {"Processing", 5026}, {"Setup", 5027}}};

// What plants call it, and what OPC 40001-1, 12.1 does: not functional is OutOfService, waiting is NotExecuting.
template <typename State>
struct Word {
  std::string_view word;
  State state;
};
constexpr std::array<Word<ItemState>, 22> kItemStates{{
    {"running", ItemState::kExecuting},
    {"executing", ItemState::kExecuting},
    {"producing", ItemState::kExecuting},
    {"processing", ItemState::kExecuting},
    {"warming-up", ItemState::kExecuting},
    {"starting", ItemState::kExecuting},
    {"stopping", ItemState::kExecuting},
    {"setup", ItemState::kExecuting},
    {"down", ItemState::kOutOfService},
    {"fault", ItemState::kOutOfService},
    {"faulted", ItemState::kOutOfService},
    {"error", ItemState::kOutOfService},
    {"blocked", ItemState::kOutOfService},
    {"aborted", ItemState::kOutOfService},
    {"out-of-service", ItemState::kOutOfService},
    {"maintenance", ItemState::kOutOfService},
    {"off", ItemState::kNotAvailable},
    {"offline", ItemState::kNotAvailable},
    {"not-available", ItemState::kNotAvailable},
    {"energy-saving", ItemState::kNotAvailable},
    {"sleeping", ItemState::kNotAvailable},
    {"unknown", ItemState::kNotAvailable},
}};
constexpr std::array<Word<OperationMode>, 12> kOperationModes{{
    {"running", OperationMode::kProcessing},
    {"executing", OperationMode::kProcessing},
    {"producing", OperationMode::kProcessing},
    {"processing", OperationMode::kProcessing},
    {"automatic", OperationMode::kProcessing},
    {"maintenance", OperationMode::kMaintenance},
    {"service", OperationMode::kMaintenance},
    {"cleaning", OperationMode::kMaintenance},
    {"setup", OperationMode::kSetup},
    {"changeover", OperationMode::kSetup},
    {"warming-up", OperationMode::kSetup},
    {"starting", OperationMode::kSetup},
}};

template <typename Words, typename State>
State look_up(const Words& words, std::string_view name, State otherwise) {
  const auto at = std::find_if(words.begin(), words.end(), [&](const auto& word) { return word.word == name; });
  return at == words.end() ? otherwise : at->state;
}

const asset::Sensor* own_state(const asset::Model& model, const asset::Machine& machine, std::string_view name) {
  for (const core::SensorId id : machine.sensors) {
    const asset::Sensor& sensor = model.sensor(id);
    if (sensor.component.empty() && sensor.name == name && sensor.type == core::ValueType::kState) return &sensor;
  }
  return nullptr;
}

}  // namespace

ItemState item_state(std::string_view state_name) {
  return look_up(kItemStates, state_name, ItemState::kNotExecuting);
}

OperationMode operation_mode(std::string_view state_name) {
  return look_up(kOperationModes, state_name, OperationMode::kNone);
}

namespace {

core::Result<std::vector<NodesetNode>> read_nodeset(UA_Server* server, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string xml{std::istreambuf_iterator<char>(file), {}};
  if (!file || xml.empty()) return core::unexpected(ErrorCode::kNotFound, "there is no " + path);
  const auto index_of = [&](const std::string& uri) { return UA_Server_addNamespace(server, uri.c_str()); };
  auto nodes = parse_nodeset(xml, index_of);
  if (!nodes) return core::unexpected(nodes.error().within(path));
  return nodes;
}

}  // namespace

core::Status Machinery::load(UA_Server* server, const std::string& directory) {
  sources_.clear();
  machinery_ = UA_Server_addNamespace(server, std::string(kMachineryNamespace).c_str());
  missing_ = directory.empty() ? "they are not installed" : "";
  std::vector<std::vector<NodesetNode>> files;
  for (const std::string_view name : kFiles) {
    if (!is_loaded()) return {};
    auto nodes = read_nodeset(server, (std::filesystem::path(directory) / name).string());
    if (!nodes)
      missing_ = nodes.error().message;
    else
      files.push_back(std::move(*nodes));
  }
  if (!is_loaded()) return {};
  di_ = UA_Server_addNamespace(server, std::string(kDiNamespace).c_str());
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (auto added = add_to(server, files[i]); !added) return core::unexpected(added.error().within(kFiles[i]));
  }
  return {};
}

void Machinery::add(NodeBuilder& nodes, const asset::Machine& machine) {
  if (!is_loaded()) return;
  const std::string id = node_name(machine);
  add_identification(nodes, machine);
  add_components(nodes, machine, id, "");
  const std::string blocks = id + "/MachineryBuildingBlocks";
  nodes.bare_object(nodes.id(blocks), nodes.id(id), UA_NS0ID_HASCOMPONENT,
                    borrow_name(machinery_, "MachineryBuildingBlocks"), ns0(UA_NS0ID_FOLDERTYPE), "", false);
  nodes.reference(nodes.id(blocks), UA_NS0ID_HASADDIN, nodes.id(id + "/Identification"));
  if (!machine.components.empty()) {
    nodes.reference(nodes.id(blocks), UA_NS0ID_HASADDIN, nodes.id(id + "/Components"));
  }
  add_states(nodes, machine, blocks);
}

// A machine whose maker gave it no world-wide name has one of this plant's.
void Machinery::add_identification(NodeBuilder& nodes, const asset::Machine& machine) {
  const std::string id = node_name(machine) + "/Identification";
  nodes.bare_object(nodes.id(id), nodes.id(node_name(machine)), UA_NS0ID_HASADDIN, borrow_name(di_, "Identification"),
                    UA_NODEID_NUMERIC(machinery_, kIdentificationType), "", false);
  const auto text = [&](std::uint16_t ns, std::string_view name, std::string_view value, bool localized = false) {
    if (!value.empty()) nodes.text_property(id, borrow_name(ns, name), value, localized);
  };
  nodes.text_property(id, borrow_name(di_, "Manufacturer"), machine.manufacturer, true);
  nodes.text_property(id, borrow_name(di_, "SerialNumber"), machine.serial_number, false);
  const std::string& uri = machine.product_instance_uri;
  text(di_, "ProductInstanceUri", uri.empty() ? fmt::format("urn:millwright:machine:{}", machine.path) : uri);
  text(di_, "Model", machine.model, true);
  text(di_, "HardwareRevision", machine.hardware_revision);
  text(di_, "SoftwareRevision", machine.software_revision);
  text(di_, "DeviceClass", machine.type);
  text(di_, "AssetId", machine.path);
  text(di_, "ComponentName", machine.description, true);
  text(machinery_, "Location", machine.location);
  if (machine.year_of_construction == 0) return;
  const auto year = static_cast<UA_UInt16>(machine.year_of_construction);
  nodes.property(id, borrow_name(machinery_, "YearOfConstruction"), &year, UA_TYPES_UINT16);
}

// Those that are part of `part_of`; "": of the machine itself. `of`: the node that gets them.
void Machinery::add_components(NodeBuilder& nodes, const asset::Machine& machine, const std::string& of,
                               const std::string& part_of) {
  const auto is_part = [&](const asset::Component& component) { return component.part_of == part_of; };
  if (std::none_of(machine.components.begin(), machine.components.end(), is_part)) return;
  const std::string id = of + "/Components";
  nodes.bare_object(nodes.id(id), nodes.id(of), UA_NS0ID_HASADDIN, borrow_name(machinery_, "Components"),
                    UA_NODEID_NUMERIC(machinery_, kComponentsType), "", false);
  for (const asset::Component& component : machine.components) {
    if (!is_part(component)) continue;
    const std::string own = node_name(machine, component.name);
    nodes.reference(nodes.id(id), UA_NS0ID_HASCOMPONENT, nodes.id(own));
    const std::string identification = own + "/Identification";
    nodes.bare_object(nodes.id(identification), nodes.id(own), UA_NS0ID_HASADDIN, borrow_name(di_, "Identification"),
                      UA_NODEID_NUMERIC(machinery_, kComponentIdentificationType), "", false);
    nodes.text_property(identification, borrow_name(di_, "Manufacturer"), component.manufacturer, true);
    nodes.text_property(identification, borrow_name(di_, "SerialNumber"), component.serial_number, false);
    if (!component.model.empty()) {
      nodes.text_property(identification, borrow_name(di_, "Model"), component.model, true);
    }
    add_components(nodes, machine, own, component.name);
  }
}

void Machinery::add_states(NodeBuilder& nodes, const asset::Machine& machine, const std::string& blocks) {
  const asset::Sensor* state = own_state(model_, machine, "state");
  const asset::Sensor* mode = own_state(model_, machine, "mode");
  const std::string id = node_name(machine);
  if (state != nullptr) {
    add_state_machine(nodes, id, blocks, "MachineryItemState", kItemStateType, {this, state, false});
  }
  if (mode == nullptr) mode = state;
  if (mode != nullptr) {
    add_state_machine(nodes, id, blocks, "MachineryOperationMode", kOperationModeType, {this, mode, true});
  }
}

void Machinery::add_state_machine(NodeBuilder& nodes, const std::string& machine, const std::string& blocks,
                                  std::string_view name, std::uint32_t type, StateSource source) {
  StateSource& kept = sources_.emplace_back(source);
  const std::string id = fmt::format("{}/{}", machine, name);
  nodes.bare_object(nodes.id(id), nodes.id(blocks), UA_NS0ID_HASADDIN, borrow_name(machinery_, name),
                    UA_NODEID_NUMERIC(machinery_, type), "", false);
  const std::string current = id + "/CurrentState";
  nodes.computed(nodes.id(current), nodes.id(id), UA_NS0ID_HASCOMPONENT, borrow_name(0, "CurrentState"),
                 UA_NS0ID_FINITESTATEVARIABLETYPE, read_only(UA_TYPES_LOCALIZEDTEXT, "CurrentState"),
                 &Machinery::read_state, &kept);
  nodes.computed(nodes.id(current + "/Id"), nodes.id(current), UA_NS0ID_HASPROPERTY, borrow_name(0, "Id"),
                 UA_NS0ID_PROPERTYTYPE, read_only(UA_TYPES_NODEID, "Id"), &Machinery::read_state_id, &kept);
}

// As the sensor names it; of one that names none, the shipped types' code 1 is running. "": not known.
std::string Machinery::state_name(const StateSource& source) {
  const pipeline::LiveValue live = source.machinery->live_.read(source.sensor->id);
  if (live.readings == 0 || live.quality.is_bad()) return "";
  const auto code = live.as<std::int32_t>();
  const auto named = source.sensor->states.find(code);
  if (named != source.sensor->states.end()) return named->second;
  return code == 1 ? "running" : "idle";
}

std::uint8_t Machinery::state_of(const StateSource& source) {
  const std::string name = state_name(source);
  if (source.is_mode) return static_cast<std::uint8_t>(name.empty() ? OperationMode::kNone : operation_mode(name));
  return static_cast<std::uint8_t>(name.empty() ? ItemState::kNotAvailable : item_state(name));
}

UA_StatusCode Machinery::read_state(UA_Server*, const UA_NodeId*, void*, const UA_NodeId*, void* context, UA_Boolean,
                                    const UA_NumericRange*, UA_DataValue* out) {
  const auto& source = *static_cast<const StateSource*>(context);
  const auto& names = source.is_mode ? kOperationModeNames : kItemStateNames;
  const UA_LocalizedText text = borrow_text(names[state_of(source)].name);
  out->hasValue = true;
  return UA_Variant_setScalarCopy(&out->value, &text, &UA_TYPES[UA_TYPES_LOCALIZEDTEXT]);
}

UA_StatusCode Machinery::read_state_id(UA_Server*, const UA_NodeId*, void*, const UA_NodeId*, void* context, UA_Boolean,
                                       const UA_NumericRange*, UA_DataValue* out) {
  const auto& source = *static_cast<const StateSource*>(context);
  const auto& names = source.is_mode ? kOperationModeNames : kItemStateNames;
  const UA_NodeId id = UA_NODEID_NUMERIC(source.machinery->machinery_, names[state_of(source)].node);
  out->hasValue = true;
  return UA_Variant_setScalarCopy(&out->value, &id, &UA_TYPES[UA_TYPES_NODEID]);
}

}  // namespace millwright::opcua
