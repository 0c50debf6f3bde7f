#include "registry/asset_document.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/text.hpp"
#include "registry/yaml_text.hpp"

namespace millwright::registry {
namespace {

using core::ErrorCode;
using core::unexpected;

// Below the enterprise, each a list of objects with a name.
constexpr std::array<const char*, 5> kLists{"sites", "areas", "lines", "cells", "machines"};
constexpr std::size_t kLevels = kLists.size();  // of a place, the enterprise among them

std::string name_of(const Json& object) {
  const auto name = object.find("name");
  return name != object.end() && name->is_string() ? name->get<std::string>() : std::string();
}

core::Status check_shape(const Json& object, std::size_t depth, const std::string& path) {
  if (!object.is_object()) return unexpected(ErrorCode::kInvalid, path + ": must be a mapping");
  if (depth == kLevels) return {};
  const auto list = object.find(kLists[depth]);
  if (list == object.end() || list->is_null()) return {};
  if (!list->is_array())
    return unexpected(ErrorCode::kInvalid, fmt::format("{}.{}: must be a list", path, kLists[depth]));
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string inner = fmt::format("{}.{}[{}]", path, kLists[depth], i);
    if (auto whole = check_shape((*list)[i], depth + 1, inner); !whole) return whole;
  }
  return {};
}

Json::iterator find_named(Json& list, std::string_view name) {
  return std::find_if(list.begin(), list.end(), [&](const Json& one) { return name_of(one) == name; });
}

// Calls `each` with every machine and its place.
void walk(const Json& object, std::size_t depth, const std::string& place,
          const std::function<void(const std::string& place, const Json& machine)>& each) {
  const auto list = object.find(kLists[depth]);
  if (list == object.end() || !list->is_array()) return;
  for (const Json& one : *list) {
    if (depth + 1 == kLevels) {
      each(place, one);
    } else {
      walk(one, depth + 1, place + "/" + name_of(one), each);
    }
  }
}

// Whether the machine was there. What is empty then goes too.
bool remove_from(Json& object, std::size_t depth, std::string_view machine) {
  const auto list = object.find(kLists[depth]);
  if (list == object.end() || !list->is_array()) return false;
  for (auto one = list->begin(); one != list->end(); ++one) {
    const bool here = depth + 1 == kLevels ? name_of(*one) == machine : remove_from(*one, depth + 1, machine);
    if (!here) continue;
    const bool empty = depth + 1 == kLevels || !one->contains(kLists[depth + 1]) || (*one)[kLists[depth + 1]].empty();
    if (empty) list->erase(one);
    return true;
  }
  return false;
}

}  // namespace

AssetDocument::AssetDocument(Json json) : json_(std::make_unique<Json>(std::move(json))) {}
AssetDocument::AssetDocument(const AssetDocument& other) : json_(std::make_unique<Json>(*other.json_)) {}
AssetDocument::AssetDocument(AssetDocument&& other) noexcept = default;
AssetDocument& AssetDocument::operator=(AssetDocument other) noexcept {
  std::swap(json_, other.json_);
  return *this;
}
AssetDocument::~AssetDocument() = default;

std::string AssetDocument::Machine::path() const {
  return place + "/" + name_of(json);
}

core::Result<AssetDocument> AssetDocument::parse(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return unexpected(ErrorCode::kInvalid, "assets: not valid JSON");
  if (auto whole = check_shape(json, 0, "assets"); !whole) return unexpected(whole.error());
  return AssetDocument(std::move(json));
}

std::vector<AssetDocument::Machine> AssetDocument::machines() const {
  std::vector<Machine> all;
  const auto enterprise = json_->find("enterprise");
  const std::string first = enterprise != json_->end() && enterprise->is_string() ? enterprise->get<std::string>() : "";
  walk(*json_, 0, first, [&](const std::string& place, const Json& machine) { all.push_back({place, machine}); });
  return all;
}

std::optional<AssetDocument::Machine> AssetDocument::find(std::string_view machine) const {
  for (const Machine& one : machines()) {
    if (name_of(one.json) == machine) return one;
  }
  return std::nullopt;
}

core::Status AssetDocument::put(std::string_view place, const Json& machine) {
  const std::string name = machine.is_object() ? name_of(machine) : "";
  if (name.empty()) return unexpected(ErrorCode::kInvalid, "machine: a mapping with a name");
  const auto levels = core::split(place, '/');
  if (levels.size() != kLevels || std::find(levels.begin(), levels.end(), "") != levels.end()) {
    return unexpected(ErrorCode::kInvalid, fmt::format("place: '{}' is not enterprise/site/area/line/cell, such as "
                                                       "acme/lyon/utilities/cooling/pumps",
                                                       place));
  }
  if (json_->value("enterprise", "") != levels.front()) {
    return unexpected(ErrorCode::kInvalid, fmt::format("place: this plant's enterprise is '{}', not '{}'",
                                                       json_->value("enterprise", ""), levels.front()));
  }
  const auto before = find(name);
  const bool stays = before && before->place == place;
  if (before && !stays) remove_from(*json_, 0, name);
  Json* at = json_.get();
  for (std::size_t i = 1; i < levels.size(); ++i) {
    Json& list = (*at)[kLists[i - 1]];
    if (!list.is_array()) list = Json::array();
    auto found = find_named(list, levels[i]);
    if (found == list.end()) {
      list.push_back({{"name", levels[i]}});
      found = list.end() - 1;
    }
    at = &*found;
  }
  Json& list = (*at)[kLists.back()];
  if (!list.is_array()) list = Json::array();
  const auto found = find_named(list, name);
  if (found == list.end()) {
    list.push_back(machine);
  } else {
    *found = machine;
  }
  return {};
}

core::Status AssetDocument::patch(std::string_view machine, const Json& changes) {
  const auto found = find(machine);
  if (!found) return unexpected(ErrorCode::kNotFound, fmt::format("machine '{}' does not exist", machine));
  if (!changes.is_object()) return unexpected(ErrorCode::kInvalid, "a merge patch of a machine is a JSON object");
  Json changed = found->json;
  changed.merge_patch(changes);
  if (name_of(changed) != machine) {
    return unexpected(ErrorCode::kInvalid,
                      "name: a machine keeps its name, which its history goes by; make another, and remove this one");
  }
  return put(found->place, changed);
}

core::Status AssetDocument::remove(std::string_view machine) {
  if (remove_from(*json_, 0, machine)) return {};
  return unexpected(ErrorCode::kNotFound, fmt::format("machine '{}' does not exist", machine));
}

std::string AssetDocument::text() const {
  return json_->dump();
}

std::string AssetDocument::yaml() const {
  return yaml_text(Json{{"assets", *json_}});
}

}  // namespace millwright::registry
