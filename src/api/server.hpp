// Server: the REST interface, the event stream and the dashboard's files, over HTTP on this machine.
//
//   api::Server server(options, services);
//   alarms.add_listener([&](const alarms::Alarm& alarm) { server.on_alarm(alarm); });
//   if (auto started = server.start(); !started) …
//
// Threads: two for HTTP, two for history queries, one for event streams. start() and stop() from one thread; on_alarm()
// from any, without waiting. The callbacks in Services are called from any of the server's threads, at once too.
// Errors: start() gives kConflict where the port is in use, kInvalid where the host is not this machine.
// Limits: bodies of 64 KiB (model bundles: 16 MiB), URLs of 8 KiB, 4,096 connections, options.sse_clients_max event
// streams; an event stream whose client does not read is ended, never buffered without end. Source: docs/api.md,
// src/api/openapi.json.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alarms/alarm_manager.hpp"
#include "asset/commands.hpp"
#include "asset/model.hpp"
#include "config/document.hpp"
#include "core/metrics.hpp"
#include "core/result.hpp"
#include "core/time.hpp"
#include "historian/historian.hpp"
#include "http/transport.hpp"
#include "io/clock.hpp"
#include "models/service.hpp"
#include "pipeline/live_table.hpp"
#include "twin/twins.hpp"

namespace millwright::analytics {
class Service;
}

namespace millwright::access {
class Authority;
}

namespace millwright::database {
class Database;
}

namespace millwright::api {

struct AssetServices;
struct MaintenanceServices;

struct Options {
  // Without accounts, anybody who reaches the port may do everything, so it is this machine's alone; without TLS,
  // passwords would go in the clear, so it is as well.
  std::string host = "127.0.0.1";
  std::uint16_t port = 8080;  // 0: any free one, see Server::port()
  http::TlsFiles tls;         // none: in the clear
  std::string web_directory;  // of the dashboard's files; "": none
  std::size_t history_rows_max = 100'000;
  core::DurationNs history_time_limit = 30 * core::kSecond;  // of one answer
  std::size_t body_bytes_max = 64 * 1024;
  std::size_t sse_clients_max = 100;
  std::size_t sse_queue_bytes_max = 1024 * 1024;  // of each client; a single event may be larger
  core::DurationNs sse_period = core::kSecond;
  core::DurationNs sse_keep_alive = 15 * core::kSecond;
};
// Reads the `api` section: host, port, tls, web_directory, history_rows_max, history_time_limit, body_bytes_max,
// sse_clients_max.
Options read_options(config::Section section, const std::string& directory = ".");

struct ConnectorInfo {
  std::string name;
  std::string kind;
  std::string state;
  std::string detail;
  core::TimeNs since = 0;
  std::uint64_t readings = 0;
  std::uint64_t refused = 0;
  std::uint64_t reconnects = 0;
};

struct OutputInfo {
  std::string name;
  std::string kind;
  std::string state;
  std::string detail;
  core::TimeNs since = 0;
  std::uint64_t backlog = 0;        // changes of alarms, or records of readings
  std::uint64_t backlog_bytes = 0;  // of readings
  double backlog_age_s = 0;
  double backlog_bytes_per_s = 0;
  std::uint64_t delivered = 0;
  std::uint64_t dead = 0;
  std::uint64_t lost = 0;
  std::string last_error;
  core::TimeNs last_error_time = 0;
};

// What the server cannot know from the other services.
struct PlantStatus {
  std::string name;
  std::string enterprise;
  std::string version;
  core::TimeNs started = 0;
  std::size_t shards = 0;
  std::string opcua_endpoint;
  std::vector<ConnectorInfo> connectors;
  std::vector<OutputInfo> outputs{};
  std::uint64_t readings = 0;                                              // taken in since the start
  double readings_per_s = 0;                                               // of late
  double alarm_latency_p50_ms = std::numeric_limits<double>::quiet_NaN();  // NaN: no alarm yet
  double alarm_latency_p99_ms = std::numeric_limits<double>::quiet_NaN();
};

// One thing that must work before the node is ready.
struct Check {
  std::string name;
  bool ok = false;
  std::string detail;
};

// A control chart of a sensor, in a state of its machine. What is not known is NaN.
struct ControlChart {
  core::SensorId sensor;
  std::string chart;  // "xbar-r"
  std::string state;  // "running"
  std::uint32_t subgroup_size = 0;
  double progress = 0;   // of learning, 0 to 1
  bool trained = false;  // then the limits below count
  double centre = 0;
  double low = 0;
  double high = 0;
  double spread_centre = 0;
  double spread_high = 0;
  std::optional<std::pair<double, double>> specification{};
  double cp = std::numeric_limits<double>::quiet_NaN();
  double cpk = std::numeric_limits<double>::quiet_NaN();
  double pp = std::numeric_limits<double>::quiet_NaN();
  double ppk = std::numeric_limits<double>::quiet_NaN();
};

// What control charts the node has, and to learn some anew.
struct ControlCharts {
  std::function<std::vector<ControlChart>(core::MachineId)> of;
  // Of one sensor, or of all where it is none; of one kind, or of all where it is "". Gives how many.
  std::function<std::size_t(core::MachineId, core::SensorId, const std::string& chart)> relearn;
};

// All of it outlives the server.
struct Services {
  const asset::Model& model;
  const pipeline::LiveTable& live;
  const historian::Historian& historian;
  alarms::AlarmManager& alarms;
  models::Service& models;
  core::Metrics& metrics;
  const io::Clock& clock;
  std::function<PlantStatus()> plant_status;
  std::function<std::vector<Check>()> readiness;
  ControlCharts charts{};  // without: none
  // Parts of the plant; nullptr: it has none.
  database::Database* database = nullptr;  // then idempotency keys are kept
  const AssetServices* assets = nullptr;
  asset::Commands* commands = nullptr;
  twin::Twins* twins = nullptr;
  analytics::Service* analytics = nullptr;
  const MaintenanceServices* maintenance = nullptr;
  access::Authority* access = nullptr;  // then who is on this machine may do everything
};

class Router;

class Server {
 public:
  Server(Options options, Services services);
  ~Server();  // stops

  core::Status start();
  // Ends all requests and streams within about a second.
  void stop();
  [[nodiscard]] std::uint16_t port() const;
  // Every path that it answers.
  [[nodiscard]] const Router& router() const;
  void on_alarm(const alarms::Alarm& alarm);
  void on_twin(const twin::MachineView& view);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millwright::api
