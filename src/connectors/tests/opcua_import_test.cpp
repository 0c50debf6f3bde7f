#include "connectors/opcua_import.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millwright::connectors {
namespace {

using core::ValueType;
using testing::HasSubstr;
using testing::Not;

TEST(OpcUaImportName, BecomesAnAssetName) {
  EXPECT_EQ(asset_name_of("MotorCurrent [A]"), "motor-current-a");
  EXPECT_EQ(asset_name_of("PLCState"), "plc-state");
  EXPECT_EQ(asset_name_of("DB1.Temp_2"), "db1-temp-2");
  EXPECT_EQ(asset_name_of("Pump1"), "pump1");
  EXPECT_EQ(asset_name_of("--"), "unnamed");
  EXPECT_EQ(asset_name_of("Größe"), "gr-e");
  EXPECT_EQ(asset_name_of(std::string(100, 'x')).size(), 63U);
  EXPECT_EQ(asset_name_of("4711"), "4711");
}

OpcUaNode& add(OpcUaNode& parent, const std::string& name) {
  OpcUaNode& node = *parent.children.emplace_back(std::make_unique<OpcUaNode>());
  node.name = name;
  node.id = parent.id + "." + name;
  return node;
}
OpcUaNode& add_variable(OpcUaNode& parent, const std::string& name, std::optional<ValueType> type) {
  OpcUaNode& node = add(parent, name);
  node.is_variable = true;
  node.type = type;
  node.data_type = type ? "Double" : "ByteString";
  return node;
}

OpcUaImport import(const OpcUaNode& root) {
  return import_opcua(root, {"acme", "lyon", "a", "b", "c"}, "plc");
}

TEST(OpcUaImport, FoldersGroupObjectsAreMachinesAndTheirObjectsComponents) {
  OpcUaNode root;
  root.id = "i=85";
  OpcUaNode& line = add(root, "Line");
  line.is_folder = true;
  OpcUaNode& pump = add(line, "Pump");
  add_variable(pump, "Flow", ValueType::kFloat64);
  OpcUaNode& motor = add(pump, "Motor");
  OpcUaNode& bearing = add(motor, "Bearing");
  OpcUaNode& heat = add_variable(bearing, "Heat", ValueType::kFloat32);
  heat.range = {0, 90};
  heat.unit = "°C";
  heat.known_unit = asset::find_unit("°C");
  const OpcUaImport made = import(root);
  EXPECT_EQ(made.machines, 1U);
  EXPECT_EQ(made.sensors, 2U);
  EXPECT_TRUE(made.notes.empty());
  EXPECT_THAT(made.assets, HasSubstr("- name: pump\n"));
  EXPECT_THAT(made.assets, HasSubstr("- name: bearing\n                        part_of: motor\n"));
  EXPECT_THAT(made.assets, HasSubstr("address: \"i=85.Line.Pump.Motor.Bearing.Heat\""));
  EXPECT_THAT(made.assets, HasSubstr("type: float32"));
  EXPECT_THAT(made.assets, HasSubstr("unit: \"°C\""));
  EXPECT_THAT(made.assets, HasSubstr("range: [0, 90]"));
  EXPECT_THAT(made.assets, Not(HasSubstr("name: line")));
}

TEST(OpcUaImport, NamesAreMadeUnique) {
  OpcUaNode root;
  OpcUaNode& a = add(root, "Pump A");
  add_variable(a, "x", ValueType::kFloat64);
  add_variable(a, "X", ValueType::kFloat64);
  add_variable(add(root, "pump_a"), "x", ValueType::kFloat64);
  const OpcUaImport made = import(root);
  EXPECT_EQ(made.machines, 2U);
  EXPECT_THAT(made.assets, HasSubstr("name: pump-a-2"));
  EXPECT_THAT(made.assets, HasSubstr("name: x-2"));
}

TEST(OpcUaImport, ElementsAndFieldsAreSensors) {
  OpcUaNode root;
  OpcUaNode& pump = add(root, "Pump");
  OpcUaNode& drive = add_variable(pump, "Drive", std::nullopt);
  for (const char* path : {"Main.Speed", "Axes[1].Speed"}) {
    OpcUaNode& part = *drive.parts.emplace_back(std::make_unique<OpcUaNode>());
    part.name = path;
    part.id = drive.id + " [field=" + path + "]";
    part.is_variable = true;
    part.type = ValueType::kFloat64;
  }
  drive.has_more_parts = true;
  const OpcUaImport made = import(root);
  EXPECT_EQ(made.machines, 1U);
  EXPECT_EQ(made.sensors, 2U);
  EXPECT_THAT(made.assets, HasSubstr("name: drive-main-speed\n"));
  EXPECT_THAT(made.assets, HasSubstr("address: \".Pump.Drive [field=Axes[1].Speed]\""));
  ASSERT_EQ(made.notes.size(), 1U);
  EXPECT_THAT(made.notes[0].second, HasSubstr("more elements or fields"));
}

TEST(OpcUaImport, WhatCanBeNoSensorIsSaid) {
  OpcUaNode root;
  OpcUaNode& pump = add(root, "Pump");
  add_variable(pump, "ok", ValueType::kInt64);
  add_variable(pump, "picture", std::nullopt);
  OpcUaNode& odd = add_variable(pump, "odd", ValueType::kFloat64);
  odd.unit = "furlong";
  odd.range = {5, 5};
  add_variable(pump, "twice", ValueType::kFloat64).is_again = true;
  add(root, "Empty");
  const OpcUaImport made = import(root);
  EXPECT_EQ(made.sensors, 2U);
  std::string why;
  for (const auto& [node, reason] : made.notes) why += node + ": " + reason + "\n";
  EXPECT_THAT(why, HasSubstr("(picture): no sensor takes a ByteString"));
  EXPECT_THAT(why, HasSubstr("(odd): its unit 'furlong' is not known"));
  EXPECT_THAT(why, HasSubstr("(odd): its range 5 to 5"));
  EXPECT_THAT(why, HasSubstr("(twice): it stands elsewhere"));
  EXPECT_THAT(why, HasSubstr("(Empty): there is no variable below it"));
}

}  // namespace
}  // namespace millwright::connectors
