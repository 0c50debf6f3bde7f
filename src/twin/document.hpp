// Document: what people and services say of a machine: its nameplate (edits of the asset model's) and what they desire
// of its sensors' values. JSON, changed by merge patches (RFC 7386), under a closed schema: docs/format/twin.md.
//
// Threads: pure functions over texts and values. Errors: kInvalid with the member's place, what is wrong and what
// would be right; nothing is changed then. Limits: kDocumentBytesMax, kTextLengthMax, kDepthMax.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "asset/model.hpp"
#include "core/result.hpp"

namespace millwright::twin {

inline constexpr std::size_t kDocumentBytesMax = 64 * 1024;
inline constexpr std::size_t kTextLengthMax = 1000;  // bytes
inline constexpr int kDepthMax = 8;

using DesiredValue = std::variant<bool, std::int64_t, double, std::string>;

struct Desired {
  core::SensorId sensor;
  DesiredValue value;  // of a state: its code
  // Of numbers: as far as the sensor may be from it.
  double tolerance = 0;
};

struct Document {
  std::string text = "{}";                 // canonical JSON
  std::map<std::string, Desired> desired;  // by "component/sensor", or "sensor" of the machine itself
};

// "motor/temperature"; "state" of a sensor of the machine itself.
std::string sensor_key(const asset::Sensor& sensor);

core::Result<Document> read_document(const asset::Model& model, const asset::Machine& machine, std::string_view text);
// The document after the patch, whole and checked.
core::Result<Document> apply_patch(const asset::Model& model, const asset::Machine& machine, const Document& before,
                                   std::string_view patch);

}  // namespace millwright::twin
