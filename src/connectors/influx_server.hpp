// Influx server: takes line protocol over HTTP as InfluxDB does (docs/format/line-protocol.md), from any number of
// clients, and answers a write once its readings are durable.
//
//   connectors:
//     - {name: gateway, type: influx, port: 8086}
//     - {name: far, type: influx, host: 0.0.0.0, port: 8087,
//        tls: {certificate_file: pki/plant.crt, key_file: pki/plant.key, client_ca_file: pki/ca.crt}}
//     - {name: script, type: influx, port: 8088, tcp_port: 8094}     # and lines on a plain socket: line_stream.hpp
//
// A worker is a source "<connector>/<number>"; which worker takes a request is chance. What a client sends again after
// a lost answer is recorded again, and history gives each reading once.
//
// Threads: one for all sockets; `workers`, which read lines and wait where the pipeline is full; one that looks after
// answers that are late. The Connector calls from any. Requests do not hold a thread while they wait for the disk.
// Errors: an answer says what is wrong (400, 413, 415), or to come again (503 with Retry-After) where the queue is
// full, the plant stops, or the readings were not durable within `answer_timeout`. Limits: body_bytes_max a request, as
// sent and as unpacked; over twice that the connection ends without an answer. kQueueLenMax requests wait for a worker.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/document.hpp"
#include "connectors/connector.hpp"
#include "connectors/intake.hpp"
#include "core/time.hpp"
#include "io/tls.hpp"

namespace millwright::connectors {

struct InfluxServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8086;              // 0: any free one
  std::optional<std::uint16_t> tcp_port;  // for lines without HTTP; nothing: none; 0: any free one
  core::DurationNs tcp_unit = 1;          // of those lines' times, ns
  std::size_t clients_max = 256;          // of each of the two
  std::size_t body_bytes_max = 32 * 1024 * 1024;
  std::size_t workers = 0;  // 0: one for every two cores
  core::DurationNs idle_timeout = 60 * core::kSecond;
  core::DurationNs answer_timeout = 30 * core::kSecond;
  core::DurationNs future_limit = Intake::kDefaultFutureLimit;
  std::vector<std::string> ignore_tags;  // that say nothing about which sensor it is
  io::TlsFiles tls;                      // none: in the clear
};

class InfluxServer final : public Connector {
 public:
  static constexpr std::size_t kQueueLenMax = 256;

  InfluxServer(std::string name, const InfluxServerOptions& options, const ConnectorContext& context);
  ~InfluxServer() override;

  core::Status start() override;
  void stop() override;
  [[nodiscard]] ConnectorStatus status() const override;
  // The port it listens on; 0 before start().
  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] std::uint16_t tcp_port() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Reads its keys from a connector's entry; `name`, `type` and finish() are the caller's. Problems go to the document.
InfluxServerOptions read_influx_server_options(config::Section& section, const std::string& directory);

std::unique_ptr<Connector> make_influx_server(std::string name, const InfluxServerOptions& options,
                                              const ConnectorContext& context);

}  // namespace millwright::connectors
