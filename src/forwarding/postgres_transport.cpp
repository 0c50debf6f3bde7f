#include "forwarding/postgres_transport.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

#include <fmt/format.h>

#include "core/text.hpp"
#include "forwarding/bulk.hpp"
#include "forwarding/postgres_connection.hpp"

namespace millwright::forwarding {
namespace {

using std::chrono::steady_clock;

constexpr auto kLookEvery = std::chrono::seconds(3);  // whether the server is there, while nothing is sent
constexpr const char* kSystemAuthorities = "/etc/ssl/certs/ca-certificates.crt";

// {0}: readings, {1}: sensors, {2}: the view, all quoted.
constexpr std::string_view kMake = R"(BEGIN;
CREATE TABLE IF NOT EXISTS {1} (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  machine TEXT NOT NULL, sensor TEXT NOT NULL, UNIQUE (machine, sensor));
CREATE TABLE IF NOT EXISTS {0} (sensor_id BIGINT NOT NULL, time TIMESTAMPTZ NOT NULL, ns SMALLINT NOT NULL,
  value DOUBLE PRECISION, whole BIGINT, text TEXT, quality BIGINT NOT NULL, PRIMARY KEY (sensor_id, time, ns));
CREATE OR REPLACE VIEW {2} AS SELECT machine, sensor, time, ns, value, whole, text, quality
  FROM {0} JOIN {1} ON id = sensor_id;
COMMIT)";
constexpr std::string_view kStage =
    "CREATE TEMP TABLE millwright_staged (machine TEXT, sensor TEXT, us BIGINT, ns SMALLINT, value DOUBLE PRECISION, "
    "whole BIGINT, text TEXT, quality BIGINT) ON COMMIT DELETE ROWS";
constexpr const char* kCopy = "COPY millwright_staged FROM STDIN";
constexpr std::string_view kMove = R"(
INSERT INTO {1} (machine, sensor)
  SELECT DISTINCT machine, sensor FROM millwright_staged AS new
  WHERE NOT EXISTS (SELECT FROM {1} AS old WHERE old.machine = new.machine AND old.sensor = new.sensor)
  ON CONFLICT DO NOTHING;
INSERT INTO {0} (sensor_id, time, ns, value, whole, text, quality)
  SELECT id, TIMESTAMPTZ 'epoch' + us * INTERVAL '1 microsecond', ns, value, whole, text, quality
  FROM millwright_staged JOIN {1} USING (machine, sensor)
  ON CONFLICT DO NOTHING;
COMMIT)";

std::string quoted(const std::string& table, std::string_view suffix) {
  std::string out;
  for (const std::string_view part : core::split(table, '.')) {
    out += fmt::format("{}\"{}", out.empty() ? "" : "\".", part);
  }
  return fmt::format("{}{}\"", out, suffix);
}

PostgresConnection::Parameters parameters(const PostgresOptions& options, const std::string& password) {
  PostgresConnection::Parameters all{{"host", options.host},
                                     {"port", fmt::format("{}", options.port)},
                                     {"dbname", options.database},
                                     {"user", options.user},
                                     {"application_name", "millwright"},
                                     {"sslmode", options.tls.on ? "verify-full" : "disable"}};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) all.emplace_back(name, value);
  };
  add("password", password);
  if (!options.tls.on) return all;
  add("sslrootcert", options.tls.ca_file.empty() ? kSystemAuthorities : options.tls.ca_file);
  add("sslcert", options.tls.certificate_file);
  add("sslkey", options.tls.key_file);
  return all;
}

core::Result<std::unique_ptr<PostgresConnection>> open_connection(const PostgresOptions& options,
                                                                  const Stopping& stopping) {
  const auto password = options.password.read();
  if (!password) return core::unexpected(password.error().within("password"));
  return PostgresConnection::open(parameters(options, password->value_or("")), options.timeout, stopping);
}

std::string name_of(const PostgresOptions& options) {
  return fmt::format("postgresql://{}:{}/{}, table {}", options.host, options.port, options.database, options.table);
}

class PostgresTransport final : public Transport {
 public:
  explicit PostgresTransport(const PostgresOptions& options)
      : options_(options),
        readings_(quoted(options.table, "")),
        sensors_(quoted(options.table, "_sensors")),
        move_(fmt::format(kMove, readings_, sensors_)) {}

  [[nodiscard]] std::string peer() const override { return name_of(options_); }

  core::Status connect(const Stopping& stopping) override {
    if (connection_ && steady_clock::now() - heard_ >= kLookEvery) {
      if (connection_->run("SELECT 1", stopping)) {
        heard_ = steady_clock::now();
      } else {
        connection_.reset();
      }
    }
    if (connection_) return {};
    if (auto up = open(stopping); !up) {
      connection_.reset();
      return core::unexpected(up.error().within(peer()));
    }
    heard_ = steady_clock::now();
    return {};
  }

  Delivery deliver(std::span<const Event> events, const Stopping& stopping) override {
    return deliver_in_bulk(events, [&](std::span<const Event> some) { return write(some, stopping); });
  }

 private:
  core::Status open(const Stopping& stopping) {
    auto connection = open_connection(options_, stopping);
    if (!connection) return core::unexpected(connection.error());
    connection_ = std::move(*connection);
    const auto there = connection_->run(fmt::format("SELECT to_regclass('{}')", readings_), stopping);
    if (!there) return core::unexpected(there.error());
    if (there->empty()) {
      const std::string make = fmt::format(kMake, readings_, sensors_, quoted(options_.table, "_named"));
      if (auto made = connection_->run(make, stopping); !made) return core::unexpected(made.error());
    }
    if (auto staged = connection_->run(std::string(kStage), stopping); !staged) return core::unexpected(staged.error());
    return {};
  }

  // All or nothing. Where the end is in doubt it is done again, which changes nothing that is there.
  core::Status write(std::span<const Event> events, const Stopping& stopping) {
    if (!connection_) return core::unexpected(core::ErrorCode::kUnavailable, "no connection");
    auto done = transact(events, stopping);
    if (done) {
      heard_ = steady_clock::now();
      return {};
    }
    const bool goes_on = done.error().code == core::ErrorCode::kInvalid && !connection_->lost() &&
                         connection_->run("ROLLBACK", stopping).has_value();
    if (!goes_on) connection_.reset();
    return done;
  }

  core::Status transact(std::span<const Event> events, const Stopping& stopping) {
    std::vector<std::string_view> pieces;
    for (const Event& event : events) pieces.emplace_back(event.body);
    if (auto begun = connection_->run("BEGIN", stopping); !begun) return core::unexpected(begun.error());
    if (auto copied = connection_->copy(kCopy, pieces, stopping); !copied) return copied;
    if (auto moved = connection_->run(move_, stopping); !moved) return core::unexpected(moved.error());
    return {};
  }

  const PostgresOptions options_;
  const std::string readings_;
  const std::string sensors_;
  const std::string move_;
  std::unique_ptr<PostgresConnection> connection_;
  steady_clock::time_point heard_{};  // from the server
};

// Lower-case, so that nobody who asks by hand needs quotes.
bool is_table(std::string_view name) {
  constexpr std::size_t kLongest = 48;  // room for the suffixes
  const auto parts = core::split(name, '.');
  return parts.size() <= 2 && std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
           return !part.empty() && part.size() <= kLongest && (part[0] < '0' || part[0] > '9') &&
                  std::all_of(part.begin(), part.end(),
                              [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
         });
}

}  // namespace

PostgresOptions read_postgres_options(config::Section& section, const std::string& directory) {
  PostgresOptions options;
  options.host = section.text("host");
  options.port =
      static_cast<std::uint16_t>(section.integer("port", {.fallback = options.port, .low = 1, .high = 65535}));
  options.database = section.text("database");
  options.user = section.text("user");
  options.password = read_secret(section, "password", directory);
  options.tls = read_tls_options(section, directory);
  options.table = section.text("table", {.fallback = "readings"});
  if (!is_table(options.table)) {
    section.problem("table", fmt::format("'{}' is no name of a table here: lower-case letters, digits and '_', with a "
                                         "schema before it or without, as 'plant.readings'",
                                         options.table));
    options.table = "readings";
  }
  options.timeout =
      section.duration("timeout", {.fallback = options.timeout, .low = core::kSecond, .high = 10 * core::kMinute});
  return options;
}

std::unique_ptr<Transport> make_postgres_transport(const PostgresOptions& options) {
  return std::make_unique<PostgresTransport>(options);
}

core::Result<std::string> probe_postgres(const PostgresOptions& options) {
  const Stopping never = [] { return false; };
  auto connection = open_connection(options, never);
  if (!connection) return core::unexpected(connection.error().within(name_of(options)));
  const auto there = (*connection)->run(fmt::format("SELECT to_regclass('{}')", quoted(options.table, "")), never);
  if (!there) return core::unexpected(there.error().within(name_of(options)));
  return name_of(options) + (there->empty() ? " answers; the table is not there yet and will be made" : " answers");
}

}  // namespace millwright::forwarding
