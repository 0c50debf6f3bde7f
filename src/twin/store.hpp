// Store: what twins keep in the plant's database: documents with every version, since when components are in service,
// health by the hour, predictions of life and how they came out. Tables: docs/format/twin.md.
//
// Threads: any that may wait for the disk. Errors: the database's.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"
#include "database/database.hpp"
#include "twin/life.hpp"

namespace millwright::twin {

struct StoredDocument {
  std::string machine;
  std::uint64_t version = 0;
  std::string text;
};

// A change of a machine's document.
struct Version {
  std::uint64_t version = 0;
  core::TimeNs time = 0;
  std::string author;
  std::string patch;     // as it was sent
  std::string document;  // after it
};

// How predictions for a component came out, once it had failed.
struct Outcome {
  std::uint64_t predictions = 0;
  double error_days = 0;  // mean distance from the truth
  double covered = 0;     // share of the truths between low and high
};

using ComponentKey = std::pair<std::string, std::string>;  // machine, component

class Store {
 public:
  static constexpr core::DurationNs kHealthKept = 30 * 24 * core::kHour;
  static constexpr core::DurationNs kLivesKept = 365 * 24 * core::kHour;

  explicit Store(database::Database& database) : database_(database) {}
  core::Status prepare();

  core::Result<std::vector<StoredDocument>> documents();
  // Makes `change` the machine's newest version. kConflict where that is not one after the last.
  core::Status put(const std::string& machine, const Version& change);
  // Newest first, older than `before` (0: all).
  core::Result<std::vector<Version>> versions(const std::string& machine, std::uint64_t before, std::size_t limit);

  core::Result<std::map<ComponentKey, core::TimeNs>> in_service();
  core::Status put_in_service(const ComponentKey& component, core::TimeNs since);

  struct HealthRow {
    ComponentKey component;
    HealthPoint hour;
  };
  // In order of time.
  core::Result<std::vector<HealthRow>> health(core::TimeNs from);
  core::Status add_health(const std::vector<HealthRow>& rows, core::TimeNs now);

  struct LifeRow {
    ComponentKey component;
    core::TimeNs time = 0;
    Life life;
  };
  core::Status add_lives(const std::vector<LifeRow>& rows, core::TimeNs now);
  // What was predicted from `since` on, against the failure at `failed`; kept as an outcome.
  core::Result<std::optional<Outcome>> settle(const ComponentKey& component, core::TimeNs since, core::TimeNs failed);
  // Over all failures of a component.
  core::Result<std::optional<Outcome>> outcomes(const ComponentKey& component);

 private:
  database::Database& database_;
};

}  // namespace millwright::twin
