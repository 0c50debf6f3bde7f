// NodeSet2 files: none crashes, and what is taken lies within the namespaces that the file names.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/assert.hpp"
#include "opcua/nodeset.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::uint16_t last = 0;
  const auto nodes = millwright::opcua::parse_nodeset({reinterpret_cast<const char*>(data), size},
                                                      [&last](const std::string&) { return ++last; });
  if (!nodes) return 0;
  for (const auto& node : *nodes) {
    ASSERT(node.id.ns != 0 && node.id.ns <= last, "a node of no namespace");
    ASSERT(!node.name.empty(), "a node without a name");
  }
  return 0;
}
