// PostgreSQL: readings by COPY into a staging table and from there, in one transaction, into a table that has each
// reading once: what comes again changes nothing. The tables are made where they are missing.
// Format: docs/format/postgres-readings.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "config/secret.hpp"
#include "core/time.hpp"
#include "forwarding/tls_options.hpp"
#include "forwarding/transport.hpp"

namespace millwright::forwarding {

struct PostgresOptions {
  std::string host;  // a name, an address, or the folder of a socket
  std::uint16_t port = 5432;
  std::string database;
  std::string user;
  config::Secret password;
  TlsOptions tls;
  std::string table;  // "readings" or "plant.readings"
  core::DurationNs timeout = 30 * core::kSecond;
};

// Reads `host`, `port`, `database`, `user`, `password_*`, `tls`, `table` and `timeout`.
PostgresOptions read_postgres_options(config::Section& section, const std::string& directory);
std::unique_ptr<Transport> make_postgres_transport(const PostgresOptions& options);
// Connects and looks, and makes nothing.
core::Result<std::string> probe_postgres(const PostgresOptions& options);

}  // namespace millwright::forwarding
