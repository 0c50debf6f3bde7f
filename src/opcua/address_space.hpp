// The nodes of the plant: machines, components and sensors of the asset model, with values that read the live table.
//
// Threads: build() before the server runs; value reads come in the server's thread. It must outlive the UA_Server.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "asset/model.hpp"
#include "core/result.hpp"
#include "core/texts.hpp"
#include "opcua/machinery.hpp"
#include "opcua/node_builder.hpp"
#include "opcua/ua.hpp"
#include "pipeline/live_table.hpp"

struct UA_Server;

namespace millwright::opcua {

inline constexpr std::string_view kPlantNamespace = "urn:millwright:plant";

// The NodeId texts in the plant's namespace.
std::string node_name(const asset::Machine& machine);
std::string node_name(const asset::Machine& machine, std::string_view component);
std::string node_name(const asset::Model& model, const asset::Sensor& sensor);

// A reading's value as the sensor's node has it.
UA_StatusCode set_value(core::ValueType type, std::uint64_t bits, const core::Texts& texts, UA_DataValue* out);

class AddressSpace {
 public:
  // `has_history`: whether HistoryRead answers for the sensors.
  AddressSpace(const asset::Model& model, const pipeline::LiveTable& live, const core::Texts& texts,
               core::DurationNs min_sampling_interval, bool has_history);
  AddressSpace(const AddressSpace&) = delete;
  AddressSpace& operator=(const AddressSpace&) = delete;

  // `nodesets`: the folder of the companion models. Without them machines stand there all the same, and companion()
  // says what is missing.
  core::Status build(UA_Server* server, const std::string& nodesets);
  [[nodiscard]] const std::string& missing() const { return machinery_.missing(); }
  [[nodiscard]] std::uint16_t plant_namespace() const { return plant_; }

 private:
  // What a read needs, in one place: the sensor itself would be one more line of memory to wait for.
  struct SensorNode {
    const AddressSpace* space;
    core::SensorId id;
    core::ValueType type;
  };
  static UA_StatusCode read_value(UA_Server*, const UA_NodeId*, void*, const UA_NodeId*, void* context,
                                  UA_Boolean with_time, const UA_NumericRange* range, UA_DataValue* out);
  static UA_StatusCode read_state_text(UA_Server*, const UA_NodeId*, void*, const UA_NodeId*, void* context,
                                       UA_Boolean with_time, const UA_NumericRange* range, UA_DataValue* out);
  void set_quality_and_time(const pipeline::LiveValue& live, bool with_time, UA_DataValue* out) const;
  void add_machines_folder();
  void add_machine(const asset::Machine& machine);
  void add_component(const asset::Machine& machine, const asset::Component& component);
  void add_sensor(const asset::Machine& machine, const asset::Sensor& sensor);
  void add_sensor_properties(const asset::Sensor& sensor, const std::string& id, SensorNode& node);
  void add_history(const std::string& id, bool stepped);
  // One node serves all sensors whose property has the same value: a third of the nodes and of the memory.
  void share_property(const std::string& parent, std::string_view name, const std::string& key, UA_Variant& value);

  const asset::Model& model_;
  const pipeline::LiveTable& live_;
  const core::Texts& texts_;
  core::DurationNs min_sampling_interval_;
  const bool has_history_;
  std::vector<SensorNode> sensors_;  // by SensorId; node contexts point here
  NodeBuilder nodes_;
  Machinery machinery_;
  UA_DateTime began_ = 0;
  std::uint16_t plant_ = 0;
  std::set<std::string, std::less<>> shared_;  // properties that exist
};

}  // namespace millwright::opcua
