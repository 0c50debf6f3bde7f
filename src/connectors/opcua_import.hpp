// An address space as an asset model: objects become machines, what is below them components, variables sensors.
//
// A folder without variables of its own only groups: what is below it are the machines. Names become lower-case with
// hyphens ("MotorCurrent" is motor-current); a second one of the same name gets a number. Elements of arrays and fields
// of structures are sensors each. Whatever can be no sensor is left out and said.
//
// Threads: pure function.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connectors/opcua_browser.hpp"

namespace millwright::connectors {

struct OpcUaImport {
  std::string assets;  // the YAML of `assets`
  std::size_t machines = 0;
  std::size_t sensors = 0;
  // What was left out or changed: a node, and why.
  std::vector<std::pair<std::string, std::string>> notes;
};

// "MotorCurrent [A]" as "motor-current-a"; never empty.
std::string asset_name_of(std::string_view name);

// `place`: enterprise, site, area, line and cell; `connector`: that reads all of it.
OpcUaImport import_opcua(const OpcUaNode& root, const std::array<std::string, 5>& place, std::string_view connector);

}  // namespace millwright::connectors
