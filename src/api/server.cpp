#include "api/server.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "api/access.hpp"
#include "api/analytics.hpp"
#include "api/assets.hpp"
#include "api/command_routes.hpp"
#include "api/dispatcher.hpp"
#include "api/grafana.hpp"
#include "api/maintenance.hpp"
#include "api/plant_routes.hpp"
#include "api/streamer.hpp"
#include "api/twin.hpp"
#include "core/log.hpp"
#include "http/listener_tls.hpp"
#include "http/transport.hpp"

namespace millwright::api {
namespace {

constexpr std::size_t kHistoryThreads = 2;
constexpr std::size_t kHistoryQueueLenMax = 64;
constexpr std::size_t kChangeThreads = 1;
constexpr std::size_t kChangeQueueLenMax = 256;

bool is_this_machine(const std::string& host) {
  static constexpr std::array<std::string_view, 3> kHosts = {"127.0.0.1", "::1", "localhost"};
  return std::find(kHosts.begin(), kHosts.end(), host) != kHosts.end();
}

std::string refuse_host(const std::string& host) {
  return fmt::format(
      "'{}' is refused: a listener leaves this machine only with accounts (access.mode: accounts) and TLS (api.tls); "
      "without them use 127.0.0.1, ::1 or localhost",
      host);
}

// More than peers keep half open until they are closed for saying nothing.
constexpr std::size_t kConnectionsMax = 4096;

// Bodies over the limit are read this far, so that they get an answer that says so.
http::TransportOptions transport_options(const Options& options, const Router& router) {
  http::TransportOptions transport;
  transport.host = options.host;
  transport.port = options.port;
  transport.port_setting = "api.port";
  transport.tls = options.tls;
  transport.connections_max = kConnectionsMax;
  transport.body_bytes_max = std::max(transport.body_bytes_max, 2 * options.body_bytes_max);
  for (const auto& one : router.endpoints()) {
    transport.body_bytes_max = std::max(transport.body_bytes_max, one->body_bytes_max + options.body_bytes_max);
  }
  return transport;
}

Router make_router(const Options& options, const Handlers& handlers, const Services& services,
                   const AlarmBoard& board) {
  Router router;
  add_plant_routes(router, handlers);
  if (services.assets != nullptr) add_asset_routes(router, *services.assets);
  add_command_routes(router, services);
  add_twin_routes(router, services, board);
  add_analytics_routes(router, services.analytics);
  add_maintenance_routes(router, services.maintenance);
  add_access_routes(router, services);
  add_grafana_routes(router, options, services);
  return router;
}

}  // namespace

Options read_options(config::Section section, const std::string& directory) {
  Options options;
  options.host = section.text("host", {.fallback = options.host});
  options.tls = http::read_listener_tls(section, directory);
  if (!is_this_machine(options.host) && !options.tls.given()) section.problem("host", refuse_host(options.host));
  options.port =
      static_cast<std::uint16_t>(section.integer("port", {.fallback = options.port, .low = 0, .high = 65535}));
  options.web_directory = section.text("web_directory", {.fallback = options.web_directory});
  const auto size = [&](std::string_view key, std::size_t fallback, std::int64_t low, std::int64_t high) {
    return static_cast<std::size_t>(
        section.integer(key, {.fallback = static_cast<std::int64_t>(fallback), .low = low, .high = high}));
  };
  options.history_rows_max = size("history_rows_max", options.history_rows_max, 1, 1'000'000);
  options.history_time_limit =
      section.duration("history_time_limit", {.fallback = options.history_time_limit, .low = core::kSecond});
  options.sse_clients_max = size("sse_clients_max", options.sse_clients_max, 0, 400);
  options.body_bytes_max =
      section.bytes("body_bytes_max", {.fallback = options.body_bytes_max, .low = 1024, .high = 16ULL << 20});
  section.finish();
  return options;
}

// Members are destroyed from the last to the first: what holds connections goes before the transport they live in.
struct Server::Impl {
  Impl(Options given, Services others)
      : options(std::move(given)),
        services(std::move(others)),
        board(services.alarms),
        handlers(options, services, board),
        router(make_router(options, handlers, services, board)),
        transport(transport_options(options, router)),
        workers(kHistoryThreads, kHistoryQueueLenMax),
        changes(kChangeThreads, kChangeQueueLenMax),
        streamer(options, services, board),
        keys(services.database == nullptr ? nullptr : std::make_unique<IdempotencyKeys>(*services.database)),
        dispatcher(options, services, router, handlers, workers, changes, streamer, keys.get()) {}

  const Options options;
  const Services services;
  const AlarmBoard board;
  const Handlers handlers;
  const Router router;
  http::Transport transport;
  WorkerPool workers;
  WorkerPool changes;
  Streamer streamer;
  const std::unique_ptr<IdempotencyKeys> keys;
  Dispatcher dispatcher;
  bool running = false;
};

Server::Server(Options options, Services services)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(services))) {}

Server::~Server() {
  stop();
}

core::Status Server::start() {
  Impl& impl = *impl_;
  if (!is_this_machine(impl.options.host) && !(impl.options.tls.given() && has_accounts(impl.services.access))) {
    return core::unexpected(core::ErrorCode::kInvalid, "host " + refuse_host(impl.options.host));
  }
  if (impl.keys) {
    if (auto ready = impl.keys->open(); !ready) return ready;
  }
  auto started = impl.transport.start([&impl](Request request, std::shared_ptr<Exchange> exchange) {
    impl.dispatcher.handle(std::move(request), std::move(exchange));
  });
  if (!started) return started;
  impl.workers.start();
  impl.changes.start();
  impl.streamer.start();
  impl.running = true;
  core::logger("api")->info("listening on {}://{}:{}", impl.options.tls.given() ? "https" : "http", impl.options.host,
                            impl.transport.port());
  return {};
}

void Server::stop() {
  Impl& impl = *impl_;
  if (!std::exchange(impl.running, false)) return;
  impl.streamer.stop();  // says goodbye to its clients, while there is still a way to
  impl.workers.stop();
  impl.changes.stop();
  impl.transport.stop();
  // What came in between holds connections, which must go before the transport's end.
  impl.streamer.discard();
  impl.workers.discard();
  impl.changes.discard();
  impl.transport.close();
}

std::uint16_t Server::port() const {
  return impl_->transport.port();
}

const Router& Server::router() const {
  return impl_->router;
}

void Server::on_alarm(const alarms::Alarm& alarm) {
  impl_->streamer.on_alarm(alarm);
}

void Server::on_twin(const twin::MachineView& view) {
  impl_->streamer.on_twin(view);
}

}  // namespace millwright::api
