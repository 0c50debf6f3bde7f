// Patches of a twin: whatever comes, the document stays one that is taken again as it is.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "asset/model.hpp"
#include "twin/document.hpp"

using namespace millwright;

namespace {

asset::Model machine_of_every_type() {
  asset::Machine machine;
  machine.id = core::MachineId(0);
  machine.name = "m";
  machine.path = "a/m";
  machine.components.resize(1);
  machine.components[0].name = "c";
  std::vector<asset::Sensor> sensors;
  for (int type = 0; type <= static_cast<int>(core::ValueType::kText); ++type) {
    asset::Sensor sensor;
    sensor.id = core::SensorId(sensors.size());
    sensor.machine = machine.id;
    sensor.name = std::string("s") + static_cast<char>('0' + type);
    sensor.component = type % 2 == 0 ? "c" : "";
    sensor.path = "a/m/" + sensor.name;
    sensor.type = static_cast<core::ValueType>(type);
    if (sensor.type == core::ValueType::kState) sensor.states = {{0, "off"}, {1, "on"}};
    if (sensor.type == core::ValueType::kFloat64) sensor.range = asset::Range{0, 10};
    machine.sensors.push_back(sensor.id);
    sensors.push_back(sensor);
  }
  return {{machine}, sensors};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const asset::Model kModel = machine_of_every_type();
  const asset::Machine& machine = kModel.machines().front();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  twin::Document document;
  // Two patches, so that the second meets what the first has left.
  const std::size_t cut = text.find('\n');
  for (const std::string_view patch : {text.substr(0, cut), cut < size ? text.substr(cut) : text}) {
    const auto after = twin::apply_patch(kModel, machine, document, patch);
    if (!after) continue;
    document = *after;
    const auto again = twin::read_document(kModel, machine, document.text);
    if (!again || again->text != document.text || again->desired.size() != document.desired.size()) std::abort();
  }
  return 0;
}
