// Any bytes as a plant file: it is parsed, and walked as the asset model, or refused with problems; never a crash, nor
// a model that breaks its own rules.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "asset/load.hpp"
#include "config/document.hpp"
#include "core/assert.hpp"

using namespace millwright;  // NOLINT: a program of one file

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto document = config::Document::parse(text, "plant.yaml", {{"MILLWRIGHT_NODE__NAME", "fuzz"}});
  if (!document) {
    ASSERT(document.error().message.starts_with("plant.yaml"), "an error that does not say where");
    return 0;
  }
  config::Section root = document->root();
  config::Section node = root.section("node");
  node.text("name");
  node.duration("interval", {.fallback = core::kSecond, .low = core::kMillisecond, .high = core::kHour});
  node.bytes("quota", {.fallback = 1, .low = 1, .high = 1U << 30});
  node.integer("port", {.fallback = 1, .low = 1, .high = 65535});
  node.number("share", {.fallback = 0, .low = 0, .high = 1});
  node.boolean("on", false);
  node.finish();
  const asset::Model model = asset::load(*document, root.section("assets"), {"plc", "vibration"}, {});
  root.finish();

  for (const config::Problem& problem : document->problems()) {
    ASSERT(!problem.message.empty() && !to_string(problem).empty(), "a problem that says nothing");
  }
  ASSERT(document->check().has_value() == document->problems().empty(), "the check disagrees with the problems");
  for (const asset::Sensor& sensor : model.sensors()) {
    ASSERT(model.find_sensor(sensor.path) == &sensor, "a sensor that its path does not find");
    ASSERT(!sensor.range || sensor.range->low < sensor.range->high, "an empty range");
  }
  return 0;
}
