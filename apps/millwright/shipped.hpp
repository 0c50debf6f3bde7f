// Files that the product ships beside the binary: "machine-types", "web", "demo", "nodesets". Installed
// they lie in <prefix>/share/millwright; in a source tree where they are made.
#pragma once

#include <string>

namespace millwright::app {

// The folder, or "" where it is nowhere.
std::string shipped_directory(const std::string& name);
// The running binary itself.
std::string own_executable();

}  // namespace millwright::app
