// Registry: the plant's assets in versions: from the plant's file at first, then as they are edited while it runs.
// Every version stays, with who made it and why.
//
//   auto registry = registry::Registry::open(database);
//   auto assets = registry->take_file(section.json(), "plant.yaml", now);   // what the plant is to be made of
//   …
//   registry->commit(changed, {.base = assets.version, .who = "anna", .what = "pump-7 added"}, now);
//
// The file and the edits: a file that has changed since it was last taken becomes a new version, where nothing was
// edited in between. Where something was, the edits stand, and differs_from_file() says so, until the file is taken
// (`take: kAlways`) or is given what yaml() says.
// Threads: any. Errors: kConflict where `base` is not the newest version; those of the database.
// Limits: kVersionsKept versions; older ones go.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"
#include "database/database.hpp"
#include "registry/asset_document.hpp"

namespace millwright::registry {

inline constexpr std::int64_t kVersionsKept = 1000;

struct Version {
  std::int64_t number = 0;  // from 1 on
  core::TimeNs time = 0;
  std::string who;
  std::string what;
};

struct Assets {
  Version version;
  AssetDocument document;
};

struct Change {
  std::optional<std::int64_t> base;  // the version that was edited; absent: whichever is the newest
  std::string who;
  std::string what;
};

enum class Take { kUnlessEdited, kAlways };

class Registry {
 public:
  static core::Result<Registry> open(database::Database& database);  // which outlives it

  // The newest version, after what the file says was looked at.
  core::Result<Assets> take_file(const std::string& json, const std::string& file, core::TimeNs now,
                                 Take take = Take::kUnlessEdited);
  [[nodiscard]] core::Result<std::optional<Assets>> newest() const;
  // The newest where it was edited since the file was taken: what a plant is made of instead of its file's.
  [[nodiscard]] core::Result<std::optional<Assets>> edited() const;
  [[nodiscard]] core::Result<std::optional<Assets>> find(std::int64_t version) const;
  // The newest first.
  [[nodiscard]] core::Result<std::vector<Version>> versions(std::size_t limit) const;
  core::Result<Version> commit(const AssetDocument& document, const Change& change, core::TimeNs now);
  // Whether the file has changed since it was taken, and stands beside edits.
  [[nodiscard]] bool differs_from_file() const { return differs_from_file_; }

 private:
  explicit Registry(database::Database& database) : database_(&database) {}
  database::Database* database_;
  bool differs_from_file_ = false;
};

}  // namespace millwright::registry
