#include "connectors/burst_server.hpp"

#include <fmt/format.h>

#include "connectors/burst_session.hpp"
#include "connectors/stream_server.hpp"
#include "core/log.hpp"
#include "core/mutex.hpp"
#include "http/listener_tls.hpp"

namespace millwright::connectors {
namespace {

namespace burst = protocol::burst;
using core::kMillisecond;
using core::MutexLock;

constexpr core::DurationNs kLastWord = 100 * kMillisecond;

void turn_away(io::Stream& stream) {
  std::vector<std::byte> bytes;
  burst::encode(burst::ErrorMessage{burst::ErrorNumber::kTooMany, burst::kNoChannel, "too many connections"}, bytes);
  static_cast<void>(stream.write_all(bytes, kLastWord));
}

}  // namespace

struct BurstServer::Impl {
  Impl(std::string name, const BurstServerOptions& options, const ConnectorContext& context)
      : hub(std::move(name), options, context),
        since(context.clock.now()),
        server(context.network,
               {.name = hub.name,
                .address = {options.host, options.port},
                .tls = options.tls,
                .connections_max = options.clients_max},
               {.serve = [this](std::unique_ptr<io::Stream> stream) { BurstSession(hub, std::move(stream)).run(); },
                .turn_away = &turn_away,
                .changed = [this](std::size_t connections) { set_senders(connections); }},
               hub.log) {}

  void set_senders(std::size_t count) EXCLUDES(mutex);

  BurstHub hub;
  mutable core::Mutex mutex;
  ConnectorState state GUARDED_BY(mutex) = ConnectorState::kStopped;
  core::TimeNs since GUARDED_BY(mutex);
  std::size_t senders GUARDED_BY(mutex) = 0;
  StreamServer server;  // the last: its threads use what stands above
};

BurstServer::BurstServer(std::string name, const BurstServerOptions& options, const ConnectorContext& context)
    : impl_(std::make_unique<Impl>(std::move(name), options, context)) {}

BurstServer::~BurstServer() {
  stop();
}

core::Status BurstServer::start() {
  Impl& s = *impl_;
  if (auto up = s.server.start(); !up) return core::unexpected(up.error().within("connector " + s.hub.name));
  s.hub.log->info("{}: listening on {}:{}{} for {} channels", s.hub.name, s.hub.options.host, s.server.port(),
                  s.hub.options.tls.given() ? " (TLS)" : "", s.hub.addresses.size());
  MutexLock lock(s.mutex);
  if (s.state != ConnectorState::kStopped) return {};  // the first sender was quicker
  s.state = ConnectorState::kConnecting;
  s.since = s.hub.context.clock.now();
  return {};
}

void BurstServer::stop() {
  Impl& s = *impl_;
  s.hub.stopping = true;
  s.server.stop();
  MutexLock lock(s.mutex);
  if (s.state != ConnectorState::kStopped) s.since = s.hub.context.clock.now();
  s.state = ConnectorState::kStopped;
  s.senders = 0;
}

void BurstServer::Impl::set_senders(std::size_t count) {
  MutexLock lock(mutex);
  const ConnectorState next = count == 0 ? ConnectorState::kConnecting : ConnectorState::kConnected;
  if (next != state) since = hub.context.clock.now();
  state = next;
  senders = count;
}

ConnectorStatus BurstServer::status() const {
  const Impl& s = *impl_;
  ConnectorStatus status;
  status.name = s.hub.name;
  status.kind = "burst";
  status.readings = s.hub.intake.readings();
  status.refused = s.hub.intake.refused();
  status.reconnects = s.hub.resumed;
  MutexLock lock(s.mutex);
  status.state = s.state;
  status.since = s.since;
  if (s.state == ConnectorState::kStopped) {
    status.detail = "stopped";
  } else {
    status.detail = fmt::format("listening on {}:{}, {} {}", s.hub.options.host, s.server.port(), s.senders,
                                s.senders == 1 ? "sender" : "senders");
  }
  return status;
}

std::uint16_t BurstServer::port() const {
  return impl_->server.port();
}

BurstServerOptions read_burst_server_options(config::Section& section, const std::string& directory) {
  const BurstServerOptions fallback;
  BurstServerOptions options;
  options.host = section.text("host", {.fallback = fallback.host, .length_max = 255});
  options.port =
      static_cast<std::uint16_t>(section.integer("port", {.fallback = fallback.port, .low = 1, .high = 65535}));
  options.clients_max = static_cast<std::size_t>(section.integer(
      "clients_max", {.fallback = static_cast<std::int64_t>(fallback.clients_max), .low = 1, .high = 65536}));
  options.idle_timeout = section.duration(
      "idle_timeout", {.fallback = fallback.idle_timeout, .low = core::kSecond, .high = 24 * core::kHour});
  options.frame_bytes_max = section.bytes(
      "frame_bytes_max", {.fallback = fallback.frame_bytes_max, .low = 1024, .high = burst::kPayloadBytesMax});
  options.future_limit =
      section.duration("future_limit", {.fallback = fallback.future_limit, .low = 0, .high = 365 * 24 * core::kHour});
  options.tls = http::read_listener_tls(section, directory);
  return options;
}

std::unique_ptr<Connector> make_burst_server(std::string name, const BurstServerOptions& options,
                                             const ConnectorContext& context) {
  return std::make_unique<BurstServer>(std::move(name), options, context);
}

}  // namespace millwright::connectors
