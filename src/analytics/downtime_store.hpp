// DowntimeStore: the downtime events of all machines in the database, those that come of states and those that people
// changed, with every former version of the latter.
//
// Threads: one at a time (the service's lock). Errors: the database's; kNotFound, kConflict and kInvalid say what.
// Source: docs/oee.md. Tables: analytics_downtime, analytics_downtime_versions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analytics/timeline.hpp"
#include "core/result.hpp"

namespace millwright::database {
class Connection;
class Database;
class Row;
}  // namespace millwright::database

namespace millwright::analytics {

struct DowntimeRecord {
  std::string id{};
  std::string machine{};
  Interval time{};                       // kOpen: it lasts
  core::DurationNs stopped = 0;          // of it; of what lasts up to the last look
  Activity activity = Activity::kIdle;   // what the machine said
  Activity counts_as = Activity::kIdle;  // as the reason says, else as the machine
  std::string reason{};                  // code; "": none given
  std::string comment{};
  bool start_set = false;
  bool end_set = false;
  bool edited = false;
  std::int64_t version = 1;
  core::TimeNs changed = 0;  // of what people did; 0: nobody
  std::string changed_by{};
  std::string action{};  // of this version: "reason", "split", "merge", "merged into ID"
};

class DowntimeStore {
 public:
  static core::Result<DowntimeStore> open(database::Database& database);

  // With time in `range`, by start.
  core::Result<std::vector<DowntimeRecord>> list(const std::string& machine, const Interval& range) const;
  core::Result<DowntimeRecord> find(const std::string& id) const;
  // The former versions, the first one first.
  core::Result<std::vector<DowntimeRecord>> versions(const std::string& id) const;
  // Removes and puts records that nobody edited, and moves edited ones' bounds, in one transaction.
  core::Status sync(const std::vector<std::string>& removed, const std::vector<DowntimeRecord>& put);
  // Puts new versions and keeps the former ones; those of `removed` end with their last one. All or nothing.
  // kConflict: a former version is not the database's any more.
  core::Status change(const std::vector<DowntimeRecord>& put, const std::vector<DowntimeRecord>& removed);

 private:
  explicit DowntimeStore(database::Database& database) : database_(&database) {}
  database::Database* database_;
};

}  // namespace millwright::analytics
