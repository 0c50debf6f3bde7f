#include "twin/store.hpp"

#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace millwright::twin {
namespace {

using core::unexpected;
using database::Connection;

constexpr std::array<std::string_view, 6> kSteps{
    "CREATE TABLE twin_documents (machine TEXT NOT NULL PRIMARY KEY, version BIGINT NOT NULL, document TEXT NOT NULL)",
    "CREATE TABLE twin_versions (machine TEXT NOT NULL, version BIGINT NOT NULL, at BIGINT NOT NULL, author TEXT NOT "
    "NULL, patch TEXT NOT NULL, document TEXT NOT NULL, PRIMARY KEY (machine, version))",
    "CREATE TABLE twin_components (machine TEXT NOT NULL, component TEXT NOT NULL, since BIGINT NOT NULL, PRIMARY KEY "
    "(machine, component))",
    "CREATE TABLE twin_health (machine TEXT NOT NULL, component TEXT NOT NULL, at BIGINT NOT NULL, health DOUBLE "
    "PRECISION NOT NULL, PRIMARY KEY (machine, component, at))",
    "CREATE TABLE twin_lives (machine TEXT NOT NULL, component TEXT NOT NULL, at BIGINT NOT NULL, days DOUBLE "
    "PRECISION NOT NULL, low DOUBLE PRECISION NOT NULL, high DOUBLE PRECISION NOT NULL, PRIMARY KEY (machine, "
    "component, at))",
    "CREATE TABLE twin_outcomes (machine TEXT NOT NULL, component TEXT NOT NULL, at BIGINT NOT NULL, predictions "
    "BIGINT NOT NULL, error_days DOUBLE PRECISION NOT NULL, covered DOUBLE PRECISION NOT NULL, PRIMARY KEY (machine, "
    "component, at))"};

core::Status done(const core::Result<std::int64_t>& changed) {
  return changed ? core::Status() : core::Status(unexpected(changed.error()));
}

constexpr double kDay = 24.0 * static_cast<double>(core::kHour);

}  // namespace

core::Status Store::prepare() {
  return database_.migrate("twin", kSteps);
}

core::Result<std::vector<StoredDocument>> Store::documents() {
  const auto rows = database_.query("SELECT machine, version, document FROM twin_documents");
  if (!rows) return unexpected(rows.error());
  std::vector<StoredDocument> out;
  for (const database::Row& row : *rows) {
    out.push_back({row.text(0), static_cast<std::uint64_t>(row.integer(1)), row.text(2)});
  }
  return out;
}

core::Status Store::put(const std::string& machine, const Version& change) {
  return database_.transaction([&](Connection& c) -> core::Status {
    const auto last = c.query("SELECT version FROM twin_documents WHERE machine = :a", {machine});
    if (!last) return unexpected(last.error());
    const std::int64_t version = last->empty() ? 0 : last->front().integer(0);
    if (version + 1 != static_cast<std::int64_t>(change.version)) {
      return unexpected(core::ErrorCode::kConflict,
                        fmt::format("the twin of '{}' is at version {} in the database already", machine, version));
    }
    if (auto put = c.execute("INSERT INTO twin_documents (machine, version, document) VALUES (:a, :b, :c) ON CONFLICT "
                             "(machine) DO UPDATE SET version = excluded.version, document = excluded.document",
                             {machine, change.version, change.document});
        !put) {
      return done(put);
    }
    return done(
        c.execute("INSERT INTO twin_versions (machine, version, at, author, patch, document) VALUES (:a, :b, "
                  ":c, :d, :e, :f)",
                  {machine, change.version, change.time, change.author, change.patch, change.document}));
  });
}

core::Result<std::vector<Version>> Store::versions(const std::string& machine, std::uint64_t before,
                                                   std::size_t limit) {
  const std::int64_t below = before == 0 ? std::numeric_limits<std::int64_t>::max() : static_cast<std::int64_t>(before);
  const auto rows = database_.query(
      "SELECT version, at, author, patch, document FROM twin_versions WHERE machine = :a AND version < :b ORDER BY "
      "version DESC LIMIT :c",
      {machine, below, static_cast<std::int64_t>(limit)});
  if (!rows) return unexpected(rows.error());
  std::vector<Version> out;
  for (const database::Row& row : *rows) {
    out.push_back({.version = static_cast<std::uint64_t>(row.integer(0)),
                   .time = row.integer(1),
                   .author = row.text(2),
                   .patch = row.text(3),
                   .document = row.text(4)});
  }
  return out;
}

core::Result<std::map<ComponentKey, core::TimeNs>> Store::in_service() {
  const auto rows = database_.query("SELECT machine, component, since FROM twin_components");
  if (!rows) return unexpected(rows.error());
  std::map<ComponentKey, core::TimeNs> out;
  for (const database::Row& row : *rows) out[{row.text(0), row.text(1)}] = row.integer(2);
  return out;
}

core::Status Store::put_in_service(const ComponentKey& component, core::TimeNs since) {
  return database_.transaction([&](Connection& c) -> core::Status {
    if (auto put = c.execute("INSERT INTO twin_components (machine, component, since) VALUES (:a, :b, :c) ON CONFLICT "
                             "(machine, component) DO UPDATE SET since = excluded.since",
                             {component.first, component.second, since});
        !put) {
      return done(put);
    }
    return done(c.execute("DELETE FROM twin_health WHERE machine = :a AND component = :b AND at < :c",
                          {component.first, component.second, since}));
  });
}

core::Result<std::vector<Store::HealthRow>> Store::health(core::TimeNs from) {
  const auto rows =
      database_.query("SELECT machine, component, at, health FROM twin_health WHERE at >= :a ORDER BY at", {from});
  if (!rows) return unexpected(rows.error());
  std::vector<HealthRow> out;
  for (const database::Row& row : *rows) {
    out.push_back({{row.text(0), row.text(1)}, {row.integer(2), row.number(3)}});
  }
  return out;
}

core::Status Store::add_health(const std::vector<HealthRow>& rows, core::TimeNs now) {
  return database_.transaction([&](Connection& c) -> core::Status {
    for (const HealthRow& row : rows) {
      if (auto put = c.execute("INSERT INTO twin_health (machine, component, at, health) VALUES (:a, :b, :c, :d) ON "
                               "CONFLICT (machine, component, at) DO UPDATE SET health = excluded.health",
                               {row.component.first, row.component.second, row.hour.time, row.hour.health});
          !put) {
        return done(put);
      }
    }
    return done(c.execute("DELETE FROM twin_health WHERE at < :a", {now - kHealthKept}));
  });
}

core::Status Store::add_lives(const std::vector<LifeRow>& rows, core::TimeNs now) {
  return database_.transaction([&](Connection& c) -> core::Status {
    for (const LifeRow& row : rows) {
      if (auto put = c.execute(
              "INSERT INTO twin_lives (machine, component, at, days, low, high) VALUES (:a, :b, :c, "
              ":d, :e, :f) ON CONFLICT (machine, component, at) DO UPDATE SET days = excluded.days",
              {row.component.first, row.component.second, row.time, row.life.days, row.life.low, row.life.high});
          !put) {
        return done(put);
      }
    }
    return done(c.execute("DELETE FROM twin_lives WHERE at < :a", {now - kLivesKept}));
  });
}

core::Result<std::optional<Outcome>> Store::settle(const ComponentKey& component, core::TimeNs since,
                                                   core::TimeNs failed) {
  const auto rows = database_.query(
      "SELECT at, days, low, high FROM twin_lives WHERE machine = :a AND component = :b AND at >= :c AND at < :d",
      {component.first, component.second, since, failed});
  if (!rows) return unexpected(rows.error());
  if (rows->empty()) return std::optional<Outcome>();
  Outcome out{.predictions = rows->size()};
  const auto count = static_cast<double>(rows->size());
  for (const database::Row& row : *rows) {
    const double truth = static_cast<double>(failed - row.integer(0)) / kDay;
    out.error_days += std::abs(row.number(1) - truth) / count;
    if (truth >= row.number(2) && truth <= row.number(3)) out.covered += 1 / count;
  }
  if (auto put = database_.execute(
          "INSERT INTO twin_outcomes (machine, component, at, predictions, error_days, covered) VALUES (:a, :b, :c, "
          ":d, :e, :f) ON CONFLICT (machine, component, at) DO UPDATE SET error_days = excluded.error_days",
          {component.first, component.second, failed, out.predictions, out.error_days, out.covered});
      !put) {
    return unexpected(put.error());
  }
  return std::optional(out);
}

core::Result<std::optional<Outcome>> Store::outcomes(const ComponentKey& component) {
  const auto rows = database_.query(
      "SELECT predictions, error_days, covered FROM twin_outcomes WHERE machine = :a AND component = :b",
      {component.first, component.second});
  if (!rows) return unexpected(rows.error());
  if (rows->empty()) return std::optional<Outcome>();
  Outcome out;
  for (const database::Row& row : *rows) {
    const auto count = static_cast<double>(row.integer(0));
    out.predictions += static_cast<std::uint64_t>(row.integer(0));
    out.error_days += count * row.number(1);
    out.covered += count * row.number(2);
  }
  out.error_days /= static_cast<double>(out.predictions);
  out.covered /= static_cast<double>(out.predictions);
  return std::optional(out);
}

}  // namespace millwright::twin
