#include "twin/document.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/text.hpp"
#include "core/time.hpp"

namespace millwright::twin {
namespace {

using core::ErrorCode;
using core::unexpected;
using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 2> kSections{"nameplate", "desired"};
constexpr std::array<std::string_view, 7> kNameplate{"manufacturer", "model", "serial_number", "description",
                                                     "installed_at", "notes", "components"};
constexpr std::array<std::string_view, 3> kDesired{"value", "unit", "tolerance"};
constexpr double kToleranceShare = 0.01;  // of the sensor's range, or else of the value

core::Unexpected invalid(std::string_view place, std::string_view what) {
  return unexpected(ErrorCode::kInvalid, fmt::format("{}: {}", place, what));
}

core::Status check_member(std::string_view place, const std::string& key, std::span<const std::string_view> allowed) {
  if (std::find(allowed.begin(), allowed.end(), key) != allowed.end()) return {};
  return invalid(place, fmt::format("'{}' is not known here{}; there are {}", key, core::did_you_mean(key, allowed),
                                    fmt::join(allowed, ", ")));
}

core::Result<Json> parse(std::string_view text) {
  if (text.size() > kDocumentBytesMax) {
    return unexpected(ErrorCode::kInvalid,
                      fmt::format("{} bytes are too many; a twin has at most {}", text.size(), kDocumentBytesMax));
  }
  bool deep = false;
  const auto watch = [&](int depth, Json::parse_event_t, Json&) {
    deep = deep || depth > kDepthMax;
    return !deep;
  };
  try {
    Json json = Json::parse(text, watch);
    if (deep) return unexpected(ErrorCode::kInvalid, fmt::format("is more than {} levels deep", kDepthMax));
    if (!json.is_object()) return unexpected(ErrorCode::kInvalid, "is not a JSON object");
    return json;
  } catch (const Json::exception& error) {
    return unexpected(ErrorCode::kInvalid, fmt::format("is not JSON: {}", error.what()));
  }
}

core::Status check_text(const std::string& place, const Json& value) {
  if (!value.is_string()) return invalid(place, "is to be a text");
  const auto& text = value.get_ref<const std::string&>();
  if (text.size() > kTextLengthMax) {
    return invalid(place, fmt::format("{} bytes are too many; at most {}", text.size(), kTextLengthMax));
  }
  return {};
}

core::Status check_nameplate(const asset::Machine& machine, const std::string& place, const Json& nameplate);

core::Status check_components(const asset::Machine& machine, const std::string& place, const Json& components) {
  if (!components.is_object()) return invalid(place, "is to be an object by component");
  std::vector<std::string_view> names;
  for (const asset::Component& component : machine.components) names.push_back(component.name);
  for (const auto& [name, nameplate] : components.items()) {
    if (auto known = check_member(place, name, names); !known) return known;
    if (nameplate.is_object() && nameplate.contains("components")) {
      return invalid(place + "." + name, "a component has no components of its own here");
    }
    if (auto good = check_nameplate(machine, place + "." + name, nameplate); !good) return good;
  }
  return {};
}

core::Status check_nameplate(const asset::Machine& machine, const std::string& place, const Json& nameplate) {
  if (!nameplate.is_object()) return invalid(place, "is to be an object");
  for (const auto& [key, value] : nameplate.items()) {
    if (auto known = check_member(place, key, kNameplate); !known) return known;
    const std::string at = place + "." + key;
    if (key == "components") {
      if (auto good = check_components(machine, at, value); !good) return good;
      continue;
    }
    if (auto good = check_text(at, value); !good) return good;
    if (key != "installed_at") continue;
    if (auto time = core::parse_time(value.get_ref<const std::string&>()); !time) {
      return invalid(at, time.error().message);
    }
  }
  return {};
}

// ---- desired values ----

std::string kind_of(const Json& value) {
  return std::string(value.type_name());
}

core::Result<DesiredValue> number_for(const std::string& place, const asset::Sensor& sensor, const Json& value) {
  const bool whole = sensor.type == core::ValueType::kInt64;
  if (!value.is_number() || (whole && !value.is_number_integer())) {
    return invalid(place, fmt::format("is a {}; '{}' takes a {}number", kind_of(value), sensor_key(sensor),
                                      whole ? "whole " : ""));
  }
  const auto number = value.get<double>();
  if (sensor.range && (number < sensor.range->low || number > sensor.range->high)) {
    return invalid(place, fmt::format("{} is outside of what '{}' can read, {} to {}", core::format_double(number),
                                      sensor_key(sensor), core::format_double(sensor.range->low),
                                      core::format_double(sensor.range->high)));
  }
  if (whole) return DesiredValue(value.get<std::int64_t>());
  return DesiredValue(number);
}

core::Result<DesiredValue> state_for(const std::string& place, const asset::Sensor& sensor, const Json& value) {
  std::vector<std::string_view> names;
  for (const auto& [code, name] : sensor.states) {
    names.push_back(name);
    if (value.is_string() && value.get_ref<const std::string&>() == name) return DesiredValue(code);
    if (value.is_number_integer() && value.get<std::int64_t>() == code) return DesiredValue(code);
  }
  if (sensor.states.empty() && value.is_number_integer()) return DesiredValue(value.get<std::int64_t>());
  const std::string given = value.is_string() ? value.get<std::string>() : value.dump();
  return invalid(place, fmt::format("{} is no state of '{}'{}; there are {}", given, sensor_key(sensor),
                                    core::did_you_mean(given, names), fmt::join(names, ", ")));
}

core::Result<DesiredValue> value_for(const std::string& place, const asset::Sensor& sensor, const Json& value) {
  switch (sensor.type) {
    case core::ValueType::kFloat64:
    case core::ValueType::kFloat32:
    case core::ValueType::kInt64:
      return number_for(place, sensor, value);
    case core::ValueType::kState:
      return state_for(place, sensor, value);
    case core::ValueType::kBool:
      if (value.is_boolean()) return DesiredValue(value.get<bool>());
      return invalid(place, fmt::format("is a {}; '{}' takes true or false", kind_of(value), sensor_key(sensor)));
    case core::ValueType::kText:
      if (auto good = check_text(place, value); !good) return unexpected(good.error());
      return DesiredValue(value.get<std::string>());
  }
  return invalid(place, "is of a type that does not exist");
}

core::Status check_unit(const std::string& place, const asset::Sensor& sensor, const Json& entry) {
  const auto given = entry.find("unit");
  if (given == entry.end()) return {};
  if (!given->is_string()) return invalid(place + ".unit", "is to be a text");
  const auto& unit = given->get_ref<const std::string&>();
  if (sensor.unit == nullptr) return invalid(place + ".unit", "the sensor has no unit: leave it out");
  if (asset::find_unit(unit) == sensor.unit) return {};
  return invalid(place + ".unit", fmt::format("'{}' is not the unit of '{}', which is '{}'; values are not converted",
                                              unit, sensor_key(sensor), sensor.unit->symbol));
}

core::Result<double> tolerance_for(const std::string& place, const asset::Sensor& sensor, const Json& entry,
                                   const DesiredValue& value) {
  const bool is_number = sensor.type != core::ValueType::kState && sensor.type != core::ValueType::kBool &&
                         sensor.type != core::ValueType::kText;
  if (const auto given = entry.find("tolerance"); given != entry.end()) {
    if (!is_number) return invalid(place + ".tolerance", "only numbers have a tolerance: leave it out");
    if (!given->is_number() || !(given->get<double>() >= 0)) {
      return invalid(place + ".tolerance", "is to be a number, 0 or more, in the sensor's unit");
    }
    return given->get<double>();
  }
  if (!is_number) return 0.0;
  const double of = sensor.range ? sensor.range->high - sensor.range->low
                                 : std::abs(std::holds_alternative<double>(value)
                                                ? std::get<double>(value)
                                                : static_cast<double>(std::get<std::int64_t>(value)));
  return kToleranceShare * of;
}

core::Result<const asset::Sensor*> sensor_for(const asset::Model& model, const asset::Machine& machine,
                                              const std::string& key) {
  std::vector<std::string> keys;
  for (const core::SensorId id : machine.sensors) {
    const asset::Sensor& sensor = model.sensor(id);
    keys.push_back(sensor_key(sensor));
    if (keys.back() == key) return &sensor;
  }
  const std::vector<std::string_view> known(keys.begin(), keys.end());
  return invalid("desired", fmt::format("machine '{}' has no sensor '{}'{}; write component/sensor, as GET "
                                        "/v1/machines/{}/twin lists them under reported",
                                        machine.name, key, core::did_you_mean(key, known), machine.name));
}

core::Result<Desired> read_desired(const asset::Model& model, const asset::Machine& machine, const std::string& key,
                                   const Json& entry) {
  const auto sensor = sensor_for(model, machine, key);
  if (!sensor) return unexpected(sensor.error());
  const std::string place = "desired." + key;
  if (!entry.is_object()) {
    return invalid(place, fmt::format(R"(is a {}; write {{"value": …}}, or null to desire nothing)", kind_of(entry)));
  }
  for (const auto& [name, ignored] : entry.items()) {
    if (auto known = check_member(place, name, kDesired); !known) return unexpected(known.error());
  }
  const auto given = entry.find("value");
  if (given == entry.end()) return invalid(place, "'value' is missing");
  if (auto right = check_unit(place, **sensor, entry); !right) return unexpected(right.error());
  auto value = value_for(place + ".value", **sensor, *given);
  if (!value) return unexpected(value.error());
  const auto tolerance = tolerance_for(place, **sensor, entry, *value);
  if (!tolerance) return unexpected(tolerance.error());
  return Desired{.sensor = (*sensor)->id, .value = std::move(*value), .tolerance = *tolerance};
}

core::Result<Document> check(const asset::Model& model, const asset::Machine& machine, const Json& json) {
  Document out;
  for (const auto& [section, content] : json.items()) {
    if (section == "reported" || section == "computed") {
      return invalid(section, "is what the plant says itself; only nameplate and desired can be set");
    }
    if (auto known = check_member("the twin", section, kSections); !known) return unexpected(known.error());
    if (!content.is_object()) return invalid(section, "is to be an object");
    if (section == "nameplate") {
      if (auto good = check_nameplate(machine, section, content); !good) return unexpected(good.error());
      continue;
    }
    for (const auto& [key, entry] : content.items()) {
      auto desired = read_desired(model, machine, key, entry);
      if (!desired) return unexpected(desired.error());
      out.desired.emplace(key, std::move(*desired));
    }
  }
  out.text = json.dump();
  if (out.text.size() > kDocumentBytesMax) {
    return unexpected(ErrorCode::kInvalid, fmt::format("the twin would have {} bytes; at most {} are allowed",
                                                       out.text.size(), kDocumentBytesMax));
  }
  return out;
}

}  // namespace

std::string sensor_key(const asset::Sensor& sensor) {
  return sensor.component.empty() ? sensor.name : sensor.component + "/" + sensor.name;
}

core::Result<Document> read_document(const asset::Model& model, const asset::Machine& machine, std::string_view text) {
  const auto json = parse(text);
  if (!json) return unexpected(json.error());
  return check(model, machine, *json);
}

core::Result<Document> apply_patch(const asset::Model& model, const asset::Machine& machine, const Document& before,
                                   std::string_view patch) {
  const auto change = parse(patch);
  if (!change) return unexpected(change.error().within("the patch"));
  auto whole = parse(before.text);
  if (!whole) return unexpected(whole.error().within("the twin as it is kept"));
  whole->merge_patch(*change);
  return check(model, machine, *whole);
}

}  // namespace millwright::twin
