#include "analytics/downtime_store.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "database/database.hpp"

namespace millwright::analytics {
namespace {

using core::unexpected;

constexpr std::array<std::string_view, 3> kSteps = {
    "CREATE TABLE analytics_downtime (id TEXT PRIMARY KEY, machine TEXT NOT NULL, start_ns BIGINT NOT NULL, "
    "end_ns BIGINT NOT NULL, stopped_ns BIGINT NOT NULL, activity TEXT NOT NULL, counts_as TEXT NOT NULL, "
    "reason TEXT NOT NULL, comment TEXT NOT NULL, start_set BIGINT NOT NULL, end_set BIGINT NOT NULL, "
    "edited BIGINT NOT NULL, version BIGINT NOT NULL, changed_ns BIGINT NOT NULL, changed_by TEXT NOT NULL, "
    "action TEXT NOT NULL)",
    "CREATE INDEX analytics_downtime_machine ON analytics_downtime (machine, end_ns)",
    "CREATE TABLE analytics_downtime_versions (id TEXT NOT NULL, machine TEXT NOT NULL, start_ns BIGINT NOT NULL, "
    "end_ns BIGINT NOT NULL, stopped_ns BIGINT NOT NULL, activity TEXT NOT NULL, counts_as TEXT NOT NULL, "
    "reason TEXT NOT NULL, comment TEXT NOT NULL, start_set BIGINT NOT NULL, end_set BIGINT NOT NULL, "
    "edited BIGINT NOT NULL, version BIGINT NOT NULL, changed_ns BIGINT NOT NULL, changed_by TEXT NOT NULL, "
    "action TEXT NOT NULL, PRIMARY KEY (id, version))"};

constexpr std::string_view kColumns =
    "id, machine, start_ns, end_ns, stopped_ns, activity, counts_as, reason, comment, start_set, end_set, edited, "
    "version, changed_ns, changed_by, action";

Activity activity_named(const std::string& name) {
  const auto* found = std::find(asset::kActivityNames.begin(), asset::kActivityNames.end(), name);
  return static_cast<Activity>((found - asset::kActivityNames.begin()) % std::ssize(asset::kActivityNames));
}

DowntimeRecord record_of(const database::Row& row) {
  DowntimeRecord record;
  record.id = row.text(0);
  record.machine = row.text(1);
  record.time = {row.integer(2), row.integer(3)};
  record.stopped = row.integer(4);
  record.activity = activity_named(row.text(5));
  record.counts_as = activity_named(row.text(6));
  record.reason = row.text(7);
  record.comment = row.text(8);
  record.start_set = row.integer(9) != 0;
  record.end_set = row.integer(10) != 0;
  record.edited = row.integer(11) != 0;
  record.version = row.integer(12);
  record.changed = row.integer(13);
  record.changed_by = row.text(14);
  record.action = row.text(15);
  return record;
}

core::Status insert(database::Connection& connection, std::string_view table, const DowntimeRecord& r) {
  const auto done = connection.execute(
      fmt::format("INSERT INTO {} ({}) VALUES (:a, :b, :c, :d, :e, :f, :g, :h, :i, :j, :k, :l, :m, :n, :o, :p)", table,
                  kColumns),
      {r.id, r.machine, r.time.from, r.time.to, r.stopped, asset::to_string(r.activity), asset::to_string(r.counts_as),
       r.reason, r.comment, r.start_set, r.end_set, r.edited, r.version, r.changed, r.changed_by, r.action});
  if (!done) return unexpected(done.error());
  return {};
}

core::Status remove(database::Connection& connection, const std::string& id) {
  const auto done = connection.execute("DELETE FROM analytics_downtime WHERE id = :a", {id});
  if (!done) return unexpected(done.error());
  return {};
}

core::Result<std::vector<DowntimeRecord>> records(core::Result<database::Rows> rows) {
  if (!rows) return unexpected(rows.error());
  std::vector<DowntimeRecord> list;
  for (const database::Row& row : *rows) list.push_back(record_of(row));
  return list;
}

// The version before `next` to those that were; kConflict where it is another's by now.
core::Status keep_former(database::Connection& connection, const DowntimeRecord& next) {
  auto former =
      records(connection.query(fmt::format("SELECT {} FROM analytics_downtime WHERE id = :a", kColumns), {next.id}));
  if (!former) return unexpected(former.error());
  if (former->empty()) return {};
  if (former->front().version + 1 == next.version) {
    return insert(connection, "analytics_downtime_versions", former->front());
  }
  return unexpected(core::ErrorCode::kConflict,
                    fmt::format("downtime '{}' is version {} by now; read it again", next.id, former->front().version));
}

}  // namespace

core::Result<DowntimeStore> DowntimeStore::open(database::Database& database) {
  if (auto ready = database.migrate("analytics_downtime", kSteps); !ready) return unexpected(ready.error());
  return DowntimeStore(database);
}

core::Result<std::vector<DowntimeRecord>> DowntimeStore::list(const std::string& machine, const Interval& range) const {
  return records(database_->query(fmt::format("SELECT {} FROM analytics_downtime WHERE machine = :a AND end_ns > :b "
                                              "AND start_ns < :c ORDER BY start_ns, id",
                                              kColumns),
                                  {machine, range.from, range.to}));
}

core::Result<DowntimeRecord> DowntimeStore::find(const std::string& id) const {
  auto found =
      records(database_->query(fmt::format("SELECT {} FROM analytics_downtime WHERE id = :a", kColumns), {id}));
  if (!found) return unexpected(found.error());
  if (!found->empty()) return std::move(found->front());
  return unexpected(core::ErrorCode::kNotFound, fmt::format("there is no downtime '{}'", id));
}

core::Result<std::vector<DowntimeRecord>> DowntimeStore::versions(const std::string& id) const {
  return records(database_->query(
      fmt::format("SELECT {} FROM analytics_downtime_versions WHERE id = :a ORDER BY version", kColumns), {id}));
}

core::Status DowntimeStore::sync(const std::vector<std::string>& removed, const std::vector<DowntimeRecord>& put) {
  if (removed.empty() && put.empty()) return {};
  return database_->transaction([&](database::Connection& connection) -> core::Status {
    for (const std::string& id : removed) {
      if (auto done = remove(connection, id); !done) return done;
    }
    for (const DowntimeRecord& record : put) {
      if (auto done = remove(connection, record.id); !done) return done;
      if (auto done = insert(connection, "analytics_downtime", record); !done) return done;
    }
    return {};
  });
}

core::Status DowntimeStore::change(const std::vector<DowntimeRecord>& put, const std::vector<DowntimeRecord>& removed) {
  return database_->transaction([&](database::Connection& connection) -> core::Status {
    for (const auto* list : {&put, &removed}) {
      for (const DowntimeRecord& record : *list) {
        if (auto done = keep_former(connection, record); !done) return done;
        if (auto done = remove(connection, record.id); !done) return done;
        const std::string_view table = list == &put ? "analytics_downtime" : "analytics_downtime_versions";
        if (auto done = insert(connection, table, record); !done) return done;
      }
    }
    return {};
  });
}

}  // namespace millwright::analytics
