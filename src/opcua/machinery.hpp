// OPC 40001-1 (Machinery): what a machine shows besides its components and sensors. With the nodesets of DI, IA and
// Machinery, each machine gets
//
//   Identification            MachineIdentificationType            from the nameplate in the asset model
//   Components                MachineComponentsType                its components, each with an Identification of its
//   own MachineryBuildingBlocks   all of them, and of a machine that has a sensor `state`
//     MachineryItemState      NotAvailable, OutOfService, NotExecuting, Executing
//     MachineryOperationMode  None, Maintenance, Processing, Setup
//
// The states follow the names of the sensor's states: kItemStates and kOperationModes in machinery.cpp. A sensor `mode`
// of the machine goes before `state` for the operation mode. A state that is not good is NotAvailable, or None.
//
// Threads: load() and add() before the server runs; values are read in its thread. It outlives the server.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "asset/model.hpp"
#include "core/result.hpp"
#include "opcua/node_builder.hpp"
#include "pipeline/live_table.hpp"

namespace millwright::opcua {

inline constexpr std::string_view kMachineryNamespace = "http://opcfoundation.org/UA/Machinery/";
inline constexpr std::string_view kDiNamespace = "http://opcfoundation.org/UA/DI/";
inline constexpr std::uint32_t kMachinesNode = 1001;  // OPC 40001-1, 8.1: the Machines object

// As the model numbers them (StateNumber), NotAvailable to Executing; None to Setup.
enum class ItemState : std::uint8_t { kNotAvailable, kOutOfService, kNotExecuting, kExecuting };
enum class OperationMode : std::uint8_t { kNone, kMaintenance, kProcessing, kSetup };
ItemState item_state(std::string_view state_name);
OperationMode operation_mode(std::string_view state_name);

class Machinery {
 public:
  Machinery(const asset::Model& model, const pipeline::LiveTable& live) : model_(model), live_(live) {}

  // Puts the nodesets of `directory` into the server. Where they are missing or cannot be read, missing() says so, and
  // add() does nothing. An error: the server is half built.
  core::Status load(UA_Server* server, const std::string& directory);
  [[nodiscard]] bool is_loaded() const { return missing_.empty(); }
  [[nodiscard]] const std::string& missing() const { return missing_; }
  [[nodiscard]] std::uint16_t machinery_namespace() const { return machinery_; }
  // Of a machine whose node and components are there.
  void add(NodeBuilder& nodes, const asset::Machine& machine);

 private:
  struct StateSource {
    const Machinery* machinery;
    const asset::Sensor* sensor;
    bool is_mode;
  };
  [[nodiscard]] static std::string state_name(const StateSource& source);
  [[nodiscard]] static std::uint8_t state_of(const StateSource& source);
  static UA_StatusCode read_state(UA_Server*, const UA_NodeId*, void*, const UA_NodeId*, void* context,
                                  UA_Boolean with_time, const UA_NumericRange* range, UA_DataValue* out);
  static UA_StatusCode read_state_id(UA_Server*, const UA_NodeId*, void*, const UA_NodeId*, void* context,
                                     UA_Boolean with_time, const UA_NumericRange* range, UA_DataValue* out);
  void add_identification(NodeBuilder& nodes, const asset::Machine& machine);
  void add_components(NodeBuilder& nodes, const asset::Machine& machine, const std::string& of,
                      const std::string& part_of);
  void add_states(NodeBuilder& nodes, const asset::Machine& machine, const std::string& blocks);
  void add_state_machine(NodeBuilder& nodes, const std::string& machine, const std::string& blocks,
                         std::string_view name, std::uint32_t type, StateSource source);

  const asset::Model& model_;
  const pipeline::LiveTable& live_;
  std::deque<StateSource> sources_;  // node contexts point here
  std::string missing_ = "not loaded";
  std::uint16_t machinery_ = 0;
  std::uint16_t di_ = 0;
};

}  // namespace millwright::opcua
