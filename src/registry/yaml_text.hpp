// JSON as YAML that people like to read: a line an entry, two spaces a level, short lists on one line, quotes only
// where a text would be read as something else.
//
// Threads: a pure function.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace millwright::registry {

std::string yaml_text(const nlohmann::ordered_json& json);

}  // namespace millwright::registry
