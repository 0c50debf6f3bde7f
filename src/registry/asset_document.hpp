// AssetDocument: the `assets` of a plant's file as a tree that is edited machine by machine. What it says is checked
// where it is read (asset::load), as in the file; here only its shape: levels by name, machines by their own.
//
// Threads: a value. Errors: kInvalid, kNotFound, kConflict with the path. Source: docs/configuration.md, "assets".
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "core/result.hpp"

namespace millwright::registry {

using Json = nlohmann::ordered_json;

class AssetDocument {
 public:
  // Of the JSON that Section::json() gives.
  static core::Result<AssetDocument> parse(std::string_view json);
  AssetDocument(const AssetDocument& other);
  AssetDocument(AssetDocument&& other) noexcept;
  AssetDocument& operator=(AssetDocument other) noexcept;
  ~AssetDocument();

  struct Machine {
    std::string place;  // "acme/lyon/utilities/cooling/pumps"
    const Json& json;
    [[nodiscard]] std::string path() const;
  };
  [[nodiscard]] std::vector<Machine> machines() const;
  [[nodiscard]] std::optional<Machine> find(std::string_view machine) const;  // by its name

  // Puts a machine in its place, in the stead of the one with its name, wherever that was; levels that are missing are
  // made. `machine` is a JSON object with a name. The place begins with the enterprise and has five levels.
  core::Status put(std::string_view place, const Json& machine);
  // Merge patch (RFC 7386) of a machine; its name stays.
  core::Status patch(std::string_view machine, const Json& changes);
  // With it the levels go that are empty then.
  core::Status remove(std::string_view machine);

  [[nodiscard]] std::string text() const;  // JSON, one line
  // As people write it in a plant's file: `assets:` and all below.
  [[nodiscard]] std::string yaml() const;

 private:
  explicit AssetDocument(Json json);
  Json* root() { return json_.get(); }
  std::unique_ptr<Json> json_;
};

}  // namespace millwright::registry
