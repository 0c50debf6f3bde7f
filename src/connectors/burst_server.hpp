// Burst server: takes the burst stream (docs/format/burst.md) from any number of senders, edge nodes and fast machines
// that keep what they sent until it is acknowledged as durable.
//
//   connectors:
//     - {name: vibration, type: burst, port: 4850}
//     - {name: far, type: burst, host: 0.0.0.0, port: 4851,
//        tls: {certificate_file: pki/plant.crt, key_file: pki/plant.key, client_ca_file: pki/ca.crt}}
//
// A channel of a sender feeds the sensors whose source is this connector and that channel's name. Each sender is a
// source "<connector>/<sender's name>"; a newer connection of the same sender takes the place of the older.
//
// Threads: one that accepts, two per connection (reader, writer); the Connector calls from any. A full pipeline stops
// the reader, and so the sender. Errors: a channel that nothing here wants is told to the sender and skipped, the rest
// flows. A frame that breaks the format, a wrong checksum or a missing frame ends the connection; the sender comes back
// and resends from the last ack. Limits: clients_max connections, frame_bytes_max a frame's payload, kSourcesMax
// senders by name since the start.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "config/document.hpp"
#include "connectors/connector.hpp"
#include "connectors/intake.hpp"
#include "core/time.hpp"
#include "io/tls.hpp"
#include "protocol/burst.hpp"

namespace millwright::connectors {

struct BurstServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 4850;  // 0: any free one
  std::size_t clients_max = 1024;
  core::DurationNs idle_timeout = 30 * core::kSecond;  // a connection that says nothing for so long is closed
  std::size_t frame_bytes_max = protocol::burst::kPayloadBytesMax;
  core::DurationNs future_limit = Intake::kDefaultFutureLimit;
  io::TlsFiles tls;  // none: in the clear
};

class BurstServer final : public Connector {
 public:
  static constexpr std::size_t kSourcesMax = 16'384;

  BurstServer(std::string name, const BurstServerOptions& options, const ConnectorContext& context);
  ~BurstServer() override;

  core::Status start() override;
  void stop() override;
  [[nodiscard]] ConnectorStatus status() const override;
  // The port it listens on; 0 before start().
  [[nodiscard]] std::uint16_t port() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Reads its keys from a connector's entry; `name`, `type` and finish() are the caller's. Problems go to the document.
BurstServerOptions read_burst_server_options(config::Section& section, const std::string& directory);

std::unique_ptr<Connector> make_burst_server(std::string name, const BurstServerOptions& options,
                                             const ConnectorContext& context);

}  // namespace millwright::connectors
