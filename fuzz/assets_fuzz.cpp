// The registry's document of assets: any text is read or refused; what is read is edited, and says the same as YAML.
#include <cstdint>
#include <string_view>

#include <nlohmann/json.hpp>

#include "config/document.hpp"
#include "core/assert.hpp"
#include "registry/asset_document.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millwright;
  auto assets = registry::AssetDocument::parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!assets) return 0;
  // What YAML's limits refuse (keys twice, depth, control characters) need not come back.
  if (auto document = config::Document::parse(assets->yaml(), "assets.yaml");
      document && document->problems().empty()) {
    static_cast<void>(document->root().section("assets").json());
  }
  const std::size_t before = assets->machines().size();
  if (assets->put("acme/a/b/c/d", {{"name", "fuzz-1"}})) {
    ASSERT(assets->find("fuzz-1"), "what was put is found");
    ASSERT(assets->patch("fuzz-1", {{"description", "x"}}).has_value(), "and changed");
    ASSERT(assets->remove("fuzz-1").has_value(), "and removed");
    ASSERT(assets->machines().size() <= before, "and gone");
  }
  return 0;
}
