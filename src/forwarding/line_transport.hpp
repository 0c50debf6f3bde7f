// Line protocol over HTTP: to InfluxDB 1 and 2, VictoriaMetrics and others that take the same. Many events are one
// request; a repeat is the same point at the same time, so it changes nothing. 400, 413, 422 and the like refuse for
// good; what is of the way there (401, 403, 404, 408, 429, any 5xx, no answer) is tried again.
// Format: docs/format/influx-readings.md.
#pragma once

#include <memory>
#include <string>

#include "config/secret.hpp"
#include "core/time.hpp"
#include "forwarding/transport.hpp"

namespace millwright::forwarding {

struct LineOptions {
  std::string url;  // with the database: "http://db:8086/write?db=plant"
  std::string measurement;
  config::Secret token;  // "Authorization: Token …"
  std::string user;      // HTTP Basic
  config::Secret password;
  bool gzip = true;
  std::string ca_file;  // "": the system's
  core::DurationNs timeout = 5 * core::kSecond;
};

// Reads `url`, `measurement`, `token_*`, `user`, `password_*`, `gzip`, `ca_file` and `timeout`.
LineOptions read_line_options(config::Section& section, const std::string& directory);
std::unique_ptr<Transport> make_line_transport(const LineOptions& options);

}  // namespace millwright::forwarding
