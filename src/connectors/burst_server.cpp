#include "connectors/burst_server.hpp"

#include <list>
#include <optional>
#include <system_error>
#include <thread>

#include <fmt/format.h>

#include "connectors/burst_session.hpp"
#include "core/log.hpp"
#include "core/mutex.hpp"
#include "http/listener_tls.hpp"

namespace millwright::connectors {
namespace {

namespace burst = protocol::burst;
using core::kMillisecond;
using core::MutexLock;

constexpr core::DurationNs kAcceptSlice = 100 * kMillisecond;

}  // namespace

struct BurstServer::Impl {
  Impl(std::string name, const BurstServerOptions& options, const ConnectorContext& context)
      : hub(std::move(name), options, context), since(context.clock.now()) {}

  struct Client {
    std::thread thread;
    std::atomic<bool> done{false};
  };

  core::Status listen();
  void accept_loop();
  void admit(std::unique_ptr<io::Stream> stream);
  void reap();
  void set_senders();

  BurstHub hub;
  std::optional<io::TlsNetwork> secured;
  std::unique_ptr<io::Listener> listener;
  std::thread acceptor;
  std::list<Client> clients;  // the acceptor's, or stop()'s once the acceptor has ended

  mutable core::Mutex mutex;
  ConnectorState state GUARDED_BY(mutex) = ConnectorState::kStopped;
  core::TimeNs since GUARDED_BY(mutex);
  std::size_t senders GUARDED_BY(mutex) = 0;
  std::uint16_t port GUARDED_BY(mutex) = 0;
};

BurstServer::BurstServer(std::string name, const BurstServerOptions& options, const ConnectorContext& context)
    : impl_(std::make_unique<Impl>(std::move(name), options, context)) {}

BurstServer::~BurstServer() {
  stop();
}

core::Status BurstServer::start() {
  Impl& s = *impl_;
  ASSERT(s.listener == nullptr, "a burst server starts once");
  if (auto up = s.listen(); !up) return core::unexpected(up.error().within("connector " + s.hub.name));
  s.hub.log->info("{}: listening on {}:{}{} for {} channels", s.hub.name, s.hub.options.host, s.listener->port(),
                  s.hub.options.tls.given() ? " (TLS)" : "", s.hub.addresses.size());
  {
    MutexLock lock(s.mutex);
    s.port = s.listener->port();
    s.state = ConnectorState::kConnecting;
    s.since = s.hub.context.clock.now();
  }
  s.acceptor = std::thread([&s] { s.accept_loop(); });
  return {};
}

void BurstServer::stop() {
  Impl& s = *impl_;
  s.hub.stopping = true;
  if (!s.acceptor.joinable()) return;
  s.acceptor.join();
  for (Impl::Client& client : s.clients) client.thread.join();
  s.clients.clear();
  s.listener.reset();
  MutexLock lock(s.mutex);
  s.state = ConnectorState::kStopped;
  s.since = s.hub.context.clock.now();
  s.senders = 0;
}

core::Status BurstServer::Impl::listen() {
  io::Network* network = &hub.context.network;
  if (hub.options.tls.given()) {
    auto context = io::tls_context(hub.options.tls);
    if (!context) return core::unexpected(context.error());
    secured.emplace(*network, std::move(*context));
    network = &*secured;
  }
  auto got = network->listen({hub.options.host, hub.options.port});
  if (!got) return core::unexpected(got.error());
  listener = std::move(*got);
  return {};
}

void BurstServer::Impl::accept_loop() {
  while (!hub.stopping) {
    auto stream = listener->accept(kAcceptSlice);
    reap();
    if (stream) {
      admit(std::move(*stream));
    } else if (stream.error().code != core::ErrorCode::kTimeout) {
      // Out of descriptors, most likely: connections that end will free some.
      hub.log->error("{}: {}", hub.name, stream.error().message);
      std::this_thread::sleep_for(std::chrono::nanoseconds(kAcceptSlice));
    }
  }
}

void BurstServer::Impl::admit(std::unique_ptr<io::Stream> stream) {
  if (clients.size() >= hub.options.clients_max) {
    hub.log->warn("{}: {} turned away: {} connections are the most", hub.name, stream->peer(), hub.options.clients_max);
    std::vector<std::byte> bytes;
    burst::encode(burst::ErrorMessage{burst::ErrorNumber::kTooMany, burst::kNoChannel, "too many connections"}, bytes);
    static_cast<void>(stream->write_all(bytes, kAcceptSlice));
    stream->shut_down();
    return;
  }
  Client& client = clients.emplace_back();
  auto session = std::make_unique<BurstSession>(hub, std::move(stream));
  try {
    client.thread = std::thread([&client, session = std::move(session)] {
      session->run();
      client.done = true;
    });
  } catch (const std::system_error& error) {
    hub.log->error("{}: no thread for another connection: {}", hub.name, error.what());
    clients.pop_back();
  }
  set_senders();
}

void BurstServer::Impl::reap() {
  for (auto client = clients.begin(); client != clients.end();) {
    if (client->done) {
      client->thread.join();
      client = clients.erase(client);
    } else {
      ++client;
    }
  }
  set_senders();
}

void BurstServer::Impl::set_senders() {
  MutexLock lock(mutex);
  const ConnectorState next = clients.empty() ? ConnectorState::kConnecting : ConnectorState::kConnected;
  if (next != state) since = hub.context.clock.now();
  state = next;
  senders = clients.size();
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
    status.detail = fmt::format("listening on {}:{}, {} {}", s.hub.options.host, s.port, s.senders,
                                s.senders == 1 ? "sender" : "senders");
  }
  return status;
}

std::uint16_t BurstServer::port() const {
  MutexLock lock(impl_->mutex);
  return impl_->port;
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
