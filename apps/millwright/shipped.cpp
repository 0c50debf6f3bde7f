#include "shipped.hpp"

#include <filesystem>
#include <map>

namespace millwright::app {
namespace fs = std::filesystem;

std::string own_executable() {
  std::error_code error;
  const fs::path path = fs::read_symlink("/proc/self/exe", error);
  return error ? std::string() : path.string();
}

std::string shipped_directory(const std::string& name) {
  static const std::map<std::string, std::string> in_source_tree = {
      {"machine-types", "share/machine-types"},
      {"web", "web/dist"},
      {"demo", "examples/demo"},
      {"plc4x", "build/plc4x"},
      {"nodesets", "tools/nodesets/node_modules/node-opcua-nodesets/nodesets"}};
  const fs::path beside = fs::path(own_executable()).parent_path().parent_path() / "share/millwright" / name;
  std::error_code error;
  if (fs::is_directory(beside, error)) return beside.string();
  const fs::path source = fs::path(MILLWRIGHT_SOURCE_DIR) / in_source_tree.at(name);
  return fs::is_directory(source, error) ? source.string() : std::string();
}

}  // namespace millwright::app
