// LineStream: takes line protocol over plain TCP connections (docs/format/line-protocol.md), line after line, as
// senders have it that know no HTTP: Telegraf's socket_writer, QuestDB's clients, a script with a socket.
//
// There are no answers, so a sender learns neither that a line was bad nor that it is on disk: bad lines are counted
// and logged, with the peer and the line's number on its connection. What TCP still holds as the plant ends is lost;
// who must not lose anything writes over HTTP or by the burst stream.
//
// Threads: one that accepts, one a connection; the rest from any. A full pipeline stops reading, and so the sender.
// Limits: clients_max connections, kLineBytesMax a line. Metric: millwright_influx_stream_lost_total{connector}.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "connectors/line_lanes.hpp"
#include "connectors/stream_server.hpp"
#include "core/time.hpp"

namespace millwright::connectors {

struct LineStreamOptions {
  StreamServerOptions server;
  core::DurationNs unit = 1;  // of the lines' times, ns
};

class LineStream {
 public:
  static constexpr std::size_t kLineBytesMax = 256 * 1024;

  // `targets`, `context` and `intake` outlive it.
  LineStream(LineStreamOptions options, const LineTargets& targets, const ConnectorContext& context, Intake& intake,
             std::shared_ptr<spdlog::logger> log);
  ~LineStream();

  core::Status start();
  void stop();
  [[nodiscard]] std::uint16_t port() const { return server_.port(); }
  [[nodiscard]] std::size_t connections() const { return connections_; }
  // Readings that were taken and did not reach the disk: the plant stopped, or its history does not write.
  [[nodiscard]] std::uint64_t lost() const { return static_cast<std::uint64_t>(lost_.Value()); }

 private:
  class Connection;
  void serve(std::unique_ptr<io::Stream> stream);

  const LineStreamOptions options_;
  const ConnectorContext& context_;
  Intake& intake_;
  std::shared_ptr<spdlog::logger> log_;
  LineLanes lanes_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::size_t> connections_{0};
  core::Counter& lost_;
  StreamServer server_;  // the last: its threads use what stands above
};

}  // namespace millwright::connectors
