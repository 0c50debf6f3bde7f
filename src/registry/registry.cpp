#include "registry/registry.hpp"

#include <array>

#include <fmt/format.h>

namespace millwright::registry {
namespace {

using core::ErrorCode;
using core::unexpected;
using database::Connection;

constexpr std::array<std::string_view, 2> kSteps{
    "CREATE TABLE registry_versions (version BIGINT PRIMARY KEY, time BIGINT NOT NULL, who TEXT NOT NULL, "
    "what TEXT NOT NULL, document TEXT NOT NULL)",
    // The one row: what the file said when it was last taken, and the version that it became.
    "CREATE TABLE registry_file (id BIGINT PRIMARY KEY, version BIGINT NOT NULL, document TEXT NOT NULL)"};

constexpr const char* kColumns = "SELECT version, time, who, what, document FROM registry_versions ";

Version version_of(const database::Row& row) {
  return {row.integer(0), row.integer(1), row.text(2), row.text(3)};
}

core::Result<std::optional<Assets>> first_of(const core::Result<database::Rows>& rows) {
  if (!rows) return unexpected(rows.error());
  if (rows->empty()) return std::optional<Assets>();
  auto document = AssetDocument::parse(rows->front().text(4));
  if (!document) return unexpected(document.error().within("registry"));
  return std::optional<Assets>(Assets{version_of(rows->front()), std::move(*document)});
}

core::Result<std::int64_t> newest_number(Connection& connection) {
  const auto rows = connection.query("SELECT MAX(version) FROM registry_versions");
  if (!rows) return unexpected(rows.error());
  return rows->front().integer(0);
}

core::Status insert(Connection& connection, const Version& version, const std::string& document) {
  const auto added = connection.execute(
      "INSERT INTO registry_versions (version, time, who, what, document) VALUES (:a, :b, :c, :d, :e)",
      {version.number, version.time, version.who, version.what, document});
  if (!added) return unexpected(added.error());
  const auto removed =
      connection.execute("DELETE FROM registry_versions WHERE version <= :a", {version.number - kVersionsKept});
  if (!removed) return unexpected(removed.error());
  return {};
}

}  // namespace

core::Result<Registry> Registry::open(database::Database& database) {
  if (auto ready = database.migrate("registry", kSteps); !ready) return unexpected(ready.error());
  return Registry(database);
}

core::Result<Assets> Registry::take_file(const std::string& json, const std::string& file, core::TimeNs now,
                                         Take take) {
  differs_from_file_ = false;
  auto done = database_->transaction([&](Connection& connection) -> core::Status {
    const auto taken = connection.query("SELECT version, document FROM registry_file WHERE id = 1");
    if (!taken) return unexpected(taken.error());
    const auto newest = newest_number(connection);
    if (!newest) return unexpected(newest.error());
    const bool same = !taken->empty() && taken->front().text(1) == json;
    const bool edited = !taken->empty() && taken->front().integer(0) != *newest;
    if (take == Take::kUnlessEdited && (same || edited)) {
      differs_from_file_ = !same;
      return {};
    }
    const Version version{*newest + 1, now, file, "taken from " + file};
    if (auto added = insert(connection, version, json); !added) return added;
    const auto kept = connection.execute(
        "INSERT INTO registry_file (id, version, document) VALUES (1, :a, :b) "
        "ON CONFLICT (id) DO UPDATE SET version = excluded.version, document = excluded.document",
        {version.number, json});
    if (!kept) return unexpected(kept.error());
    return {};
  });
  if (!done) return unexpected(done.error());
  auto assets = newest();
  if (!assets) return unexpected(assets.error());
  if (!*assets) return unexpected(ErrorCode::kCorrupt, "registry: its newest version is missing");
  return std::move(**assets);
}

core::Result<std::optional<Assets>> Registry::newest() const {
  return first_of(database_->query(std::string(kColumns) + "ORDER BY version DESC LIMIT 1"));
}

core::Result<std::optional<Assets>> Registry::edited() const {
  return first_of(database_->query(std::string(kColumns) +
                                   "WHERE version > (SELECT version FROM registry_file WHERE id = 1) "
                                   "ORDER BY version DESC LIMIT 1"));
}

core::Result<std::optional<Assets>> Registry::find(std::int64_t version) const {
  return first_of(database_->query(std::string(kColumns) + "WHERE version = :a", {version}));
}

core::Result<std::vector<Version>> Registry::versions(std::size_t limit) const {
  const auto rows = database_->query(
      "SELECT version, time, who, what FROM registry_versions ORDER BY version DESC LIMIT " + std::to_string(limit));
  if (!rows) return unexpected(rows.error());
  std::vector<Version> all;
  for (const database::Row& row : *rows) all.push_back(version_of(row));
  return all;
}

core::Result<Version> Registry::commit(const AssetDocument& document, const Change& change, core::TimeNs now) {
  Version version{0, now, change.who, change.what};
  auto done = database_->transaction([&](Connection& connection) -> core::Status {
    const auto newest = newest_number(connection);
    if (!newest) return unexpected(newest.error());
    if (change.base && *change.base != *newest) {
      return unexpected(ErrorCode::kConflict,
                        fmt::format("the assets are at version {} by now, the change was made to version {}; read them "
                                    "again and repeat it",
                                    *newest, *change.base));
    }
    version.number = *newest + 1;
    return insert(connection, version, document.text());
  });
  if (!done) return unexpected(done.error());
  return version;
}

}  // namespace millwright::registry
